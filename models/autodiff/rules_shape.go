package autodiff

import (
	"fmt"

	"fmtool/models/graph"
)

var shapeRules = map[string]rule{
	"Reshape": reshaped, "Flatten": reshaped, "Squeeze": reshaped, "Unsqueeze": reshaped,
	"Transpose": func(c *context) []value {
		perm, ok := c.node.IntList("perm")
		inverse := make([]int, c.rank(0))
		for i := range inverse {
			if ok {
				inverse[perm[i]] = i
			} else {
				inverse[i] = len(inverse) - 1 - i
			}
		}
		return []value{c.Transpose(c.g[0], inverse...)}
	},
	"Expand": func(c *context) []value { return []value{c.reduceTo(c.g[0], c.in[0]), nil} },
	"Concat": func(c *context) []value {
		axis, sizes := c.node.Int("axis", 0), make([]value, len(c.in))
		for i, v := range c.in {
			sizes[i] = c.length(v, axis)
		}
		if len(c.in) == 1 {
			return []value{c.g[0]}
		}
		return c.OpN("Split", graph.Attrs{"axis": int64(axis)}, len(c.in), c.g[0], c.Concat(0, sizes...))
	},
	"Split": func(c *context) []value {
		parts := make([]value, len(c.out))
		for i, v := range c.out {
			if parts[i] = c.g[i]; parts[i] == nil {
				parts[i] = zeros(c.Builder, v)
			}
		}
		return append([]value{c.Concat(c.node.Int("axis", 0), parts...)}, make([]value, len(c.in)-1)...)
	},
	"Slice": func(c *context) []value {
		at := c.Op("Slice", nil, append([]value{c.positions(c.in[0])}, c.in[1:]...)...)
		return append([]value{c.scatter(at)}, make([]value, len(c.in)-1)...)
	},
	"Range": func(c *context) []value { // start + i·delta; the limit only counts
		steps := c.Op("Cast", graph.Attrs{"to": int64(graph.Code(c.out[0].Type.DType))}, c.positions(c.out[0]))
		return []value{c.ReduceSum(c.g[0], false), nil, c.ReduceSum(c.Mul(c.g[0], steps), false)}
	},
	"Gather":          gather,
	"ScatterElements": scatterElements,
	"OneHot": func(c *context) []value {
		t := c.out[0].Type.DType
		hot := c.Op("OneHot", c.node.Attrs, c.in[0], c.in[1], c.Concat(0, c.vector(c.Scalar(t, 0)), c.vector(c.Scalar(t, 1))))
		on := c.ReduceSum(c.Mul(c.g[0], hot), false)
		off := c.Subtract(c.ReduceSum(c.g[0], false), on)
		return []value{nil, nil, c.Concat(0, c.vector(off), c.vector(on))}
	},
}

// vector is a scalar as a vector of one.
func (c *context) vector(v value) value { return c.Reshape(v, c.Ints(1)) }

// length is that of v along axis, an int64 vector of one.
func (c *context) length(v value, axis int) value {
	if axis < 0 {
		axis += len(v.Type.Shape)
	}
	return c.Op("Shape", graph.Attrs{"start": int64(axis), "end": int64(axis + 1)}, v)
}

func reshaped(c *context) []value {
	return append([]value{c.reshapeLike(c.g[0], c.in[0])}, make([]value, len(c.in)-1)...)
}

// reshapeLike gives v the shape of x, in which a length of 0 is meant as such and not as "copy".
func (c *context) reshapeLike(v, x value) value { return c.reshapeTo(v, shape(c.Builder, x)) }

func (c *context) reshapeTo(v, lengths value) value {
	return c.Op("Reshape", graph.Attrs{"allowzero": int64(1)}, v, lengths)
}

// positions numbers the elements of x from 0 in row-major order, in x's shape.
func (c *context) positions(x value) value {
	count := c.Op("Shape", nil, c.Reshape(x, c.Ints(-1)))
	zero, one := c.Reshape(c.Ints(0), c.Ints()), c.Reshape(c.Ints(1), c.Ints())
	return c.reshapeLike(c.Op("Range", nil, zero, c.Reshape(count, c.Ints()), one), x)
}

// scatter adds the gradient to zeros of the first input's shape at flat positions.
func (c *context) scatter(at value) value {
	flat := c.Reshape(zeros(c.Builder, c.in[0]), c.Ints(-1))
	sum := c.Op("ScatterElements", graph.Attrs{"axis": int64(0), "reduction": "add"}, flat, c.Reshape(at, c.Ints(-1)), c.Reshape(c.g[0], c.Ints(-1)))
	return c.reshapeLike(sum, c.in[0])
}

// gather: rows of a table, an embedding, go back by a product with the one-hot matrix of their indices; other axes by position.
func gather(c *context) []value {
	x, at := c.in[0], c.in[1]
	axis, err := graph.Axis(c.node.Int("axis", 0), c.rank(0))
	if err != nil {
		c.Fail(err)
		return nil
	}
	if axis != 0 || c.rank(0) != 2 {
		return []value{c.scatter(c.Op("Gather", graph.Attrs{"axis": int64(axis)}, c.positions(x), at)), nil}
	}
	t := c.out[0].Type.DType
	flat := c.Reshape(at, c.Ints(-1))
	depth := c.Op("Squeeze", nil, c.length(x, 0)) // ONNX's reference implementation takes no vector of one
	hot := c.Op("OneHot", nil, flat, depth, c.Concat(0, c.vector(c.Scalar(t, 0)), c.vector(c.Scalar(t, 1))))
	rows := c.reshapeTo(c.g[0], c.Concat(0, c.length(flat, 0), c.length(x, 1)))
	return []value{c.MatMul(c.Transpose(hot, 1, 0), rows), nil}
}

// scatterElements: what was overwritten gets no gradient; an update gets that of its place.
func scatterElements(c *context) []value {
	reduction := c.node.Str("reduction", "none")
	if reduction != "none" && reduction != "add" {
		c.Fail(fmt.Errorf("autodiff: %s: ScatterElements with reduction %s has no derivative here", c.node.Name, reduction))
		return nil
	}
	axis, err := graph.Axis(c.node.Int("axis", 0), c.rank(0))
	if err != nil {
		c.Fail(err)
		return nil
	}
	data := c.g[0]
	if reduction == "none" {
		data = c.Op("ScatterElements", graph.Attrs{"axis": int64(axis)}, c.g[0], c.in[1], zeros(c.Builder, c.in[2]))
	}
	return []value{data, nil, c.gatherElements(c.g[0], c.in[1], axis)}
}

// gatherElements reads x at index along axis, one element for each element of index: flat position = that of the row's start + index·stride.
func (c *context) gatherElements(x, index value, axis int) value {
	index = c.Op("Cast", int64Type, index)
	n := c.length(x, axis)
	index = c.where(c.Op("Less", nil, index, c.Ints(0)), c.Add(index, n), index)
	rank := len(x.Type.Shape)
	starts := c.positions(x)
	for d := range rank {
		end := c.length(index, d)
		if d == axis {
			end = c.Ints(1)
		}
		starts = c.Op("Slice", nil, starts, c.Ints(0), end, c.Ints(d))
	}
	stride := c.Ints(1)
	for d := axis + 1; d < rank; d++ {
		stride = c.Mul(stride, c.length(x, d))
	}
	at := c.Add(starts, c.Mul(index, stride))
	return c.reshapeLike(c.Op("Gather", nil, c.Reshape(x, c.Ints(-1)), c.Reshape(at, c.Ints(-1))), index)
}
