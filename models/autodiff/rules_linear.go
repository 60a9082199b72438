package autodiff

import (
	"fmt"

	"fmtool/models/graph"
)

var linearRules = map[string]rule{
	"MatMul":     matmul,
	"Gemm":       gemm,
	"ReduceSum":  func(c *context) []value { return c.reduced(func(g value) value { return g }) },
	"ReduceMean": func(c *context) []value { return c.reduced(func(g value) value { return c.Div(g, c.count()) }) },
	"ReduceMax": func(c *context) []value {
		wins := c.truth(c.Op("Equal", nil, c.in[0], c.keep(c.out[0])))
		count := c.sumLike(wins)
		return append([]value{c.Mul(wins, c.Div(c.keep(c.g[0]), count))}, make([]value, len(c.in)-1)...)
	},
	"Softmax": func(c *context) []value {
		axis := c.node.Int("axis", -1)
		dot := c.ReduceSum(c.Mul(c.g[0], c.out[0]), true, axis)
		return []value{c.Mul(c.out[0], c.Subtract(c.g[0], dot))}
	},
	"LayerNormalization":    layerNorm,
	"InstanceNormalization": instanceNorm,
}

// swap transposes the last two dimensions.
func (c *context) swap(v value) value {
	perm := make([]int, len(v.Type.Shape))
	for i := range perm {
		perm[i] = i
	}
	n := len(perm)
	perm[n-1], perm[n-2] = n-2, n-1
	return c.Transpose(v, perm...)
}

// matmul: dA = g·Bᵀ, dB = Aᵀ·g, with vectors taken as matrices of one row or column.
func matmul(c *context) []value {
	a, b, g := c.in[0], c.in[1], c.g[0]
	if c.rank(0) < 1 || c.rank(1) < 1 {
		return nil
	}
	if c.rank(1) == 1 {
		b, g = c.Op("Unsqueeze", nil, b, c.Ints(1)), c.Op("Unsqueeze", nil, g, c.Ints(-1))
	}
	if c.rank(0) == 1 {
		a, g = c.Op("Unsqueeze", nil, a, c.Ints(0)), c.Op("Unsqueeze", nil, g, c.Ints(-2))
	}
	out := make([]value, 2)
	if c.wants(0) {
		out[0] = c.reduceTo(c.MatMul(g, c.swap(b)), a)
		if c.rank(0) == 1 {
			out[0] = c.reshapeLike(out[0], c.in[0])
		}
	}
	if c.wants(1) {
		out[1] = c.reduceTo(c.MatMul(c.swap(a), g), b)
		if c.rank(1) == 1 {
			out[1] = c.reshapeLike(out[1], c.in[1])
		}
	}
	return out
}

// gemm: Y = α·A'·B' + β·C with A' = A or Aᵀ.
func gemm(c *context) []value {
	tA, tB := c.node.Int("transA", 0) != 0, c.node.Int("transB", 0) != 0
	flip := func(v value, t bool) value {
		if t {
			return c.Transpose(v, 1, 0)
		}
		return v
	}
	g := c.g[0]
	if alpha := c.node.Float("alpha", 1); alpha != 1 {
		g = c.Scale(g, float64(alpha))
	}
	out := make([]value, len(c.in))
	if c.wants(0) {
		out[0] = flip(c.MatMul(g, c.Transpose(flip(c.in[1], tB), 1, 0)), tA)
	}
	if c.wants(1) {
		out[1] = flip(c.MatMul(c.Transpose(flip(c.in[0], tA), 1, 0), g), tB)
	}
	if c.wants(2) {
		out[2] = c.side(2, c.g[0], func(g value) value { return c.Scale(g, float64(c.node.Float("beta", 1))) })
	}
	return out
}

// over tells which dimensions a reduction sums.
func (c *context) over() []bool {
	axes, given := []int(nil), len(c.in) > 1 && c.in[1] != nil
	if given {
		list, ok := c.known(1, "the axes of a reduction")
		if !ok {
			return nil
		}
		axes = list
	}
	over, err := graph.ReduceAxes(c.node, axes, given, c.rank(0))
	if err != nil {
		c.Fail(err)
	}
	return over
}

func (c *context) axes() []int {
	var axes []int
	for i, o := range c.over() {
		if o {
			axes = append(axes, i)
		}
	}
	return axes
}

// keep gives a reduced value the dimensions of length 1 that keepdims = 0 took away.
func (c *context) keep(v value) value {
	axes := c.axes()
	if c.node.Int("keepdims", 1) != 0 || len(axes) == 0 {
		return v
	}
	return c.Op("Unsqueeze", nil, v, c.Ints(axes...))
}

// sumLike sums as the node does, with dimensions kept.
func (c *context) sumLike(v value) value {
	axes := c.axes()
	if len(axes) == 0 {
		return v
	}
	return c.ReduceSum(v, true, axes...)
}

// count is the number of elements each result is made of, a scalar.
func (c *context) count() value {
	n := c.Ints(1)
	for _, a := range c.axes() {
		n = c.Mul(n, c.length(c.in[0], a))
	}
	return c.Reshape(c.Op("Cast", graph.Attrs{"to": int64(graph.Code(c.out[0].Type.DType))}, n), c.Ints())
}

// reduced stretches the gradient back over the summed dimensions.
func (c *context) reduced(f func(value) value) []value {
	g := c.Op("Expand", nil, c.keep(f(c.g[0])), shape(c.Builder, c.in[0]))
	return append([]value{g}, make([]value, len(c.in)-1)...)
}

// normalised is x̂ = (x − mean)/√(var + ε) over axes, and 1/√(var + ε).
func (c *context) normalised(x value, axes []int) (hat, inv value) {
	d := c.Subtract(x, c.ReduceMean(x, true, axes...))
	variance := c.ReduceMean(c.Mul(d, d), true, axes...)
	inv = c.Op("Reciprocal", nil, c.Op("Sqrt", nil, c.Shift(variance, float64(c.node.Float("epsilon", 1e-5)))))
	return c.Mul(d, inv), inv
}

// normGrad pulls g·scale back through x̂: inv·(g − mean g − x̂·mean(g·x̂)).
func (c *context) normGrad(g, hat, inv value, axes []int) value {
	mean := func(v value) value { return c.ReduceMean(v, true, axes...) }
	return c.Mul(inv, c.Subtract(c.Subtract(g, mean(g)), c.Mul(hat, mean(c.Mul(g, hat)))))
}

func layerNorm(c *context) []value {
	for i := 1; i < len(c.g); i++ {
		if c.g[i] != nil {
			c.Fail(fmt.Errorf("autodiff: %s: the statistics of LayerNormalization have no derivative here", c.node.Name))
			return nil
		}
	}
	axis, err := graph.Axis(c.node.Int("axis", -1), c.rank(0))
	if err != nil {
		c.Fail(err)
		return nil
	}
	var axes []int
	for i := axis; i < c.rank(0); i++ {
		axes = append(axes, i)
	}
	hat, inv := c.normalised(c.in[0], axes)
	out := make([]value, len(c.in))
	if c.wants(0) {
		out[0] = c.normGrad(c.Mul(c.g[0], c.in[1]), hat, inv, axes)
	}
	out[1] = c.side(1, c.g[0], c.times(hat))
	if len(out) > 2 {
		out[2] = c.side(2, c.g[0], nil)
	}
	return out
}

// instanceNorm normalises each channel of each sample; scale and bias are vectors of the channels.
func instanceNorm(c *context) []value {
	var axes, rest []int
	for i := 2; i < c.rank(0); i++ {
		axes = append(axes, i)
		rest = append(rest, i-1)
	}
	hat, inv := c.normalised(c.in[0], axes)
	scale := c.in[1]
	if len(rest) > 0 {
		scale = c.Op("Unsqueeze", nil, scale, c.Ints(rest...))
	}
	channels := append([]int{0}, axes...)
	return []value{
		c.normGrad(c.Mul(c.g[0], scale), hat, inv, axes),
		c.ReduceSum(c.Mul(c.g[0], hat), false, channels...),
		c.ReduceSum(c.g[0], false, channels...),
	}
}
