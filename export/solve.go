package export

import (
	"fmt"
	"slices"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/solver"
)

// equation is dx/dt = at(x, t) of rows x, at t [1 1] or of each, along the steps of a grid from t = 0 to 1.
type equation struct {
	at   func(b *graph.Builder, x, t *graph.Value) *graph.Value
	grid flow.Grid
	back bool // from t = 1 to 0
}

// sign is that of its steps.
func (f equation) sign() float64 {
	if f.back {
		return -1
	}
	return 1
}

// place is what a step from t to t + h needs to know of its place, as values of the graph: the time t + c·h of a stage [1 1], and h·c [1] or [1 1].
type place struct {
	at     func(b *graph.Builder, c float64) *graph.Value
	scaled func(b *graph.Builder, c float64) *graph.Value
}

// step adds one step of method m from x: stage i is k_i = f(x + h Σ A[i][j] k_j, t + C[i] h), the step x + h Σ B[i] k_i.
func step(b *graph.Builder, m solver.Tableau, f equation, x *graph.Value, g place) *graph.Value {
	var k []*graph.Value
	for i := range m.Stages() {
		b.Scope(fmt.Sprintf("stage.%d", i), func() {
			y := combine(b, x, k, m.A[i], g)
			k = append(k, f.at(b, y, g.at(b, m.C[i])))
		})
	}
	return combine(b, x, k, m.B[:len(k)], g)
}

// combine is x + Σ (h c_i) k_i.
func combine(b *graph.Builder, x *graph.Value, k []*graph.Value, c []float64, g place) *graph.Value {
	for i, ci := range c {
		if ci != 0 {
			x = b.Add(x, b.Mul(k[i], g.scaled(b, ci)))
		}
	}
	return x
}

// unrolled adds the steps of the model's grid for n one after the other: times and step sizes are constants.
func unrolled(b *graph.Builder, m solver.Tableau, f equation, x *graph.Value, n int) *graph.Value {
	times, err := f.grid.Steps(n)
	if err != nil {
		return b.Fail(err)
	}
	if f.back {
		slices.Reverse(times)
	}
	for k := range n {
		t, h := times[k], times[k+1]-times[k]
		once := map[float64]*graph.Value{}
		g := place{
			at: func(b *graph.Builder, c float64) *graph.Value { return timeOf(b, t+c*h) },
			scaled: func(b *graph.Builder, c float64) *graph.Value {
				if once[c] == nil {
					once[c] = b.NamedConst("h", tensor.Full(float32(c*h), 1))
				}
				return once[c]
			},
		}
		b.Scope(fmt.Sprintf("step.%d", k), func() { x = step(b, m, f, x, g) })
	}
	return x
}

// looped adds steps steps (int64, at least 1) as one Loop. It carries k, from 0 up or from n down, as a float32, so that t = k/n is exact in each step and stays
// where x is; the loop's own counter would be copied from the CPU to a graphics processor.
func looped(b *graph.Builder, m solver.Tableau, f equation, x, steps *graph.Value) *graph.Value {
	var n *graph.Value
	var scaled map[float64]*graph.Value
	b.Scope("grid", func() {
		n = b.Reshape(castTo(b, steps, tensor.Float32), b.Ints(1))
		if f.grid.Even() {
			scaled = stepSizes(b, m, b.Op("Reciprocal", nil, n), f.sign())
		}
	})
	body := b.Sub("step", func(s *graph.Builder) {
		s.SubInput("iteration", graph.Type{DType: tensor.Int64, Shape: graph.Shape{}})
		goOn := s.SubInput("go_on", graph.Type{DType: tensor.Bool, Shape: graph.Shape{}})
		k := s.SubInput("k", graph.Type{DType: tensor.Float32, Shape: graph.ShapeOf(1, 1)})
		x := s.SubInput("x", x.Type)
		next := s.Shift(k, f.sign())
		g := evenPlace(k, n, scaled, f.sign())
		if scaled == nil {
			s.Scope("grid", func() { g = unevenPlace(s, f.grid, s.Div(k, n), s.Div(next, n)) })
		}
		s.Output("go_on.next", s.Op("Identity", nil, goOn))
		s.Output("k.next", next)
		s.Output("x.next", step(s, m, f, x, g))
	})
	start := b.NamedConst("k0", tensor.New(tensor.Float32, 1, 1))
	if f.back {
		start = b.Add(start, n)
	}
	always := b.NamedConst("true", tensor.Scalar(true)) // may be left out, but then ONNX's reference implementation takes no step
	return b.OpN("Loop", graph.Attrs{"body": body}, 2, steps, always, start, x)[1]
}

// stepSizes are ±h·c for each coefficient of a method.
func stepSizes(b *graph.Builder, m solver.Tableau, h *graph.Value, sign float64) map[float64]*graph.Value {
	if sign < 0 {
		h = b.Neg(h)
	}
	scaled := map[float64]*graph.Value{1: h}
	for _, row := range append(append([][]float64{}, m.A...), m.B) {
		for _, c := range row {
			if c != 0 && scaled[c] == nil {
				scaled[c] = b.Scale(h, c)
			}
		}
	}
	return scaled
}

// evenPlace is that of step k of n equal ones: stages lie at (k ± c)/n, each made once; scaled is ±h·c.
func evenPlace(k, n *graph.Value, scaled map[float64]*graph.Value, sign float64) place {
	have := map[float64]*graph.Value{}
	return place{
		at: func(b *graph.Builder, c float64) *graph.Value {
			if have[c] == nil {
				t := k
				if c != 0 {
					t = b.Shift(k, sign*c)
				}
				have[c] = b.Div(t, n)
			}
			return have[c]
		},
		scaled: func(_ *graph.Builder, c float64) *graph.Value { return scaled[c] },
	}
}

// unevenPlace is that of the step between the shares q and later of a grid's steps.
func unevenPlace(b *graph.Builder, g flow.Grid, q, later *graph.Value) place {
	from, to := models.GridTime(b, g, q), models.GridTime(b, g, later)
	h := b.Subtract(to, from)
	scaled := map[float64]*graph.Value{1: h}
	times := map[float64]*graph.Value{0: from, 1: to}
	p := place{scaled: func(b *graph.Builder, c float64) *graph.Value {
		if scaled[c] == nil {
			scaled[c] = b.Scale(h, c)
		}
		return scaled[c]
	}}
	p.at = func(b *graph.Builder, c float64) *graph.Value {
		if times[c] == nil {
			times[c] = b.Add(from, p.scaled(b, c))
		}
		return times[c]
	}
	return p
}
