package models

import (
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// Denormalise takes samples x [N D...] from model space to data units, x·scale + mean, as flow.Normaliser.Decode does: constant columns are exact.
func Denormalise(b *graph.Builder, spec flow.Spec, x *graph.Value) (y *graph.Value) {
	b.Scope("decode", func() {
		n := spec.Normaliser
		scale, mean := b.NamedConst("scale", columns(spec, n.Scale)), b.NamedConst("mean", columns(spec, n.Mean))
		y = b.Add(b.Mul(x, scale), mean)
		if len(n.Mean) > 1 && n.Constant != nil {
			y = b.Op("Where", nil, b.NamedConst("constant", columns(spec, n.Constant)), mean, y)
		}
	})
	return y
}

// Normalise takes data x [N D...] to model space, (x − mean)/scale, as flow.Normaliser.Encode does.
func Normalise(b *graph.Builder, spec flow.Spec, x *graph.Value) (y *graph.Value) {
	b.Scope("encode", func() {
		n := spec.Normaliser
		y = b.Div(b.Subtract(x, b.NamedConst("mean", columns(spec, n.Mean))), b.NamedConst("scale", columns(spec, n.Scale)))
	})
	return y
}

// columns is a number for each column, in the shape of a sample, or one for all.
func columns[T tensor.Element](spec flow.Spec, list []T) tensor.Tensor {
	if len(list) == 1 {
		return tensor.Of(list, 1)
	}
	return tensor.Of(list, spec.Dims...)
}

// Guidance is what classifier-free guidance [HO22] needs beside x and t, made once for any number of evaluations.
type Guidance struct {
	Y, Drop *graph.Value // the condition of 2N rows: each row's own, then none
	excess  *graph.Value // w − 1, [W 1...]
}

// NewGuidance takes the weight w float32 [W] for all rows (W = 1) or for each (W = N), and doubles the condition y, drop of a conditional model.
func NewGuidance(b *graph.Builder, spec flow.Spec, w, y, drop *graph.Value) (g Guidance) {
	b.Scope("guidance", func() {
		g.excess = b.Reshape(b.Shift(w, -1), b.Ints(append([]int{-1}, ones(len(spec.Dims))...)...))
		twice := func(v, none *graph.Value) *graph.Value {
			return b.Concat(0, v, b.Op("Expand", nil, none, b.Op("Shape", nil, v)))
		}
		switch spec.Condition.Kind {
		case flow.Labels:
			g.Y = twice(y, b.Scalar(tensor.Int64, float64(spec.Condition.Classes)))
		case flow.Vector:
			g.Y, g.Drop = b.Concat(0, y, y), twice(drop, b.Scalar(tensor.Float32, 1))
		}
	})
	return g
}

func ones(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = 1
	}
	return list
}

// Apply is the guided velocity at x [N D...], from a field that evaluates 2N rows under the condition Y, Drop:
//
//	u = u_y + (w − 1)(u_y − u_∅)
//
// It is u_∅ + w(u_y − u_∅) in a form that gives u_y itself at w = 1.
func (g Guidance) Apply(b *graph.Builder, x *graph.Value, field func(x *graph.Value) *graph.Value) (u *graph.Value) {
	b.Scope("guidance", func() { x = b.Concat(0, x, x) })
	both := field(x)
	b.Scope("guidance", func() {
		u := b.OpN("Split", graph.Attrs{"axis": int64(0), "num_outputs": int64(2)}, 2, both)
		both = b.Add(u[0], b.Mul(g.excess, b.Subtract(u[0], u[1])))
	})
	return both
}
