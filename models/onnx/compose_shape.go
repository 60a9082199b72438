package onnx

import (
	"fmt"
	"slices"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// The formulas of operators that move numbers, or multiply and add them along dimensions. What they need to know before the run (repeats, pads, axes,
// lengths) must be fixed in the file.

// What a formula adds is bounded, for a file of a few bytes a node can ask for any number of them: the copies that Tile joins, the nodes of a product and the
// side of a sum's triangle, the numbers of a mask.
const (
	maxParts   = 1 << 10
	maxFactors = 1 << 6
	maxMask    = 1 << 16
)

// fixed is the integers that input i holds.
func (c *conversion) fixed(i int, what string) ([]int, error) {
	if i >= len(c.in) || c.in[i] == nil {
		return nil, nil
	}
	list := []int{}
	if c.in[i].Ints == nil {
		return nil, notRead("%s with %s that are not known before the run", c.op, what)
	}
	for _, d := range c.in[i].Ints {
		n, ok := d.Fixed()
		if !ok {
			return nil, notRead("%s with %s that are not known before the run", c.op, what)
		}
		list = append(list, n)
	}
	return list, nil
}

// axes are the dimensions that a reduction with the node's attributes or input goes over: all of them if none are given.
func (c *conversion) axes(rank int) ([]int, error) {
	list, ok := c.ints("axes")
	if !ok {
		var err error
		if list, err = c.fixed(1, "axes"); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 && c.integer("noop_with_empty_axes", 0) == 0 {
		for i := range rank {
			list = append(list, i)
		}
	}
	for i, a := range list {
		axis, err := graph.Axis(a, rank)
		if err != nil {
			return nil, err
		}
		list[i] = axis
	}
	slices.Sort(list)
	return list, nil
}

// shapeOf is x's shape, or an error if its rank is not known.
func (c *conversion) shapeOf(x *graph.Value) (graph.Shape, error) {
	if x.Type.Shape == nil {
		return nil, notRead("%s of a value whose rank is not known", c.op)
	}
	return x.Type.Shape, nil
}

// reduceProd multiplies the parts of each dimension.
func reduceProd(b *graph.Builder, c *conversion) *graph.Value {
	x, kept := c.in[0], c.integer("keepdims", 1) != 0
	s, err := c.shapeOf(x)
	if err != nil {
		return b.Fail(err)
	}
	axes, err := c.axes(len(s))
	if err != nil {
		return b.Fail(err)
	}
	slices.Reverse(axes)
	for _, axis := range axes {
		n, ok := s[axis].Fixed()
		if !ok || n > maxFactors {
			return b.Fail(notRead("%s over a length of %v", c.op, s[axis]))
		}
		x = timesParts(b, x, axis, n)
	}
	if slices.Reverse(axes); kept && len(axes) > 0 {
		x = b.Op("Unsqueeze", nil, x, b.Ints(axes...))
	}
	return x
}

// timesParts multiplies the n parts of a dimension, which goes.
func timesParts(b *graph.Builder, x *graph.Value, axis, n int) *graph.Value {
	part := func(i int) *graph.Value {
		return b.Op("Gather", graph.Attrs{"axis": int64(axis)}, x, b.Const(tensor.Scalar(int64(i))))
	}
	if n == 0 { // a sum of nothing, and 1
		return b.Shift(b.ReduceSum(x, false, axis), 1)
	}
	p := part(0)
	for i := 1; i < n; i++ {
		p = b.Mul(p, part(i))
	}
	return p
}

// countElements is the number of elements.
func countElements(b *graph.Builder, c *conversion) *graph.Value {
	s, err := c.shapeOf(c.in[0])
	if err != nil {
		return b.Fail(err)
	}
	if len(s) == 0 {
		return b.Scalar(tensor.Int64, 1)
	}
	return timesParts(b, b.Op("Shape", nil, c.in[0]), 0, len(s))
}

// logSumExp is m + ln Σ e^(x − m), m the largest.
func logSumExp(b *graph.Builder, c *conversion) *graph.Value {
	kept := graph.Attrs{"keepdims": int64(1)}
	if v, ok := c.attrs["noop_with_empty_axes"]; ok {
		kept["noop_with_empty_axes"] = v
	}
	x, over := c.in[0], []*graph.Value{}
	if axes, ok := c.ints("axes"); ok {
		over = append(over, b.Ints(axes...))
	} else if len(c.in) > 1 {
		over = append(over, c.in[1])
	}
	m := b.Op("ReduceMax", kept, append([]*graph.Value{x}, over...)...)
	e := b.Op("Exp", nil, b.Subtract(x, m))
	y := b.Add(m, b.Op("Log", nil, b.Op("ReduceSum", kept, append([]*graph.Value{e}, over...)...)))
	if c.integer("keepdims", 1) == 0 { // of lengths 1
		drop := graph.Attrs{"keepdims": int64(0)}
		if v, ok := kept["noop_with_empty_axes"]; ok {
			drop["noop_with_empty_axes"] = v
		}
		y = b.Op("ReduceSum", drop, append([]*graph.Value{y}, over...)...)
	}
	return y
}

// tile repeats x along each dimension.
func tile(b *graph.Builder, c *conversion) *graph.Value {
	x := c.in[0]
	repeats, err := c.fixed(1, "repeats")
	if err != nil {
		return b.Fail(err)
	}
	for axis, n := range repeats {
		switch {
		case n < 1 || n > maxParts:
			return b.Fail(notRead("Tile %d times", n))
		case n > 1:
			x = b.Concat(axis, slices.Repeat([]*graph.Value{x}, n)...)
		}
	}
	return x
}

// pad puts a number around x, or takes off what is beyond.
func pad(b *graph.Builder, c *conversion) *graph.Value {
	x := c.in[0]
	s, err := c.shapeOf(x)
	if err != nil {
		return b.Fail(err)
	}
	if mode, ok := c.attrs["mode"].(string); ok && mode != "constant" {
		return b.Fail(notRead("Pad in mode %s", mode))
	}
	value := b.Scalar(x.Type.DType, c.float("value", 0))
	pads, old := c.ints("pads")
	axes := make([]int, len(s))
	for i := range axes {
		axes[i] = i
	}
	if !old {
		if pads, err = c.fixed(1, "pads"); err != nil {
			return b.Fail(err)
		}
		if len(c.in) > 2 && c.in[2] != nil {
			value = b.Reshape(c.in[2], b.Const(tensor.New(tensor.Int64, 0)))
		}
		if given, err := c.fixed(3, "axes"); err != nil {
			return b.Fail(err)
		} else if given != nil {
			axes = given
		}
	}
	if len(pads) != 2*len(axes) {
		return b.Fail(fmt.Errorf("%d pads for %d dimensions", len(pads), len(axes)))
	}
	for i, a := range axes {
		axis, err := graph.Axis(a, len(s))
		if err != nil {
			return b.Fail(err)
		}
		x = padded(b, x, value, axis, pads[i], pads[len(axes)+i])
	}
	return x
}

// padded adds before and after parts along a dimension, or takes them off where they are negative.
func padded(b *graph.Builder, x, value *graph.Value, axis, before, after int) *graph.Value {
	if before < 0 || after < 0 {
		from, to := max(0, -before), 1<<31-1
		if after < 0 {
			to = after
		}
		x = b.Op("Slice", nil, x, b.Ints(from), b.Ints(to), b.Ints(axis))
	}
	block := func(n int) *graph.Value {
		part := func(from, to int) *graph.Value {
			return b.Op("Shape", graph.Attrs{"start": int64(from), "end": int64(to)}, x)
		}
		return b.Op("Expand", nil, value, b.Concat(0, part(0, axis), b.Ints(n), part(axis+1, len(x.Type.Shape))))
	}
	parts := []*graph.Value{x}
	if before > 0 {
		parts = append([]*graph.Value{block(before)}, x)
	}
	if after > 0 {
		parts = append(parts, block(after))
	}
	if len(parts) == 1 {
		return x
	}
	return b.Concat(axis, parts...)
}

// cumSum is the product with a triangle of ones along a dimension.
func cumSum(b *graph.Builder, c *conversion) *graph.Value {
	x := c.in[0]
	s, err := c.shapeOf(x)
	if err != nil {
		return b.Fail(err)
	}
	axes, err := c.fixed(1, "axes")
	if err != nil {
		return b.Fail(err)
	}
	if len(axes) != 1 {
		return b.Fail(fmt.Errorf("axes %v: want one", axes))
	}
	axis, err := graph.Axis(axes[0], len(s))
	if err != nil {
		return b.Fail(err)
	}
	n, ok := s[axis].Fixed()
	if !ok || n > maxFactors {
		return b.Fail(notRead("CumSum over a length of %v", s[axis]))
	}
	without, reverse := c.integer("exclusive", 0) != 0, c.integer("reverse", 0) != 0
	triangle := make([]float64, n*n)
	for from := range n {
		for to := range n {
			if from < to && !reverse || from > to && reverse || from == to && !without {
				triangle[from*n+to] = 1
			}
		}
	}
	perm := make([]int, len(s))
	for i := range perm {
		perm[i] = i
	}
	perm[axis], perm[len(s)-1] = len(s)-1, axis
	ones := b.Const(tensor.Of(triangle, n, n).Convert(x.Type.DType))
	return b.Transpose(b.MatMul(b.Transpose(x, perm...), ones), perm...)
}

// trilu keeps one triangle of matrices of fixed lengths.
func trilu(b *graph.Builder, c *conversion) *graph.Value {
	x := c.in[0]
	s, err := c.shapeOf(x)
	if err != nil {
		return b.Fail(err)
	}
	shift, err := c.fixed(1, "diagonals")
	if err != nil {
		return b.Fail(err)
	}
	k := append(shift, 0)[0]
	lengths, ok := s[max(0, len(s)-2):].Ints()
	if !ok || len(lengths) != 2 || max(lengths[0], lengths[1]) > maxMask || lengths[0]*lengths[1] > maxMask {
		return b.Fail(notRead("Trilu of matrices %v", s))
	}
	keep := make([]bool, 0, lengths[0]*lengths[1])
	upper := c.integer("upper", 1) != 0
	for i := range lengths[0] {
		for j := range lengths[1] {
			keep = append(keep, upper && j >= i+k || !upper && j <= i+k)
		}
	}
	return b.Op("Where", nil, b.Const(tensor.Of(keep, lengths...)), x, b.Scalar(x.Type.DType, 0))
}

// gatherND picks along the first dimension; indices of more than one number are not read.
func gatherND(b *graph.Builder, c *conversion) *graph.Value {
	s := c.in[1].Type.Shape
	if c.integer("batch_dims", 0) != 0 || len(s) == 0 || !s[len(s)-1].Is(1) {
		return b.Fail(notRead("GatherND with batches, or indices of more than one number"))
	}
	return b.Op("Gather", nil, c.in[0], b.Op("Squeeze", nil, c.in[1], b.Ints(-1)))
}

// batchNorm is (x − mean)/√(var + ε)·scale + bias for each channel, the second dimension, outside training.
func batchNorm(b *graph.Builder, c *conversion) *graph.Value {
	if c.integer("training_mode", 0) != 0 || c.version < 7 && c.integer("is_test", 0) == 0 {
		return b.Fail(notRead("BatchNormalization in training mode; export the model for inference"))
	}
	s, err := c.shapeOf(c.in[0])
	if err != nil {
		return b.Fail(err)
	}
	channel := func(i int) *graph.Value {
		if len(s) <= 2 {
			return c.in[i]
		}
		shape := []int{-1}
		for range s[2:] {
			shape = append(shape, 1)
		}
		return b.Reshape(c.in[i], b.Ints(shape...))
	}
	deviation := b.Op("Sqrt", nil, b.Shift(channel(4), c.float("epsilon", 1e-5)))
	return b.Add(b.Mul(b.Div(b.Subtract(c.in[0], channel(3)), deviation), channel(1)), channel(2))
}

// round is the nearest whole number, the even one of two.
func round(b *graph.Builder, c *conversion) *graph.Value {
	x := c.in[0]
	whole := b.Op("Floor", nil, x)
	over := b.Subtract(x, whole)
	number := func(v float64) *graph.Value { return b.Scalar(x.Type.DType, v) }
	odd := b.Op("Greater", nil, b.Subtract(whole, b.Scale(b.Op("Floor", nil, b.Scale(whole, 0.5)), 2)), number(0.5))
	up := b.Op("Or", nil, b.Op("Greater", nil, over, number(0.5)), b.Op("And", nil, b.Op("Equal", nil, over, number(0.5)), odd))
	return b.Op("Where", nil, up, b.Shift(whole, 1), whole)
}
