package metric_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"fmtool/models/noise"
	"fmtool/train/data"
	"fmtool/train/metric"
)

func Example() {
	d, err := metric.W2([]float32{0, 0, 1, 0}, []float32{1, 0.5, 0, 0.5}, 2)
	fmt.Println(d, err)
	// Output: 0.5 <nil>
}

// Moving a set by a vector moves it exactly that far, in W2 and, by a factor √dim, in sliced W2.
func TestShift(t *testing.T) {
	set, _ := data.Load("moons:n=300", data.Options{})
	moved := slices.Clone(set.Rows)
	for i := range moved {
		moved[i] += []float32{3, 4}[i%2]
	}
	if d, err := metric.W2(set.Rows, moved, 2); err != nil || math.Abs(d-5) > 1e-4 {
		t.Errorf("W2 = %g, %v", d, err)
	}
	if d, err := metric.SlicedW2(set.Rows, moved, 2, 2000, noise.New(1, noise.Projection)); err != nil || math.Abs(d-5/math.Sqrt2) > 0.1 {
		t.Errorf("sliced W2 = %g, %v, want %g", d, err, 5/math.Sqrt2)
	}
	if d, _ := metric.SlicedW2(set.Rows, set.Rows, 2, 10, noise.New(1, noise.Projection)); d != 0 {
		t.Errorf("sliced W2 of a set with itself = %g", d)
	}
	if _, err := metric.W2(set.Rows, moved[:2], 2); err == nil {
		t.Error("sets of different sizes accepted")
	}
}

// The floor of moons (noise 0.05, ×2, −1) is the known one, 0.31 ± 0.10.
func TestMoonsFloor(t *testing.T) {
	var floors []float64
	for seed := range uint64(3) {
		load := func(s uint64) []float32 {
			set, err := data.Load("moons:noise=0.05,scale=2,shift=-1,n=1000", data.Options{Seed: s})
			if err != nil {
				t.Fatal(err)
			}
			return set.Rows
		}
		d, err := metric.W2(load(2*seed), load(2*seed+1), 2)
		if err != nil {
			t.Fatal(err)
		}
		floors = append(floors, d)
	}
	if mean, std := metric.MeanStd(floors); mean < 0.1 || mean > 0.5 {
		t.Errorf("floor %.3f ± %.3f", mean, std)
	}
}

// Novelty is 0 for copies of the training rows and near 1 for fresh rows; agreement tells the moons apart.
func TestNoveltyAndAgreement(t *testing.T) {
	rows, _ := data.Load("moons:n=500", data.Options{Seed: 1})
	fresh, _ := data.Load("moons:n=500", data.Options{Seed: 2})
	if v := metric.Novelty(rows.Rows, rows.Rows, 2); v != 0 {
		t.Errorf("novelty of copies %g", v)
	}
	if v := metric.Novelty(fresh.Rows, rows.Rows, 2); v < 0.8 || v > 1.25 {
		t.Errorf("novelty of fresh rows %g", v)
	}
	if v := metric.Agreement(fresh.Rows, fresh.Labels, rows.Rows, rows.Labels, 2); v < 0.99 {
		t.Errorf("agreement %g", v)
	}
	wrong := slices.Clone(fresh.Labels)
	for i := range wrong {
		wrong[i] = 1 - wrong[i]
	}
	if v := metric.Agreement(fresh.Rows, wrong, rows.Rows, rows.Labels, 2); v > 0.01 {
		t.Errorf("agreement with swapped labels %g", v)
	}
}

func TestMedianAndMeanStd(t *testing.T) {
	if m := metric.Median([]float64{5, 1, 3, 2}); m != 2.5 {
		t.Errorf("median %g", m)
	}
	if m, s := metric.MeanStd([]float64{1, 3}); m != 2 || math.Abs(s-math.Sqrt2) > 1e-15 {
		t.Errorf("mean %g, std %g", m, s)
	}
}

// Samples that are no numbers, as a diverged model gives, are an error of the distances and a miss of the agreement, never a panic.
func TestNotFinite(t *testing.T) {
	good := []float32{1, 2, 3, 4}
	for _, v := range []float64{math.NaN(), math.Inf(1)} {
		bad := []float32{1, 2, float32(v), 4}
		if _, err := metric.W2(good, bad, 2); err == nil {
			t.Errorf("W2 accepted %g", v)
		}
		if _, err := metric.SlicedW2(bad, good, 2, 3, noise.New(1, noise.Projection)); err == nil {
			t.Errorf("sliced W2 accepted %g", v)
		}
		if a := metric.Agreement(bad, []int64{0, 0}, good, []int64{0, 0}, 2); a != 0.5 {
			t.Errorf("agreement with %g is %g, want 0.5", v, a)
		}
	}
	if _, err := metric.W2(good, good, 0); err == nil {
		t.Error("W2 in no dimensions")
	}
}
