package onnx

import (
	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// fold follows the elements of small integers through the operators by which exporters choose among shapes, Equal and Where, for which the operators' own
// rows leave the elements open. Of a bool the elements are 0 and 1.
func fold(n *Node, in, out []known) {
	if len(out) == 0 || domain(n.Domain) != "" {
		return
	}
	var f func(v []graph.Dim) graph.Dim
	switch {
	case n.OpType == "Equal" && len(in) == 2:
		f = func(v []graph.Dim) graph.Dim {
			if v[0] == v[1] {
				return graph.Fix(1)
			}
			return graph.Fix(0)
		}
	case n.OpType == "Where" && len(in) == 3 && in[1].DType.IsInteger():
		f = func(v []graph.Dim) graph.Dim {
			if v[0].Is(0) {
				return v[2]
			}
			return v[1]
		}
	default:
		return
	}
	count, ok := out[0].Shape.Size().Fixed()
	if !ok || count > maxFollowed || len(out[0].Shape) > 1 {
		return
	}
	ints := make([]graph.Dim, count)
	for i := range ints {
		var at []graph.Dim
		for _, k := range in {
			d, ok := k.element(i)
			if _, fixed := d.Fixed(); !ok || !fixed {
				return
			}
			at = append(at, d)
		}
		ints[i] = f(at)
	}
	out[0].Ints = ints
}

// element is element i of a small integer value or bool, or its only one.
func (k known) element(i int) (graph.Dim, bool) {
	if len(k.Ints) == 1 {
		i = 0
	}
	if i < len(k.Ints) {
		return k.Ints[i], true
	}
	if k.Data.IsZero() || k.Data.Rank() > 1 {
		return graph.Dim{}, false
	}
	if k.Data.Len() == 1 {
		i = 0
	}
	switch {
	case i >= k.Data.Len():
	case k.DType == tensor.Bool && k.Data.Bool()[i]:
		return graph.Fix(1), true
	case k.DType == tensor.Bool:
		return graph.Fix(0), true
	case k.DType.IsInteger():
		return graph.Fix(int(k.Data.Convert(tensor.Int64).Int64()[i])), true
	}
	return graph.Dim{}, false
}
