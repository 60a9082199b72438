package autodiff

import (
	"fmt"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// Quadratic returns vᵀ (∂u/∂x) v of each row, [N], by one VJP; u, x and v are [N D...], and rows of u depend on their own row of x alone. With v of
// independent numbers of mean 0 and variance 1 its mean is the divergence: Hutchinson's estimate [HU90, GR19].
func Quadratic(b *graph.Builder, u, x, v *graph.Value) *graph.Value {
	axes := make([]int, len(x.Type.Shape)-1)
	for i := range axes {
		axes[i] = i + 1
	}
	if len(axes) == 0 {
		return b.Fail(fmt.Errorf("autodiff: divergence of x %v: want [N D...]", x.Type))
	}
	return b.ReduceSum(b.Mul(VJP(b, u, v, x)[0], v), false, axes...)
}

// Divergence returns Σ_i ∂u_i/∂x_i of each row, [N], over the elements i of a row for which keep is true, all if it is nil. It takes one VJP for
// each; what u is computed by stands in the graph once.
func Divergence(b *graph.Builder, u, x *graph.Value, keep []bool) *graph.Value {
	dims, ok := x.Type.Shape[min(1, len(x.Type.Shape)):].Ints()
	if !ok || len(dims) == 0 {
		return b.Fail(fmt.Errorf("autodiff: divergence of x %v: want [N D...] with fixed D", x.Type))
	}
	size := 1
	for _, d := range dims {
		size *= d
	}
	if keep != nil && len(keep) != size {
		return b.Fail(fmt.Errorf("autodiff: divergence over %d elements of rows of %d", len(keep), size))
	}
	all := shape(b, x)
	var sum *graph.Value
	for i := range size {
		if keep != nil && !keep[i] {
			continue
		}
		unit := tensor.New(tensor.Float32, append([]int{1}, dims...)...)
		unit.Float32()[i] = 1
		v := b.Op("Expand", nil, b.NamedConst("unit", unit.Convert(x.Type.DType)), all)
		d := Quadratic(b, u, x, v)
		if sum == nil {
			sum = d
		} else {
			sum = b.Add(sum, d)
		}
	}
	if sum == nil {
		return b.Fail(fmt.Errorf("autodiff: divergence over no element"))
	}
	return sum
}

// The names of what WithDivergence adds to a field.
const (
	ProbesInput      = "probes"     // float32 [P N D...]
	DivergenceOutput = "divergence" // float32 [P N]
)

// WithDivergence returns the graph of a field, inputs x [N D...] first and others, one output u [N D...], with another output: its divergence, [P N].
// Exact, for probes = 0, sums over the elements of a row that keep marks (nil: all), and P = 1. Otherwise P = probes, there is a last input of P
// probes for each row, and the output is Quadratic of each: zeros in a probe leave elements out. The graph is of ordinary operators, for any engine.
func WithDivergence(field *graph.Graph, probes int, keep []bool) (*graph.Graph, error) {
	flat, err := field.Flatten()
	if err != nil {
		return nil, err
	}
	if len(flat.Inputs) == 0 || len(flat.Outputs) != 1 || probes < 0 {
		return nil, fmt.Errorf("autodiff: divergence of a graph of %d inputs and %d outputs by %d probes: want a field u(x, …)",
			len(flat.Inputs), len(flat.Outputs), probes)
	}
	b := graph.NewBuilder(flat.Name)
	in := make([]*graph.Value, len(flat.Inputs))
	for i, v := range flat.Inputs {
		in[i] = b.Input(v.Name, v.Type.DType, v.Type.Shape...)
	}
	x, u := in[0], b.Inline(flat, in...)[0]
	var each []*graph.Value
	b.Scope("divergence", func() {
		if probes == 0 {
			each = append(each, b.Op("Unsqueeze", nil, Divergence(b, u, x, keep), b.Ints(0)))
			return
		}
		v := b.Input(ProbesInput, x.Type.DType, append(graph.Shape{graph.Fix(probes)}, x.Type.Shape...)...)
		for p := range probes {
			each = append(each, b.Op("Unsqueeze", nil, Quadratic(b, u, x, b.Op("Gather", nil, v, b.Const(tensor.Scalar(int64(p))))), b.Ints(0)))
		}
	})
	b.Output(flat.Outputs[0].Name, u)
	b.Output(DivergenceOutput, b.Concat(0, each...))
	g, err := b.Graph()
	if err != nil {
		return nil, err
	}
	g.Prune()
	return g, g.Verify()
}
