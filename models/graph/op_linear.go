package graph

import (
	"fmt"
	"slices"

	"fmtool/models/tensor"
)

func init() {
	register(
		&Op{Name: "MatMul", MinIn: 2, MaxIn: 2, MinOut: 1, MaxOut: 1, Infer: inferMatMul},
		&Op{Name: "Gemm", MinIn: 2, MaxIn: 3, MinOut: 1, MaxOut: 1, Infer: inferGemm,
			Attrs: map[string]AttrKind{"alpha": FloatAttr, "beta": FloatAttr, "transA": IntAttr, "transB": IntAttr}},
		&Op{Name: "Softmax", MinIn: 1, MaxIn: 1, MinOut: 1, MaxOut: 1, Infer: inferSoftmax, Attrs: map[string]AttrKind{"axis": IntAttr}},
		&Op{Name: "LayerNormalization", MinIn: 2, MaxIn: 3, MinOut: 1, MaxOut: 3, Infer: inferLayerNorm,
			Attrs: map[string]AttrKind{"axis": IntAttr, "epsilon": FloatAttr, "stash_type": IntAttr}},
		&Op{Name: "InstanceNormalization", MinIn: 3, MaxIn: 3, MinOut: 1, MaxOut: 1, Infer: inferInstanceNorm,
			Attrs: map[string]AttrKind{"epsilon": FloatAttr}},
	)
	for _, name := range []string{"ReduceSum", "ReduceMean", "ReduceMax"} {
		register(&Op{Name: name, MinIn: 1, MaxIn: 2, MinOut: 1, MaxOut: 1, Infer: inferReduce,
			Attrs: map[string]AttrKind{"keepdims": IntAttr, "noop_with_empty_axes": IntAttr}})
	}
}

// inferMatMul is numpy.matmul: a vector on the left is a row, on the right a column; leading dimensions broadcast.
func inferMatMul(c *Inference) error {
	x, y := c.In[0], c.In[1]
	if x.DType != y.DType || !numeric(x.DType) {
		return fmt.Errorf("%v × %v: element types", x.Type, y.Type)
	}
	c.Out[0].Type = Type{DType: x.DType}
	if x.Shape == nil || y.Shape == nil {
		return nil
	}
	if len(x.Shape) == 0 || len(y.Shape) == 0 {
		return fmt.Errorf("%v × %v: want at least vectors", x.Shape, y.Shape)
	}
	a, b := x.Shape, y.Shape
	if len(a) == 1 {
		a = Shape{Fix(1), a[0]}
	}
	if len(b) == 1 {
		b = Shape{b[0], Fix(1)}
	}
	if _, err := agree(a[len(a)-1], b[len(b)-2]); err != nil {
		return fmt.Errorf("%v × %v: inner %w", x.Shape, y.Shape, err)
	}
	out, err := Broadcast(a[:len(a)-2], b[:len(b)-2])
	if err != nil {
		return fmt.Errorf("%v × %v: %w", x.Shape, y.Shape, err)
	}
	if len(x.Shape) > 1 {
		out = append(out, a[len(a)-2])
	}
	if len(y.Shape) > 1 {
		out = append(out, b[len(b)-1])
	}
	c.Out[0].Shape = out
	return nil
}

func inferGemm(c *Inference) error {
	a, b := c.In[0], c.In[1]
	if a.DType != b.DType || !numeric(a.DType) {
		return fmt.Errorf("%v × %v: element types", a.Type, b.Type)
	}
	c.Out[0].Type = Type{a.DType, open(2)}
	if a.Shape == nil || b.Shape == nil {
		return nil
	}
	if len(a.Shape) != 2 || len(b.Shape) != 2 {
		return fmt.Errorf("%v × %v: want matrices", a.Shape, b.Shape)
	}
	m, k := a.Shape[0], a.Shape[1]
	if c.Node.Int("transA", 0) != 0 {
		m, k = k, m
	}
	l, n := b.Shape[0], b.Shape[1]
	if c.Node.Int("transB", 0) != 0 {
		l, n = n, l
	}
	if _, err := agree(k, l); err != nil {
		return fmt.Errorf("%v × %v: inner %w", a.Shape, b.Shape, err)
	}
	out := Shape{m, n}
	if len(c.In) > 2 && c.In[2].DType != tensor.Invalid {
		if stretchesTo(c.In[2].Shape, out) != nil || c.In[2].DType != a.DType {
			return fmt.Errorf("%v plus %v", Type{a.DType, out}, c.In[2].Type)
		}
	}
	c.Out[0].Shape = out
	return nil
}

// ReduceAxes returns which of rank dimensions a reduction runs over, given the elements of its axes input (ok false: it has none).
func ReduceAxes(n *Node, axes []int, ok bool, rank int) ([]bool, error) {
	over := make([]bool, rank)
	if !ok || len(axes) == 0 {
		for i := range over {
			over[i] = n.Int("noop_with_empty_axes", 0) == 0
		}
		return over, nil
	}
	for _, a := range axes {
		axis, err := Axis(a, rank)
		if err != nil {
			return nil, err
		}
		over[axis] = true
	}
	return over, nil
}

func inferReduce(c *Inference) error {
	x := c.In[0]
	if !numeric(x.DType) && !(c.Node.Op == "ReduceMax" && x.DType == tensor.Bool) {
		return fmt.Errorf("%v: want numbers", x.Type)
	}
	c.Out[0].Type = Type{DType: x.DType}
	if x.Shape == nil {
		return nil
	}
	var axes []int
	given := len(c.In) > 1 && c.In[1].DType != tensor.Invalid
	if given {
		list, known := c.In[1].ints()
		if !known {
			if c.Node.Int("keepdims", 1) != 0 {
				c.Out[0].Shape = open(len(x.Shape))
			}
			return nil
		}
		axes = list
	}
	over, err := ReduceAxes(c.Node, axes, given, len(x.Shape))
	if err != nil {
		return fmt.Errorf("%v: %w", x.Type, err)
	}
	out := Shape{}
	for i, d := range x.Shape {
		switch {
		case !over[i]:
			out = append(out, d)
		case c.Node.Int("keepdims", 1) != 0:
			out = append(out, Fix(1))
		}
	}
	c.Out[0].Shape = out
	return nil
}

func inferSoftmax(c *Inference) error {
	if c.In[0].Shape != nil {
		if _, err := Axis(c.Node.Int("axis", -1), len(c.In[0].Shape)); err != nil {
			return fmt.Errorf("%v: %w", c.In[0].Type, err)
		}
	}
	return unary(floatType)(c)
}

func inferLayerNorm(c *Inference) error {
	x := c.In[0]
	if !x.DType.IsFloat() {
		return fmt.Errorf("%v: want floats", x.Type)
	}
	c.Out[0].Type = x.Type
	stats := Type{DType: tensor.Float32}
	if x.DType == tensor.Float64 {
		stats.DType = tensor.Float64
	}
	if x.Shape != nil {
		axis, err := Axis(c.Node.Int("axis", -1), len(x.Shape))
		if err != nil {
			return fmt.Errorf("%v: %w", x.Type, err)
		}
		normalised := append(ShapeOf(slices.Repeat([]int{1}, axis)...), x.Shape[axis:]...)
		for i, in := range c.In[1:] {
			if in.DType == tensor.Invalid {
				continue
			}
			if stretchesTo(in.Shape, normalised) != nil || in.DType != x.DType {
				return fmt.Errorf("%v with %s %v", x.Type, [...]string{"scale", "bias"}[i], in.Type)
			}
		}
		stats.Shape = append(Shape{}, x.Shape...)
		for i := axis; i < len(stats.Shape); i++ {
			stats.Shape[i] = Fix(1)
		}
	}
	for i := range c.Out[1:] {
		c.Out[1+i].Type = stats
	}
	return nil
}

func inferInstanceNorm(c *Inference) error {
	x := c.In[0]
	if !x.DType.IsFloat() || x.Shape != nil && len(x.Shape) < 2 {
		return fmt.Errorf("%v: want floats [N, C, ...]", x.Type)
	}
	for _, in := range c.In[1:] {
		if x.Shape == nil || in.Shape == nil {
			continue
		}
		if len(in.Shape) != 1 || in.DType != x.DType {
			return fmt.Errorf("%v with scale or bias %v: want a vector of the channels", x.Type, in.Type)
		}
		if _, err := agree(x.Shape[1], in.Shape[0]); err != nil {
			return fmt.Errorf("%v with scale or bias %v: channels %w", x.Type, in.Type, err)
		}
	}
	c.Out[0].Type = x.Type
	return nil
}
