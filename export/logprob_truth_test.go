package export_test

import (
	"math"
	"testing"

	"fmtool/export"
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/nn"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/solver"
)

// gaussian is the field of independent normal columns on the linear path: with v = t² s² + (1 − t)², u = m + (t s² − (1 − t))/v · (x − t m), and for a model
// that predicts it x1 = m + t s²/v · (x − t m).
type gaussian struct{ mean, sigma []float64 }

func (gaussian) Kind() string                        { return "gaussian" }
func (gaussian) PhaseBound() float64                 { return 0 }
func (g gaussian) For(flow.Spec) models.Architecture { return g }
func (gaussian) Check(flow.Spec) error               { return nil }
func (g gaussian) row(spec flow.Spec, f func(k int) float64) tensor.Tensor {
	t := tensor.New(tensor.Float32, append([]int{1}, spec.Dims...)...)
	for k := range t.Float32() {
		t.Float32()[k] = float32(f(k))
	}
	return t
}

func (g gaussian) Build(n *nn.Net, spec flow.Spec, in models.Inputs) *graph.Value {
	b, ones := n.Builder, append([]int{-1}, make([]int, len(spec.Dims))...)
	for i := range spec.Dims {
		ones[1+i] = 1
	}
	t := b.Reshape(in.T, b.Ints(ones...))
	mean := b.Const(g.row(spec, func(k int) float64 { return g.mean[k] }))
	square := b.Const(g.row(spec, func(k int) float64 { return g.sigma[k] * g.sigma[k] }))
	left := b.Subtract(b.Scalar(tensor.Float32, 1), t)
	v := b.Add(b.Mul(b.Mul(t, t), square), b.Mul(left, left))
	slope := b.Mul(t, square)
	if spec.Prediction == flow.Velocity {
		slope = b.Subtract(slope, left)
	}
	slope = b.Div(slope, v)
	return b.Add(mean, b.Mul(slope, b.Subtract(in.X, b.Mul(t, mean))))
}

// gaussianModel has columns of different means and deviations, in data units too.
func gaussianModel(t *testing.T, predicts flow.Quantity, dims ...int) (*models.Model, gaussian) {
	t.Helper()
	s := spec(flow.Condition{Kind: flow.Unconditional}, dims...)
	s.Normaliser = flow.Normaliser{Kind: "column"}
	var g gaussian
	for k := range s.Dim() {
		g.mean, g.sigma = append(g.mean, 0.3*float64(k%5)-0.6), append(g.sigma, 0.5+0.25*float64(k%4))
		s.Normaliser.Mean, s.Normaliser.Scale = append(s.Normaliser.Mean, float32(10*(k%3)-5)), append(s.Normaliser.Scale, float32(0.25)*float32(1+k%6))
	}
	s.Prediction = predicts
	s.TimeMin, s.TimeMax = flow.Interval(s.Schedule, predicts, flow.Velocity)
	return &models.Model{Spec: s, Arch: g, Weights: map[string]tensor.Tensor{}}, g
}

// sample writes rows of the Gaussian in data units and returns their log-densities.
func (g gaussian) sample(s flow.Spec, rows []float32) []float64 {
	dim, norm := s.Dim(), s.Normaliser
	noise.New(11, noise.Probe).Normals(rows, 0)
	logs := make([]float64, len(rows)/dim)
	for i := range rows {
		k := i % dim
		sigma := g.sigma[k] * float64(norm.Scale[k])
		mean := g.mean[k]*float64(norm.Scale[k]) + float64(norm.Mean[k])
		rows[i] = float32(mean + sigma*float64(rows[i]))
		z := (float64(rows[i]) - mean) / sigma
		logs[i/dim] -= z*z/2 + math.Log(sigma) + math.Log(2*math.Pi)/2
	}
	return logs
}

// densities runs a file of log-densities.
func densities(t *testing.T, e export.Engine, file []byte, in ...tensor.Tensor) []float32 {
	t.Helper()
	p, err := e.Engine.Open(file, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close() //nolint:errcheck // it only frees
	out := []tensor.Tensor{tensor.New(tensor.Float32, in[0].Dim(0)), {}}
	if err := p.Run(t.Context(), in, out); err != nil {
		t.Fatal(err)
	}
	return out[0].Float32()
}

// rademacher are P probes of n rows of a seed, as runtime.Divergence draws them.
func rademacher(p, n int, s flow.Spec, seed uint64) tensor.Tensor {
	v := tensor.New(tensor.Float32, append([]int{p, n}, s.Dims...)...)
	dim := s.Dim()
	for k := range p {
		for i := range n {
			row := v.Float32()[(k*n+i)*dim:][:dim]
			noise.New(seed, noise.Hutchinson).Sub(uint32(k)).Row(row, uint64(i))
			for j, z := range row {
				if row[j] = 1; z < 0 {
					row[j] = -1
				}
			}
		}
	}
	return v
}

// farthest is the largest difference, per number of a sample.
func farthest(got []float32, want []float64, dim int) float64 {
	worst := 0.0
	for i, w := range want {
		worst = max(worst, math.Abs(float64(got[i])-w)/float64(dim))
	}
	return worst
}

// Log-densities of Gaussians are the closed form's to 1e-3 nats a number, in data units: exact, and by probes, which of ±1 are exact for independent columns;
// by fixed steps and by a tolerance.
func TestLogProbOfGaussians(t *testing.T) {
	const rows, limit = 13, 1e-3
	for _, c := range []struct {
		name     string
		predicts flow.Quantity
		dims     []int
		o        export.Options
	}{
		{"exact", flow.Velocity, []int{2}, export.Options{}}, {"exact", flow.Velocity, []int{5}, export.Options{Solver: solver.Dopri5}},
		{"exact", flow.Velocity, []int{1, 2, 4}, export.Options{}}, {"exact", flow.X1, []int{2}, export.Options{}},
		{"probes", flow.Velocity, []int{1, 8, 8}, export.Options{}}, {"adaptive", flow.Velocity, []int{3}, export.Options{Adaptive: true}},
		{"adaptive", flow.X1, []int{2}, export.Options{Adaptive: true}}, {"adaptive probes", flow.Velocity, []int{20}, export.Options{Adaptive: true}},
		{"unrolled", flow.Velocity, []int{2}, export.Options{Unroll: 12}},
	} {
		m, g := gaussianModel(t, c.predicts, c.dims...)
		c.o.Checks = checks()
		file, _, err := export.LogProb(t.Context(), m, c.o)
		if err != nil {
			t.Fatalf("%s of %v by %v: %v", c.name, c.dims, c.predicts, err)
		}
		x := tensor.New(tensor.Float32, append([]int{rows}, c.dims...)...)
		want := g.sample(m.Spec, x.Float32())
		in := []tensor.Tensor{x}
		switch {
		case c.o.Adaptive:
			in = append(in, tensor.Scalar(float32(1e-5)))
		case c.o.Unroll == 0:
			in = append(in, tensor.Scalar(int64(100)))
		}
		if m.Spec.Dim() > 16 {
			in = append(in, rademacher(2, rows, m.Spec, 5))
		}
		for _, e := range engines(t) {
			d := farthest(densities(t, e, file, in...), want, m.Spec.Dim())
			t.Logf("%s of %v by %v on %s: %.1e nats a number from the closed form", c.name, c.dims, c.predicts, e.Name, d)
			if !(d <= limit) {
				t.Errorf("%s of %v by %v on %s: %g nats a number from the closed form, want at most %g", c.name, c.dims, c.predicts, e.Name, d, limit)
			}
		}
	}
}

// Log-densities of networks are those of the library, within 1e-4 nats a number: of every kind of condition, exact and by its probes, along a model's own steps,
// without constant columns, by a tolerance.
func TestLogProbIsTheLibrarys(t *testing.T) {
	const rows, steps, limit = 9, 20, 1e-4
	all := kinds(t)
	s := spec(flow.Condition{Kind: flow.Unconditional}, 3)
	s.Normaliser = flow.Normaliser{Kind: "column", Mean: []float32{1, 7, -2}, Scale: []float32{0.5, 1, 3}, Constant: []bool{false, true, false}}
	all["constant column"] = model(t, s, &models.MLP{Width: 16})
	s = spec(flow.Condition{Kind: flow.Unconditional}, 2)
	s.Grid, _ = flow.ParseGrid("shift:3")
	all["shifted"] = model(t, s, &models.MLP{Width: 16})
	for name, m := range all {
		s := m.VelocitySpec()
		velocity, _, err := export.Velocity(t.Context(), m, export.Options{Checks: checks()})
		if err != nil {
			t.Fatal(err)
		}
		x := tensor.New(tensor.Float32, append([]int{rows}, s.Dims...)...)
		noise.New(3, noise.Probe).Normals(x.Float32(), 0)
		s.Normaliser.Decode(x.Float32(), x.Float32(), s.Dim())
		y, given := condition(s, rows)
		for _, o := range []export.Options{{}, {Divergence: export.ProbesDivergence, Solver: solver.Midpoint}, {Adaptive: true, Divergence: export.ProbesDivergence}} {
			o.Checks = checks()
			file, _, err := export.LogProb(t.Context(), m, o)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			l, in, d := runtime.Likelihood{Steps: steps, Method: o.Solver}, []tensor.Tensor{x, tensor.Scalar(int64(steps))}, runtime.Divergence{}
			if o.Adaptive {
				l.Adaptive, in[1] = &solver.Adaptive{Method: solver.Bosh3, RTol: 1e-6, ATol: 1e-6}, tensor.Scalar(float32(1e-6))
			}
			if o.Divergence != "" {
				d.Probes, d.Seed = 3, 5
				in = append(in, rademacher(3, rows, s, 5))
			}
			field, err := runtime.OpenDivergence(native.Engine{}, velocity, engine.Options{Float64: true}, d)
			if err != nil {
				t.Fatal(err)
			}
			l.Field = field
			want, err := l.Data(t.Context(), x, y)
			if err != nil {
				t.Fatal(err)
			}
			_ = field.Close()
			_, kept := s.Varying()
			for _, e := range engines(t) {
				worst := farthest(densities(t, e, file, append(in, given...)...), want.Log, kept)
				t.Logf("%s %s adaptive=%v on %s: %.1e nats a number from the library's", name, o.Divergence, o.Adaptive, e.Name, worst)
				if !(worst <= limit) {
					t.Errorf("%s %s adaptive=%v on %s: %g nats a number from the library's, want at most %g", name, o.Divergence, o.Adaptive, e.Name, worst, limit)
				}
			}
		}
	}
}

// condition is one of rows of a spec: as the library takes it, and as graphs do.
func condition(s flow.Spec, rows int) (y tensor.Tensor, given []tensor.Tensor) {
	switch s.Condition.Kind {
	case flow.Labels:
		y = tensor.New(tensor.Int64, rows)
		for i := range y.Int64() {
			y.Int64()[i] = int64(i % (s.Condition.Classes + 1))
		}
		return y, []tensor.Tensor{y}
	case flow.Vector:
		y = tensor.New(tensor.Float32, rows, s.Condition.Width)
		noise.New(9, noise.Probe).Normals(y.Float32(), 0)
		return y, []tensor.Tensor{y, tensor.New(tensor.Float32, rows, 1)}
	}
	return y, nil
}
