package metric_test

import (
	"math"
	"slices"
	"testing"

	"fmtool/models/noise"
	"fmtool/train/data"
	"fmtool/train/metric"
)

var projection = noise.New(1, noise.Projection)

func moons(t *testing.T, n int, seed uint64) []float32 {
	t.Helper()
	set, err := data.Load("moons:n=4000", data.Options{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return set.Rows[:2*n]
}

func value(t *testing.T, m metric.Metric, x, y []float32) float64 {
	t.Helper()
	v, err := m.Of(x, y, 2, projection)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Reversing the order of either set changes no metric.
func TestOrderOfPointsIsFree(t *testing.T) {
	x, y := moons(t, 120, 1), moons(t, 120, 2)
	for i := range x {
		x[i] *= 1.1
	}
	reversed := slices.Clone(x)
	slices.Reverse(reversed)
	for i := 0; i < len(x); i += 2 {
		reversed[i], reversed[i+1] = reversed[i+1], reversed[i]
	}
	for _, m := range metric.Sets {
		if got, want := value(t, m, reversed, y), value(t, m, x, y); math.Abs(got-want) > 1e-9 {
			t.Errorf("%s = %g, in reversed order %g", m.Name, want, got)
		}
	}
}

// Each metric is at its best value for equal distributions, in its direction: samples moved and stretched are worse than fresh ones, by far more than the
// floor's deviation.
func TestMetricsTellSamplesApart(t *testing.T) {
	y := moons(t, 150, 1)
	best := map[metric.Direction]float64{metric.Lower: 0, metric.Higher: 1, metric.One: 1, metric.Half: 0.5, metric.Zero: 0}
	far := moons(t, 150, 3)
	for i := range far {
		far[i] = 1.5*far[i] + 0.7
	}
	for _, m := range metric.Sets {
		floor, err := m.Floor(moons(t, 4000, 9), nil, 2, 150, 4, projection)
		if err != nil {
			t.Fatal(err)
		}
		fresh, moved := value(t, m, moons(t, 150, 2), y), value(t, m, far, y)
		near, away := math.Abs(fresh-best[m.Better]), math.Abs(moved-best[m.Better])
		if away < near+3*floor.Std || math.Abs(fresh-floor.Mean) > 6*floor.Std {
			t.Errorf("%s: fresh samples %.4f, moved ones %.4f, floor %v, want fresh at the floor and moved ones far from it", m.Name, fresh, moved, floor)
		}
		if m.Better == metric.Lower && floor.Mean <= 0 {
			t.Errorf("%s: floor %v, want above 0", m.Name, floor)
		}
	}
}

// Every row of the table refuses sets that are not finite, empty or, where it pairs points, of different sizes.
func TestMetricsRefuse(t *testing.T) {
	good := moons(t, 20, 1)
	bad := slices.Clone(good)
	bad[7] = float32(math.NaN())
	for _, m := range metric.Sets {
		for name, c := range map[string]struct{ x, y []float32 }{"NaN": {bad, good}, "NaN in the data": {good, bad}, "nothing": {nil, nil}, "half a point": {good[:3], good[:3]}} {
			if _, err := m.Of(c.x, c.y, 2, projection); err == nil {
				t.Errorf("%s accepted %s", m.Name, name)
			}
		}
		if _, err := m.Of(good[:20], good, 2, projection); (err != nil) != m.Equal {
			t.Errorf("%s of 10 and 20 points: error %v, the table says equal sizes: %v", m.Name, err, m.Equal)
		}
		if n := 2 * (metric.AssignmentLimit + 1); m.Limit > 0 {
			if _, err := m.Of(make([]float32, n), make([]float32, n), 2, projection); err == nil {
				t.Errorf("%s accepted more than %d points", m.Name, m.Limit)
			}
		}
	}
}

// Halves of labelled rows hold as many of each class; odd ones out pair up, so that no row is lost.
func TestHalvesByClass(t *testing.T) {
	rows, labels := make([]float32, 100), make([]int64, 100)
	for i := range rows {
		labels[i] = int64(min(i/31, 2)) // 31, 31 and 38 rows
		rows[i] = float32(labels[i])
	}
	count := func(v []float32) (n [3]int) {
		for _, c := range v {
			n[int(c)]++
		}
		return n
	}
	x, y, err := metric.Halves(rows, labels, 1, 49, projection)
	if err != nil || count(x) != [3]int{15, 15, 19} || count(y) != count(x) {
		t.Errorf("classes %v and %v, %v, want 15, 15 and 19 of each", count(x), count(y), err)
	}
	if x, y, err = metric.Halves(rows, labels, 1, 50, projection); err != nil || len(x) != 50 || len(y) != 50 {
		t.Errorf("%d and %d rows, %v, want 50 of each", len(x), len(y), err)
	}
}

// Disjoint halves share no row, and too few rows are refused.
func TestHalves(t *testing.T) {
	rows := make([]float32, 50)
	for i := range rows {
		rows[i] = float32(i)
	}
	x, y, err := metric.Halves(rows, nil, 1, 25, projection)
	if err != nil {
		t.Fatal(err)
	}
	all := append(slices.Clone(x), y...)
	slices.Sort(all)
	if !slices.Equal(all, rows) || slices.IsSorted(x) {
		t.Errorf("halves %v and %v, want all rows in a random order", x, y)
	}
	if _, _, err := metric.Halves(rows, nil, 1, 26, projection); err == nil {
		t.Error("52 rows taken from 50")
	}
}

func TestParse(t *testing.T) {
	for _, name := range metric.Names() {
		if m, err := metric.Parse(name); err != nil || m.Name != name || m.Source == "" || m.Formula == "" {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	if _, err := metric.Parse("wasserstein"); err == nil {
		t.Error("unknown metric accepted")
	}
}
