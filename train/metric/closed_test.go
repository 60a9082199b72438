package metric_test

import (
	"math"
	"slices"
	"testing"

	"fmtool/models/noise"
	"fmtool/train/metric"
)

// normals are n points, standard normal in dim dimensions.
func normals(n, dim int, seed uint64) []float32 {
	x := make([]float32, n*dim)
	noise.New(seed, noise.Probe).Normals(x, 0)
	return x
}

// On a line, sorting solves the transport: W1 and W2 are the means over ranks, and so is every slice.
func TestTransportOnALine(t *testing.T) {
	x, y := normals(200, 1, 1), normals(200, 1, 2)
	a, b := slices.Clone(x), slices.Clone(y)
	slices.Sort(a)
	slices.Sort(b)
	var w1, w2 float64
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		w1, w2 = w1+d/200, w2+d*d/200
	}
	if got, _ := metric.W1(x, y, 1); math.Abs(got-w1) > 1e-9 {
		t.Errorf("W1 = %g, by sorting %g", got, w1)
	}
	if got, _ := metric.W2(x, y, 1); math.Abs(got-math.Sqrt(w2)) > 1e-9 {
		t.Errorf("W2 = %g, by sorting %g", got, math.Sqrt(w2))
	}
	if got, _ := metric.SlicedW2(x, y, 1, 3, projection); math.Abs(got-math.Sqrt(w2)) > 1e-6 {
		t.Errorf("sliced W2 = %g, by sorting %g", got, math.Sqrt(w2))
	}
}

// Small sets by hand: {0, 2} and {1, 5}.
func TestSmallSets(t *testing.T) {
	x, y := []float32{0, 2}, []float32{1, 5}
	// E|x−y| = (1 + 5 + 1 + 3)/4 = 2.5, E|x−x′| = 1, E|y−y′| = 2
	if got, _ := metric.Energy(x, y, 1); math.Abs(got-2) > 1e-12 {
		t.Errorf("energy = %g, want 2", got)
	}
	// σ = 4: k(x,x′) = e^(−4/32), k(y,y′) = e^(−16/32), E k(x,y) = (2e^(−1/32) + e^(−25/32) + e^(−9/32))/4
	want := math.Exp(-4./32) + math.Exp(-16./32) - 2*(2*math.Exp(-1./32)+math.Exp(-25./32)+math.Exp(-9./32))/4
	if got, _ := metric.MMD(x, y, 1); math.Abs(got-want) > 1e-7 {
		t.Errorf("MMD = %g, want %g", got, want)
	}
}

// The unbiased MMD is 0 on average over pairs of one distribution.
func TestMMDIsUnbiased(t *testing.T) {
	var values []float64
	for k := range uint64(100) {
		v, err := metric.MMD(normals(40, 2, 2*k), normals(40, 2, 2*k+1), 2)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, v)
	}
	if mean, std := metric.MeanStd(values); math.Abs(mean) > 3*std/10 {
		t.Errorf("mean %g over 100 pairs, deviation %g", mean, std)
	}
}

// A set against itself: distances are 0, the classifier finds copies, every ball holds its own centre.
func TestEqualSets(t *testing.T) {
	x := normals(100, 3, 1)
	for _, c := range []struct {
		name string
		of   func(x, y []float32, dim int) (float64, error)
		want float64
	}{{"W1", metric.W1, 0}, {"W2", metric.W2, 0}, {"Sinkhorn", metric.Sinkhorn, 0}, {"energy", metric.Energy, 0}, {"C2ST", metric.C2ST, 0},
		{"coverage", metric.Coverage, 1}, {"density", metric.Density, 1.2}} { // six points lie in each ball: its centre and five neighbours
		if got, err := c.of(x, x, 3); err != nil || math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s = %g, %v, want %g", c.name, got, err, c.want)
		}
	}
}

// Sets on different planets: the classifier is always right, no ball holds a sample.
func TestFarSets(t *testing.T) {
	x, y := normals(50, 2, 1), normals(50, 2, 2)
	for i := range x {
		x[i] += 100
	}
	for _, c := range []struct {
		name string
		of   func(x, y []float32, dim int) (float64, error)
		want float64
	}{{"C2ST", metric.C2ST, 1}, {"coverage", metric.Coverage, 0}, {"density", metric.Density, 0}} {
		if got, err := c.of(x, y, 2); err != nil || got != c.want {
			t.Errorf("%s = %g, %v, want %g", c.name, got, err, c.want)
		}
	}
}

// A shift of the data by v is a Sinkhorn divergence of |v|², whatever the regularisation: cross terms of f and g cancel.
func TestSinkhornOfAShift(t *testing.T) {
	x := normals(150, 2, 1)
	y := slices.Clone(x)
	for i := range y {
		y[i] += []float32{0.6, 0.8}[i%2]
	}
	if got, err := metric.Sinkhorn(x, y, 2); err != nil || math.Abs(got-1) > 1e-3 {
		t.Errorf("Sinkhorn divergence %g, %v, want 1", got, err)
	}
}

// A quarter of the unit circle at unit angular speed: energy (π/2)², chord √2, length π/2; a straight line at constant speed is perfectly straight.
func TestPaths(t *testing.T) {
	arc, line := metric.Path{Dim: 2}, metric.Path{Dim: 2}
	const n = 1000
	for k := range n + 1 {
		s := float64(k) / n
		sin, cos := math.Sincos(s * math.Pi / 2)
		arc.T, arc.X = append(arc.T, s), append(arc.X, []float32{float32(cos), float32(sin)})
		line.T, line.X = append(line.T, s), append(line.X, []float32{float32(3 * s), float32(4 * s)})
	}
	energy := math.Pi * math.Pi / 4
	for name, want := range map[string][2]float64{"path energy": {energy, 25}, "straightness": {energy - 2, 0},
		"curvature": {energy/2 - 1, 0}, "detour": {math.Pi / 2 / math.Sqrt2, 1}} {
		for _, m := range metric.Paths {
			if m.Name != name {
				continue
			}
			for i, p := range []metric.Path{arc, line} {
				if got, err := m.Of(p); err != nil || math.Abs(got-want[i]) > 1e-3 {
					t.Errorf("%s of path %d = %g, %v, want %g", name, i, got, err, want[i])
				}
			}
		}
	}
	if got := metric.NPE(30, 20); got != 0.5 {
		t.Errorf("NPE = %g, want 0.5", got)
	}
	arc.T[5] = arc.T[4]
	if _, err := metric.Energies(arc); err == nil {
		t.Error("a path whose time stands still accepted")
	}
}

// The mean of −log p over rows of p estimates its entropy, ½ log 2πe for a standard normal, within the standard error that it reports.
func TestNLL(t *testing.T) {
	var logs []float64
	for _, v := range normals(4000, 1, 1) {
		logs = append(logs, -float64(v)*float64(v)/2-math.Log(2*math.Pi)/2)
	}
	want := math.Log(2*math.Pi*math.E) / 2
	if nll, se := metric.NLL(logs); math.Abs(nll-want) > 3*se || se < 0.005 || se > 0.02 {
		t.Errorf("NLL %g ± %g, want %g", nll, se, want)
	}
}
