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
	return eulerIn(t, m, n, seed, 100)
}

func eulerIn(t *testing.T, m *models.Model, n int, seed uint64, steps int) []float32 {
	t.Helper()
	p := compile(t, m)
	x, u, at := tensor.New(tensor.Float32, n, 2), tensor.New(tensor.Float32, n, 2), tensor.New(tensor.Float32, 1, 1)
	noise.New(seed, noise.Sampling).Rows(x.Float32(), 0, 2)
	for k := range steps {
		at.Float32()[0] = float32(k) / float32(steps)
		if err := p.Run(context.Background(), []tensor.Tensor{x, at}, []tensor.Tensor{u}); err != nil {
			t.Fatal(err)
		}
		for i, v := range u.Float32() {
			x.Float32()[i] += v / float32(steps)
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

// Reflow from N(0, I) to eight Gaussians: one Euler step of the model after it is within 1.5 times its own 100 steps in W2 to 1,000 fresh points.
func TestShowReflow(t *testing.T) {
	const source = "8gaussians:n=10000"
	c := train.Default()
	c.Data, c.Unconditional, c.Rate.Peak, c.Checkpoint, c.HeldOut = source, true, 5e-3, c.Steps, 0
	set, err := c.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := run(t, c, set)
	r, err := train.ReflowConfig(before)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if set, err = r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	drawn := time.Since(begun).Seconds()
	after := run(t, r, set)
	t.Logf("%d pairs drawn in %.1f s, trained in %.1f s", set.Len(), drawn, time.Since(begun).Seconds()-drawn)
	fresh, err := data.Load("8gaussians:n=1000", data.Options{Seed: 99})
	if err != nil {
		t.Fatal(err)
	}
	other, err := data.Load("8gaussians:n=1000", data.Options{Seed: 98})
	if err != nil {
		t.Fatal(err)
	}
	distance := func(x []float32) float64 {
		w, err := metric.W2(x, fresh.Rows, 2)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	t.Logf("floor: W2 %.3f", distance(other.Rows))
	w2 := map[string]map[int]float64{}
	for name, dir := range map[string]string{"before": before, "after": after} {
		m, facts, err := train.LoadRun(dir, false)
		if err != nil {
			t.Fatal(err)
		}
		w2[name] = map[int]float64{}
		for _, steps := range []int{1, 2, 4, 10, 100} {
			w2[name][steps] = distance(eulerIn(t, m, 1000, 7, steps))
		}
		t.Logf("%s: one step %.3f, 2 %.3f, 4 %.3f, 10 %.3f, 100 %.3f in W2", name, w2[name][1], w2[name][2], w2[name][4], w2[name][10], w2[name][100])
		if was, is, ok := facts.Straightness(); ok {
			t.Logf("straightness %.4f before, %.4f after", was, is)
		}
	}
	if got := w2["after"]; got[1] > 1.5*got[100] {
		t.Errorf("one step %.3f, 100 steps %.3f", got[1], got[100])
	}
}
