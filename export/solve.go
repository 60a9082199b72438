package export

import (
	"fmt"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/solver"
)

// grid is what a step of a solver needs to know of its place, as values of the graph: the time k/n + c/n of a stage [1 1], and h·c with h = 1/n [1].
type grid struct {
	at     func(b *graph.Builder, c float64) *graph.Value
	scaled func(b *graph.Builder, c float64) *graph.Value
}

// step adds one step of method m from x: stage i is k_i = f(x + h Σ A[i][j] k_j, t + C[i] h), the step x + h Σ B[i] k_i.
func step(b *graph.Builder, m solver.Tableau, f *field, x *graph.Value, g grid) *graph.Value {
	var k []*graph.Value
	for i := range m.B {
		b.Scope(fmt.Sprintf("stage.%d", i), func() {
			y := combine(b, x, k, m.A[i], g)
			k = append(k, f.at(b, y, g.at(b, m.C[i])))
		})
	}
	return combine(b, x, k, m.B, g)
}

// combine is x + Σ (h c_i) k_i.
func combine(b *graph.Builder, x *graph.Value, k []*graph.Value, c []float64, g grid) *graph.Value {
	for i, ci := range c {
		if ci != 0 {
			x = b.Add(x, b.Mul(k[i], g.scaled(b, ci)))
		}
	}
	return x
}

// unrolled adds n steps one after the other: times and step sizes are constants.
func unrolled(b *graph.Builder, m solver.Tableau, f *field, x *graph.Value, n int) *graph.Value {
	once := map[float64]*graph.Value{}
	for k := range n {
		g := grid{
			at: func(b *graph.Builder, c float64) *graph.Value {
				return timeOf(b, min((float64(k)+c)/float64(n), f.spec.TimeMax))
			},
			scaled: func(b *graph.Builder, c float64) *graph.Value {
				if once[c] == nil {
					once[c] = b.NamedConst("h", tensor.Full(float32(c/float64(n)), 1))
				}
				return once[c]
			},
		}
		b.Scope(fmt.Sprintf("step.%d", k), func() { x = step(b, m, f, x, g) })
	}
	return x
}

// looped adds steps steps (int64, at least 1) as one Loop. It carries k as a float32, so that t = k/n is exact in each step and stays where x is; the loop's own
// counter would be copied from the CPU to a graphics processor.
func looped(b *graph.Builder, m solver.Tableau, f *field, x, steps *graph.Value) *graph.Value {
	var n *graph.Value
	var scaled map[float64]*graph.Value
	b.Scope("grid", func() {
		cast := graph.Attrs{"to": int64(graph.Code(tensor.Float32))}
		n = b.Reshape(b.Op("Cast", cast, steps), b.Ints(1))
		scaled = stepSizes(b, m, b.Op("Reciprocal", nil, n))
	})
	body := b.Sub("step", func(s *graph.Builder) {
		s.SubInput("iteration", graph.Type{DType: tensor.Int64, Shape: graph.Shape{}})
		goOn := s.SubInput("go_on", graph.Type{DType: tensor.Bool, Shape: graph.Shape{}})
		k := s.SubInput("k", graph.Type{DType: tensor.Float32, Shape: graph.ShapeOf(1, 1)})
		x := s.SubInput("x", x.Type)
		later := stageTimes(f, k, n)
		s.Output("go_on.next", s.Op("Identity", nil, goOn))
		s.Output("k.next", s.Shift(k, 1))
		s.Output("x.next", step(s, m, f, x, grid{later, func(_ *graph.Builder, c float64) *graph.Value { return scaled[c] }}))
	})
	start := b.NamedConst("k0", tensor.New(tensor.Float32, 1, 1))
	always := b.NamedConst("true", tensor.Scalar(true)) // may be left out, but then ONNX's reference implementation takes no step
	return b.OpN("Loop", graph.Attrs{"body": body}, 2, steps, always, start, x)[1]
}

// stepSizes are h·c for each coefficient of a method.
func stepSizes(b *graph.Builder, m solver.Tableau, h *graph.Value) map[float64]*graph.Value {
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

// stageTimes gives (k + c)/n, each c's once, and no time after the last that the model was trained at.
func stageTimes(f *field, k, n *graph.Value) func(b *graph.Builder, c float64) *graph.Value {
	have := map[float64]*graph.Value{}
	return func(b *graph.Builder, c float64) *graph.Value {
		if have[c] == nil {
			t := k
			if c != 0 {
				t = b.Shift(k, c)
			}
			if t = b.Div(t, n); f.spec.TimeMax < 1 {
				t = b.Op("Min", nil, t, b.Scalar(tensor.Float32, f.spec.TimeMax))
			}
			have[c] = t
		}
		return have[c]
	}
}
