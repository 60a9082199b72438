//go:build show

package train_test

import (
	"context"
	"testing"
	"time"

	"fmtool/models"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/train"
	"fmtool/train/data"
	"fmtool/train/metric"
)

// planar is n points of the moons with noise 0.05, doubled and moved by −1 in x, as in the literature.
func planar(t *testing.T, n int, seed uint64) *data.Set {
	t.Helper()
	set, err := data.Load("moons:noise=0.05", data.Options{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	index := make([]int, n)
	for i := range index {
		index[i] = i
	}
	set = set.Take(index)
	for i, v := range set.Rows {
		set.Rows[i] = 2*v - float32(1-i%2)
	}
	return set
}

// euler draws n samples in 100 steps.
func euler(t *testing.T, m *models.Model, n int, seed uint64) []float32 {
	t.Helper()
	const steps = 100
	p := compile(t, m)
	x, u, at := tensor.New(tensor.Float32, n, 2), tensor.New(tensor.Float32, n, 2), tensor.New(tensor.Float32, 1, 1)
	noise.New(seed, noise.Sampling).Rows(x.Float32(), 0, 2)
	for k := range steps {
		at.Float32()[0] = float32(k) / steps
		if err := p.Run(context.Background(), []tensor.Tensor{x, at}, []tensor.Tensor{u}); err != nil {
			t.Fatal(err)
		}
		for i, v := range u.Float32() {
			x.Float32()[i] += v / steps
		}
	}
	m.Spec.Normaliser.Decode(x.Float32(), x.Float32(), 2)
	return x.Float32()
}

// Samples of a network of three layers of 64, trained for at most a minute, are as far from fresh points as fresh points are from each other: W2 over
// five seeds at most the floor and one standard deviation of it.
func TestShowMoons(t *testing.T) {
	var got, floor []float64
	for seed := range uint64(5) {
		c := train.Default()
		c.Seed, c.Unconditional, c.Rate.Peak, c.Checkpoint = seed, true, 5e-3, c.Steps
		begun := time.Now()
		m, _, err := train.LoadRun(run(t, c, planar(t, 10000, seed)), false)
		if err != nil {
			t.Fatal(err)
		}
		seconds := time.Since(begun).Seconds()
		fresh, other := planar(t, 1000, 100+seed), planar(t, 1000, 200+seed)
		w, err := metric.W2(euler(t, m, 1000, seed), fresh.Rows, 2)
		if err != nil {
			t.Fatal(err)
		}
		f, err := metric.W2(other.Rows, fresh.Rows, 2)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("seed %d: W2 %.3f, floor %.3f, trained in %.1f s", seed, w, f, seconds)
		if got, floor = append(got, w), append(floor, f); seconds > 60 {
			t.Errorf("seed %d: trained for %.0f s, want at most 60", seed, seconds)
		}
	}
	mean, _ := metric.MeanStd(got)
	base, std := metric.MeanStd(floor)
	t.Logf("moons: W2 %.3f, floor %.3f ± %.3f", mean, base, std)
	if mean > base+std {
		t.Error("above the floor and one standard deviation")
	}
}
