package runtime_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/solver"
)

var _ runtime.DivergenceField = (*runtime.DivergentModel)(nil)

// blobs is a mixture of isotropic Gaussians in two dimensions whose field is known; a Gaussian is a mixture of one.
type blobs struct{ means, sigmas, weights []float64 }

var gaussian, mixed = blobs{[]float64{1, -0.5}, []float64{0.4}, []float64{1}}, blobs{[]float64{1, 0, -1, 0.5, 0, -2}, []float64{0.3, 0.5, 0.2}, []float64{1, 2, 3}}

// coefficients builds α, β and their slopes as values of a graph.
var coefficients = map[string]func(b *graph.Builder, t *graph.Value) (alpha, beta, dAlpha, dBeta *graph.Value){
	"linear": func(b *graph.Builder, t *graph.Value) (alpha, beta, dAlpha, dBeta *graph.Value) {
		return t, b.Shift(b.Neg(t), 1), b.Scalar(tensor.Float32, 1), b.Scalar(tensor.Float32, -1)
	},
	"cosine": func(b *graph.Builder, t *graph.Value) (alpha, beta, dAlpha, dBeta *graph.Value) {
		s, c := b.Op("Sin", nil, b.Scale(t, math.Pi/2)), b.Op("Cos", nil, b.Scale(t, math.Pi/2))
		return s, c, b.Scale(c, math.Pi/2), b.Scale(s, -math.Pi/2)
	},
}

// build adds the closed form of a quantity: see flow.Mixture for the formulas.
func (m blobs) build(b *graph.Builder, schedule string, q flow.Quantity, x, t *graph.Value) *graph.Value {
	alpha, beta, dAlpha, dBeta := coefficients[schedule](b, t)
	var logits, x1s, scores []*graph.Value
	for k, s := range m.sigmas {
		mean := b.Const(tensor.Of([]float32{float32(m.means[2*k]), float32(m.means[2*k+1])}, 1, 2))
		v := b.Add(b.Scale(b.Mul(alpha, alpha), s*s), b.Mul(beta, beta))
		d := b.Subtract(x, b.Mul(alpha, mean))
		square := b.ReduceSum(b.Mul(d, d), true, 1)
		logits = append(logits, b.Shift(b.Neg(b.Add(b.Div(square, b.Scale(v, 2)), b.Op("Log", nil, v))), math.Log(m.weights[k])))
		x1s = append(x1s, b.Add(mean, b.Mul(d, b.Div(b.Scale(alpha, s*s), v))))
		scores = append(scores, b.Neg(b.Div(d, v)))
	}
	p := b.Op("Softmax", graph.Attrs{"axis": int64(1)}, b.Concat(1, logits...))
	var x1, score *graph.Value
	for k := range m.sigmas {
		pk := b.Op("Gather", graph.Attrs{"axis": int64(1)}, p, b.Ints(k))
		a, s := b.Mul(pk, x1s[k]), b.Mul(pk, scores[k])
		if k > 0 {
			a, s = b.Add(x1, a), b.Add(score, s)
		}
		x1, score = a, s
	}
	switch q {
	case flow.X1:
		return x1
	case flow.Score:
		return score
	case flow.Noise:
		return b.Neg(b.Mul(beta, score))
	}
	return b.Subtract(b.Mul(dAlpha, x1), b.Mul(b.Mul(dBeta, beta), score))
}

// field is the file of the closed form in a space where columns have different scales.
func (m blobs) field(t *testing.T, schedule string, q flow.Quantity) ([]byte, flow.Spec) {
	t.Helper()
	s := spec(flow.Condition{Kind: flow.Unconditional}, 2)
	s.Normaliser = flow.Normaliser{Kind: "column", Mean: []float32{3, -1}, Scale: []float32{2, 0.5}}
	var err error
	if s.Schedule, err = flow.ParseSchedule(schedule); err != nil {
		t.Fatal(err)
	}
	s.Prediction = q
	s.TimeMin, s.TimeMax = flow.Interval(s.Schedule, q, flow.Velocity)
	return fieldFile(t, s, func(b *graph.Builder, x, at *graph.Value) *graph.Value { return m.build(b, schedule, q, x, at) }), s
}

func fieldFile(t *testing.T, s flow.Spec, build func(b *graph.Builder, x, at *graph.Value) *graph.Value) []byte {
	t.Helper()
	b := graph.NewBuilder("closed")
	x := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(s.Dim()))
	at := b.Input("t", tensor.Float32, graph.Sym(graph.TimeDim), graph.Fix(1))
	b.Output("velocity", build(b, x, at))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return graphFile(t, g, s)
}

// truth is the log-density of data rows.
func (m blobs) truth(t *testing.T, s flow.Spec, rows []float32) []float64 {
	t.Helper()
	mix, err := flow.NewMixture(s.Schedule, 2, m.means, m.sigmas, m.weights)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, len(rows)/2)
	for i := range out {
		n := s.Normaliser
		x := make([]float64, 2)
		for j := range x {
			k := j % len(n.Mean)
			x[j] = (float64(rows[2*i+j]) - float64(n.Mean[k])) / float64(n.Scale[k])
		}
		out[i] = mix.At(x, 1).LogDensity + n.LogJacobian(2)
	}
	return out
}

func divergence(t *testing.T, file []byte, o engine.Options, d runtime.Divergence) *runtime.DivergentModel {
	t.Helper()
	f, err := runtime.OpenDivergence(native.Engine{}, file, o, d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func worst(got, want []float64) float64 {
	d := 0.0
	for i := range got {
		d = max(d, math.Abs(got[i]-want[i]))
	}
	return d
}

// Log-densities of closed-form fields are the closed form's to 1e-3 nats, in data units: of samples on the way out, and of the same rows on the way
// back.
func TestLikelihoodOfClosedForms(t *testing.T) {
	for _, c := range []struct {
		name     string
		m        blobs
		schedule string
		q        flow.Quantity
		float64  bool
		limit    float64
	}{
		{"gaussian", gaussian, "linear", flow.Velocity, false, 1e-3},
		{"gaussian", gaussian, "cosine", flow.Velocity, false, 1e-3},
		{"mixture", mixed, "linear", flow.Velocity, false, 1e-3},
		{"mixture", mixed, "cosine", flow.Velocity, false, 1e-3},
		{"mixture in float64", mixed, "linear", flow.Velocity, true, 1e-5},
		{"mixture", mixed, "linear", flow.Noise, false, 1e-3},
		{"mixture", mixed, "cosine", flow.Score, false, 3e-3}, // the field is held near both ends: see flow.Interval
	} {
		name := fmt.Sprintf("%s, %s, %v", c.name, c.schedule, c.q)
		file, s := c.m.field(t, c.schedule, c.q)
		l := runtime.Likelihood{Field: divergence(t, file, engine.Options{Float64: c.float64}, runtime.Divergence{}), Steps: 120}
		rows := tensor.New(tensor.Float32, 24, 2)
		forward, err := l.Sample(t.Context(), rows, tensor.Tensor{}, 7, 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		reverse, err := l.Data(t.Context(), rows, tensor.Tensor{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := c.m.truth(t, s, rows.Float32())
		f, r := worst(forward.Log, want), worst(reverse.Log, want)
		t.Logf("%s: off by %.1e nats forward, %.1e in reverse, %.1e between them", name, f, r, worst(forward.Log, reverse.Log))
		if !(f <= c.limit && r <= c.limit) {
			t.Errorf("%s: off by %g nats forward, %g in reverse, want at most %g", name, f, r, c.limit)
		}
		if forward.Err != nil || forward.Evaluations != 480 {
			t.Errorf("%s: errors %v of an exact divergence, %d evaluations", name, forward.Err, forward.Evaluations)
		}
	}
}

// Hutchinson's estimate agrees with the exact divergence within the error it reports, row by row and in the mean, for both kinds of probes.
func TestHutchinson(t *testing.T) {
	file, _ := mixed.field(t, "linear", flow.Velocity)
	rows := tensor.New(tensor.Float32, 64, 2)
	exact, err := (runtime.Likelihood{Field: divergence(t, file, engine.Options{}, runtime.Divergence{}), Steps: 30}).Sample(t.Context(), rows, tensor.Tensor{}, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, gaussian := range []bool{false, true} {
		const probes = 24
		f := divergence(t, file, engine.Options{}, runtime.Divergence{Probes: probes, Gaussian: gaussian, Seed: 3})
		got, err := (runtime.Likelihood{Field: f, Steps: 30}).Data(t.Context(), rows, tensor.Tensor{})
		if err != nil {
			t.Fatal(err)
		}
		square, spread := 0.0, 0.0
		for i, e := range got.Err {
			square += (got.Log[i] - exact.Log[i]) * (got.Log[i] - exact.Log[i])
			spread += e * e
		}
		// The ratio of the two sums is χ²-like with 64 rows: 1 ± 0.18 for normal errors.
		if ratio := square / spread; ratio < 0.5 || ratio > 1.7 {
			t.Errorf("gaussian %v: squared deviations are %.2f of what the errors say", gaussian, ratio)
		}
		mean, _ := got.Mean()
		want, _ := exact.Mean()
		e := got.ProbeErr()
		if math.Abs(e-math.Sqrt(spread)/64) > 1e-12 || exact.ProbeErr() != 0 {
			t.Errorf("gaussian %v: error %g of the mean by probes, %g exactly", gaussian, e, exact.ProbeErr())
		}
		if math.Abs(mean-want) > 3*e {
			t.Errorf("gaussian %v: mean %.4f ± %.4f, exact %.4f", gaussian, mean, e, want)
		}
	}
}

// spy records what probes a solve sees.
type spy struct {
	runtime.DivergenceField
	seen []string
}

func (s *spy) VelocityDivergence(ctx context.Context, u, div, x, t, y, probes tensor.Tensor) error {
	s.seen = append(s.seen, fmt.Sprint(probes.Float64()))
	return s.DivergenceField.VelocityDivergence(ctx, u, div, x, t, y, probes)
}

// Probes are fixed for the whole trajectory of a row, whatever the batch: a solver that saw new ones at each call would take them for a rough field.
// They differ between rows, probes and seeds, and Rademacher's are ±1.
func TestProbesAreFixed(t *testing.T) {
	file, _ := mixed.field(t, "linear", flow.Velocity)
	rows := tensor.New(tensor.Float32, 6, 2)
	if _, err := (runtime.Sampler{Field: openFile(t, file), Steps: 5}).Sample(t.Context(), rows, tensor.Tensor{}); err != nil {
		t.Fatal(err)
	}
	data := func(seed uint64, batch int) (*spy, runtime.Densities) {
		s := &spy{DivergenceField: divergence(t, file, engine.Options{}, runtime.Divergence{Probes: 3, Seed: seed})}
		d, err := (runtime.Likelihood{Field: s, Steps: 10, Batch: batch}).Data(t.Context(), rows, tensor.Tensor{})
		if err != nil {
			t.Fatal(err)
		}
		return s, d
	}
	s, whole := data(1, 6)
	for i, v := range s.seen {
		if v != s.seen[0] {
			t.Fatalf("call %d sees %s, the first %s", i, v, s.seen[0])
		}
	}
	if strings.Trim(strings.NewReplacer("-1", "", "1", "", " ", "").Replace(s.seen[0]), "[]") != "" || !strings.Contains(s.seen[0], "-1") {
		t.Errorf("Rademacher probes are %s", s.seen[0])
	}
	if _, parts := data(1, 4); worst(parts.Log, whole.Log) != 0 {
		t.Error("the batch changes the estimates")
	}
	if _, other := data(2, 6); worst(other.Log, whole.Log) == 0 {
		t.Error("another seed, the same probes")
	}
	for i, e := range whole.Err {
		if !(e > 0) {
			t.Errorf("row %d: the probes do not differ: error %g", i, e)
		}
	}
}

// Samples with log-densities are those of the sampler: the same rows of the same seed, offset and steps, which lie where the grid says.
func TestLikelihoodSamples(t *testing.T) {
	file, _ := mixed.field(t, "linear", flow.Velocity)
	grid, err := flow.ParseGrid("shift:3")
	if err != nil {
		t.Fatal(err)
	}
	f := divergence(t, file, engine.Options{}, runtime.Divergence{})
	for _, g := range []*flow.Grid{nil, &grid} {
		want, got := tensor.New(tensor.Float32, 10, 2), tensor.New(tensor.Float32, 10, 2)
		if _, err := (runtime.Sampler{Field: openFile(t, file), Steps: 20, Method: solver.Heun, Grid: g, Seed: 5, Offset: 3}).Sample(t.Context(), want, tensor.Tensor{}); err != nil {
			t.Fatal(err)
		}
		if _, err := (runtime.Likelihood{Field: f, Steps: 20, Method: solver.Heun, Grid: g, Batch: 3}).Sample(t.Context(), got, tensor.Tensor{}, 5, 3); err != nil {
			t.Fatal(err)
		}
		if d := worst32(got.Float32(), want.Float32()); d > 1e-5 {
			t.Errorf("grid %v: samples beside log-densities are %g off those alone", g, d)
		}
	}
}

// A constant column is left out: the density is that of the other column, though the network's velocity in it would add to the divergence.
func TestConstantColumnsAreLeftOut(t *testing.T) {
	s := spec(flow.Condition{Kind: flow.Unconditional}, 2)
	s.Normaliser = flow.Normaliser{Kind: "column", Mean: []float32{0, 7}, Scale: []float32{2, 1}, Constant: []bool{false, true}}
	const sigma = 0.5 // of the first column in model space: u = x (t(σ²+1) − 1)/(t²σ² + (1−t)²)
	file := fieldFile(t, s, func(b *graph.Builder, x, at *graph.Value) *graph.Value {
		rest := b.Shift(b.Neg(at), 1)
		v := b.Add(b.Scale(b.Mul(at, at), sigma*sigma), b.Mul(rest, rest))
		rate := b.Div(b.Shift(b.Scale(at, 1+sigma*sigma), -1), v)
		return b.Mul(x, b.Concat(1, rate, b.Shift(b.Scale(at, 0), -3)))
	})
	rows := tensor.Of([]float32{1, 7, -0.3, 7}, 2, 2)
	for _, d := range []runtime.Divergence{{}, {Probes: 2}} { // one column: one Rademacher probe is exact
		got, err := (runtime.Likelihood{Field: divergence(t, file, engine.Options{}, d)}).Data(t.Context(), rows, tensor.Tensor{})
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range []float64{1, -0.3} {
			z := v / (2 * sigma)
			if want := -z*z/2 - math.Log(2*sigma) - math.Log(2*math.Pi)/2; math.Abs(got.Log[i]-want) > 1e-4 {
				t.Errorf("%+v, row %d: %g, want %g", d, i, got.Log[i], want)
			}
		}
	}
	if got, want := runtime.BitsPerDim(-2*math.Ln2, s, 1), 2.0; math.Abs(got-want) > 1e-12 {
		t.Errorf("%g bits for the one number that varies, want %g", got, want)
	}
}

// Dequantised noise stays within its bin, is uniform, and depends on seed and row; with the term of the bin's width, bits per number do not depend on
// units.
func TestDequantise(t *testing.T) {
	const n, dim, width = 4000, 3, 0.25
	rows := make([]float32, n*dim)
	runtime.Dequantise(rows, dim, width, 1, 0)
	mean, square := 0.0, 0.0
	for _, v := range rows {
		if v < -width/2 || v >= width/2 {
			t.Fatalf("%g leaves its bin of width %g", v, width)
		}
		mean, square = mean+float64(v)/(n*dim), square+float64(v)*float64(v)/(n*dim)
	}
	if math.Abs(mean) > 0.003 || math.Abs(square-width*width/12) > 2e-4 {
		t.Errorf("mean %g, mean square %g, want 0 and %g", mean, square, width*width/12)
	}
	part := make([]float32, 2*dim)
	runtime.Dequantise(part, dim, width, 1, 5)
	if part[0] != rows[5*dim] || part[2*dim-1] != rows[7*dim-1] {
		t.Error("row 5 differs when alone")
	}
	s := spec(flow.Condition{Kind: flow.Unconditional}, 1, 1, dim)
	if a, b := runtime.BitsPerDim(-4, s, 1), runtime.BitsPerDim(-4-dim*math.Log(10), s, 10); math.Abs(a-b) > 1e-12 {
		t.Errorf("%g bits in units, %g in tenths", a, b)
	}
}

// A likelihood that is not defined is refused with the reason.
func TestLikelihoodRefuses(t *testing.T) {
	file, s := gaussian.field(t, "linear", flow.Velocity)
	s.Source = flow.DataSource
	from := fieldFile(t, s, func(b *graph.Builder, x, at *graph.Value) *graph.Value {
		return gaussian.build(b, "linear", flow.Velocity, x, at)
	})
	m := divergence(t, file, engine.Options{}, runtime.Divergence{})
	rows := tensor.New(tensor.Float32, 2, 2)
	for name, c := range map[string]struct {
		l    runtime.Likelihood
		rows tensor.Tensor
		y    tensor.Tensor
		want string
	}{
		"source of data":     {runtime.Likelihood{Field: divergence(t, from, engine.Options{}, runtime.Divergence{})}, rows, tensor.Tensor{}, "not at noise"},
		"far away":           {runtime.Likelihood{Field: m}, tensor.Full(float32(1e38), 2, 2), tensor.Tensor{}, "row 0"},
		"other width":        {runtime.Likelihood{Field: m}, tensor.New(tensor.Float32, 2, 3), tensor.Tensor{}, "want float32 [N [2]]"},
		"negative steps":     {runtime.Likelihood{Field: m, Steps: -1}, rows, tensor.Tensor{}, "positive"},
		"labels of none":     {runtime.Likelihood{Field: m}, rows, tensor.New(tensor.Int64, 2), "takes no condition"},
		"one label for two":  {runtime.Likelihood{Field: m}, rows, tensor.New(tensor.Int64, 1), "for 2 rows"},
		"class not dropped":  {runtime.Likelihood{Field: labelled{m, 0}}, rows, tensor.Tensor{}, "label drop-out"},
		"conditional, fewer": {runtime.Likelihood{Field: labelled{m, 0.1}}, rows, tensor.New(tensor.Int64, 3), "for 2 rows"},
	} {
		if _, err := c.l.Data(t.Context(), c.rows, c.y); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want a word about %q", name, err, c.want)
		}
	}
	for name, d := range map[string]runtime.Divergence{"fewer than none": {Probes: -1}, "absurdly many": {Probes: 1 << 20}} {
		if _, err := runtime.OpenDivergence(native.Engine{}, file, engine.Options{}, d); err == nil || !strings.Contains(err.Error(), "probes") {
			t.Errorf("%s: %v", name, err)
		}
	}
	wide := spec(flow.Condition{Kind: flow.Unconditional}, 2000)
	big := fieldFile(t, wide, func(b *graph.Builder, x, at *graph.Value) *graph.Value { return b.Mul(x, at) })
	if _, err := runtime.OpenDivergence(native.Engine{}, big, engine.Options{}, runtime.Divergence{}); err == nil || !strings.Contains(err.Error(), "probes") {
		t.Errorf("an exact divergence of 2000 elements: %v", err)
	}
}

// labelled claims classes for a field.
type labelled struct {
	runtime.DivergenceField
	drop float64
}

func (l labelled) Spec() flow.Spec {
	s := l.DivergenceField.Spec()
	s.Condition = flow.Condition{Kind: flow.Labels, Classes: 2, Drop: l.drop}
	return s
}

// A class changes the density of a conditional model, vectors and null rows too; each row has its own.
func TestLikelihoodOfConditions(t *testing.T) {
	for _, c := range []flow.Condition{{Kind: flow.Labels, Classes: 3, Drop: 0.1}, {Kind: flow.Vector, Width: 2, Drop: 0.1}} {
		file, s := networkFile(t, spec(c, 2))
		l := runtime.Likelihood{Field: divergence(t, file, engine.Options{}, runtime.Divergence{}), Steps: 20}
		wide := runtime.Likelihood{Field: divergence(t, file, engine.Options{Float64: true}, runtime.Divergence{}), Steps: 20}
		rows := tensor.New(tensor.Float32, 3, 2)
		noise.New(1, noise.Sampling).Rows(rows.Float32(), 0, 2)
		s.Normaliser.Decode(rows.Float32(), rows.Float32(), 2)
		y := tensor.Of([]int64{0, 1, 3}, 3)
		if c.Kind == flow.Vector {
			y = tensor.Of([]float32{1, 0, 0, -1, 1, 0, 5, 5, 1}, 3, 3) // the last: none
		}
		log := func(l runtime.Likelihood, y tensor.Tensor) []float64 {
			d, err := l.Data(t.Context(), rows, y)
			if err != nil {
				t.Fatal(err)
			}
			return d.Log
		}
		with, none := log(l, y), log(l, tensor.Tensor{})
		if with[0] == none[0] || with[1] == none[1] || math.Abs(with[2]-none[2]) > 1e-5 {
			t.Errorf("%s: %v with conditions, %v without; want the last alike", c.Kind, with, none)
		}
		if d := worst(with, log(wide, y)); d > 1e-4 {
			t.Errorf("%s: float32 is %g off float64", c.Kind, d)
		}
	}
}
