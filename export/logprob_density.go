package export

import (
	"fmt"
	"math"

	"fmtool/models"
	"fmtool/models/autodiff"
	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// density is the equation of rows with their log-density, a state z = (x, l) [R, D+1] in model space:
//
//	dx/dt = u_t(x),   dl/dt = ∇·u_t(x)
//
// From l = 0 at t = 1 back to 0, l is −∫₀¹ ∇·u dt. With probes there are R = P·batch rows, each row of x once for each of its probes; otherwise R = batch.
type density struct {
	*field
	keep   *graph.Value // [1 D], 0 for constant columns, which stay at 0, and 1 for others; nil: none is constant
	probes *graph.Value // [1 R D...], 2R under guidance; nil: the divergence is exact
	copies *graph.Value // int64 [2]: P and batch; nil: exact
}

// newDensity adds the inputs after steps, and the weights.
func newDensity(b *graph.Builder, m *models.Model, estimated bool, o Options) (*density, error) {
	bare, err := bareField(m, o.Guidance)
	if err != nil {
		return nil, err
	}
	f, n := &density{field: bare}, 0
	if estimated {
		n = 1
	}
	keep, kept := m.Spec.Varying()
	if f.net, err = autodiff.WithDivergence(bare.net, n, keep); err != nil {
		return nil, fmt.Errorf("export: the model has no divergence: %w", err)
	}
	if kept < len(keep) {
		b.Scope("rows", func() { f.keep = b.NamedConst("varies", tensor.Of(keep, 1, len(keep)).Convert(tensor.Float32)) })
	}
	f.inputs(b, estimated, o.Guidance)
	if o.Unroll == 0 {
		err = f.define(b, divergenceName, "Velocity u(x, t) of the model and its divergence, in model space; its weights are the last inputs.")
	}
	if err == nil {
		err = b.Err()
	}
	return f, err
}

// inputs adds probes, the condition and guidance, each for all rows of the state.
func (f *density) inputs(b *graph.Builder, estimated, guided bool) {
	if estimated {
		f.probes = b.Input(autodiff.ProbesInput, tensor.Float32, append(graph.Shape{graph.Sym(probeDim)}, sampleShape(f.spec, graph.Sym("batch"))...)...)
	}
	f.y, f.drop = models.NewCondition(b, f.spec, graph.Sym("batch"))
	var w *graph.Value
	if guided {
		w = guidanceInput(b)
	}
	b.Scope("rows", func() {
		if !estimated {
			return
		}
		f.copies = b.Op("Shape", graph.Attrs{"start": int64(0), "end": int64(2)}, f.probes)
		f.probes = f.only(b, b.Reshape(f.probes, b.Ints(-1, f.spec.Dim())))
		f.y, f.drop, w = f.each(b, f.y), f.each(b, f.drop), f.each(b, w)
	})
	if guided {
		flat := f.spec
		flat.Dims = []int{f.spec.Dim() + 1}
		f.guide(b, flat, w)
	}
	if estimated {
		b.Scope("rows", func() {
			if guided {
				f.probes = b.Concat(0, f.probes, f.probes)
			}
			f.probes = b.Reshape(f.probes, b.Ints(append([]int{1, -1}, f.spec.Dims...)...))
		})
	}
}

// each is v [batch ...] once for each probe, [P·batch ...].
func (f *density) each(b *graph.Builder, v *graph.Value) *graph.Value {
	if v == nil || f.copies == nil {
		return v
	}
	shape, rest := f.copies, []int{-1}
	if len(v.Type.Shape) > 1 {
		own := b.Op("Shape", graph.Attrs{"start": int64(1)}, v)
		shape = b.Concat(0, shape, own)
		dims, _ := v.Type.Shape[1:].Ints()
		rest = append(rest, dims...)
	}
	return b.Reshape(b.Op("Expand", nil, v, shape), b.Ints(rest...))
}

// only is v [R D] with zeros in constant columns.
func (f *density) only(b *graph.Builder, v *graph.Value) *graph.Value {
	if f.keep == nil {
		return v
	}
	return b.Mul(v, f.keep)
}

// flat is v [R D...] as [R D].
func (f *density) flat(b *graph.Builder, v *graph.Value) *graph.Value {
	if len(f.spec.Dims) == 1 {
		return v
	}
	return b.Reshape(v, b.Ints(-1, f.spec.Dim()))
}

// start is the state at t = 1 of rows x [batch D...] in model space.
func (f *density) start(b *graph.Builder, x *graph.Value) (z *graph.Value) {
	b.Scope("start", func() {
		x = f.only(b, f.flat(b, f.each(b, x)))
		rows := b.Concat(0, b.Op("Shape", graph.Attrs{"start": int64(0), "end": int64(1)}, x), b.Ints(1))
		z = b.Concat(1, x, b.Op("Expand", nil, b.Scalar(tensor.Float32, 0), rows))
	})
	return z
}

// at is the slope of the state z at t, guided if asked for.
func (f *density) at(b *graph.Builder, z, t *graph.Value) *graph.Value {
	return f.guided(b, z, t, f.slope)
}

// forth is the equation in the time 1 − t, which leads from 0 to 1.
func (f *density) forth() equation {
	return equation{at: func(b *graph.Builder, z, s *graph.Value) *graph.Value {
		return b.Neg(f.at(b, z, b.Subtract(b.Scalar(tensor.Float32, 1), s)))
	}}
}

// slope is that without guidance.
func (f *density) slope(b *graph.Builder, z, t *graph.Value) *graph.Value {
	x, _ := f.split(b, z)
	if len(f.spec.Dims) > 1 {
		x = b.Reshape(x, b.Ints(append([]int{-1}, f.spec.Dims...)...))
	}
	out := f.evaluate(b, x, t, f.probes)
	return b.Concat(1, f.only(b, f.flat(b, out[0])), b.Reshape(out[1], b.Ints(-1, 1)))
}

// split cuts a state into x [R D] and l [R 1].
func (f *density) split(b *graph.Builder, z *graph.Value) (x, l *graph.Value) {
	dim := f.spec.Dim()
	parts := b.OpN("Split", graph.Attrs{"axis": int64(1)}, 2, z, b.Ints(dim, 1))
	return parts[0], parts[1]
}

// logProb is the log-density [batch] of the rows whose state at t = 0 is z, the mean over their probes.
func (f *density) logProb(b *graph.Builder, z *graph.Value) (p *graph.Value) {
	b.Scope("base", func() {
		x, l := f.split(b, z)
		_, kept := f.spec.Varying()
		constant := f.spec.Normaliser.LogJacobian(f.spec.Dim()) - float64(kept)/2*math.Log(2*math.Pi)
		base := b.Subtract(b.NamedConst("constant", tensor.Scalar(float32(constant))), b.Scale(b.ReduceSum(b.Mul(x, x), true, 1), 0.5))
		p = b.Reshape(b.Add(base, l), b.Ints(-1))
		if f.copies != nil {
			p = b.ReduceMean(b.Reshape(p, f.copies), false, 0)
		}
	})
	return p
}

// most is the largest number of evaluations over the probes of a row, if they differ.
func (f *density) most(b *graph.Builder, nfe *graph.Value) *graph.Value {
	if f.copies == nil || len(nfe.Type.Shape) == 0 {
		return nfe
	}
	return b.Op("ReduceMax", graph.Attrs{"keepdims": int64(0)}, b.Reshape(nfe, f.copies), b.Ints(0))
}
