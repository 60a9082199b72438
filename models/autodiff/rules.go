package autodiff

import (
	"fmt"
	"math"
	"slices"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

type value = *graph.Value

// rule returns the gradients of a node's inputs, nil for those that get none.
type rule func(c *context) []value

// constant are the operators whose results do not change with their inputs, but for jumps, or are no floats.
var constant = set("Sign", "Floor", "Ceil", "Not", "BitwiseNot", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor",
	"BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift", "Constant", "ConstantOfShape", "Shape")

func set(names ...string) map[string]bool {
	out := map[string]bool{}
	for _, n := range names {
		out[n] = true
	}
	return out
}

// rules is the table; nil marks control flow, which is not handled by a row.
var rules map[string]rule

func init() {
	rules = map[string]rule{
		"If":       nil, // pass.branches
		"Loop":     nil, // an error that says so
		"Identity": func(c *context) []value { return []value{c.g[0]} },
		"Neg":      func(c *context) []value { return []value{c.Neg(c.g[0])} },
		"Add":      func(c *context) []value { return c.pair(c.g[0], c.g[0]) },
		"Sub":      func(c *context) []value { return []value{c.side(0, c.g[0], nil), c.side(1, c.g[0], c.Neg)} },
		"Mul": func(c *context) []value {
			return []value{c.side(0, c.g[0], c.times(c.in[1])), c.side(1, c.g[0], c.times(c.in[0]))}
		},
		"Div": func(c *context) []value {
			return []value{
				c.side(0, c.g[0], func(g value) value { return c.Div(g, c.in[1]) }),
				c.side(1, c.g[0], func(g value) value { return c.Neg(c.Div(c.Mul(g, c.out[0]), c.in[1])) }),
			}
		},
		"Pow":        pow,
		"Mod":        mod,
		"Reciprocal": scaled(func(c *context) value { return c.Neg(c.Mul(c.out[0], c.out[0])) }),
		"Sqrt":       func(c *context) []value { return []value{c.Div(c.Scale(c.g[0], 0.5), c.out[0])} },
		"Exp":        scaled(func(c *context) value { return c.out[0] }),
		"Log":        func(c *context) []value { return []value{c.Div(c.g[0], c.in[0])} },
		"Sin":        scaled(func(c *context) value { return c.Op("Cos", nil, c.in[0]) }),
		"Cos":        scaled(func(c *context) value { return c.Neg(c.Op("Sin", nil, c.in[0])) }),
		"Tanh":       scaled(func(c *context) value { return c.Subtract(c.like(1), c.Mul(c.out[0], c.out[0])) }),
		"Sigmoid":    scaled(func(c *context) value { return c.Mul(c.out[0], c.Subtract(c.like(1), c.out[0])) }),
		"Softplus":   scaled(func(c *context) value { return c.Sigmoid(c.in[0]) }),
		"Erf": scaled(func(c *context) value {
			return c.Scale(c.Op("Exp", nil, c.Neg(c.Mul(c.in[0], c.in[0]))), 2/math.Sqrt(math.Pi))
		}),
		"Abs":       scaled(func(c *context) value { return c.Op("Sign", nil, c.in[0]) }),
		"Relu":      func(c *context) []value { return []value{c.where(c.positive(), c.g[0], c.like(0))} },
		"LeakyRelu": kinked(func(c *context) value { return c.like(float64(c.node.Float("alpha", 0.01))) }),
		"Elu":       kinked(func(c *context) value { return c.Shift(c.out[0], float64(c.node.Float("alpha", 1))) }),
		"Selu":      selu,
		"Min":       extremes,
		"Max":       extremes,
		"Clip":      clip,
		"Where": func(c *context) []value {
			zero := c.like(0)
			return []value{nil,
				c.side(1, c.g[0], func(g value) value { return c.where(c.in[0], g, zero) }),
				c.side(2, c.g[0], func(g value) value { return c.where(c.in[0], zero, g) })}
		},
		"Cast": func(c *context) []value {
			return []value{c.Op("Cast", graph.Attrs{"to": int64(graph.Code(c.in[0].Type.DType))}, c.g[0])}
		},
	}
	for name, r := range shapeRules {
		rules[name] = r
	}
	for name, r := range linearRules {
		rules[name] = r
	}
}

// side applies f to the gradient and sums it over what input i was stretched along; nil if nobody wants it.
func (c *context) side(i int, g value, f func(value) value) value {
	if !c.wants(i) {
		return nil
	}
	if f != nil {
		g = f(g)
	}
	return c.reduceTo(g, c.in[i])
}

func (c *context) pair(g0, g1 value) []value { return []value{c.side(0, g0, nil), c.side(1, g1, nil)} }

func (c *context) times(v value) func(value) value { return func(g value) value { return c.Mul(g, v) } }

func (c *context) where(cond, x, y value) value { return c.Op("Where", nil, cond, x, y) }

func (c *context) positive() value { return c.Op("Greater", nil, c.in[0], c.like(0)) }

// scaled is the rule of y = f(x) whose slope is a value.
func scaled(slope func(*context) value) rule {
	return func(c *context) []value { return []value{c.Mul(c.g[0], slope(c))} }
}

// kinked is the rule of a function that is x above 0 and has the given slope below.
func kinked(below func(*context) value) rule {
	return func(c *context) []value {
		return []value{c.where(c.positive(), c.g[0], c.Mul(c.g[0], below(c)))}
	}
}

// selu has slope γ above 0 and y + γα below.
func selu(c *context) []value {
	alpha, gamma := float64(c.node.Float("alpha", 1.67326319217681884765625)), float64(c.node.Float("gamma", 1.05070102214813232421875))
	return []value{c.Mul(c.g[0], c.where(c.positive(), c.like(gamma), c.Shift(c.out[0], alpha*gamma)))}
}

// pow: ∂xʸ/∂x = y·xʸ⁻¹, ∂xʸ/∂y = xʸ ln x. The exponent may be of another type. At x = 0 the limits are meant: x⁰ is 1 for every x, and
// xʸ is 0 for every y > 0, so the slopes are 0 there, not 0·∞.
func pow(c *context) []value {
	x, y := c.in[0], c.in[1]
	if y.Type.DType != x.Type.DType {
		y = c.Op("Cast", graph.Attrs{"to": int64(graph.Code(x.Type.DType))}, y)
	}
	atZero := func(compare string) value {
		return c.Op("And", nil, c.Op("Equal", nil, x, c.like(0)), c.Op(compare, nil, y, c.like(0)))
	}
	return []value{
		c.side(0, c.g[0], func(g value) value {
			exponent := y
			if !neverZero(c.in[1]) {
				exponent = c.where(atZero("Equal"), c.like(1), y)
			}
			return c.Mul(c.Mul(g, y), c.Op("Pow", nil, x, c.Shift(exponent, -1)))
		}),
		c.side(1, c.g[0], func(g value) value {
			base := c.where(atZero("GreaterOrEqual"), c.like(1), x)
			return c.Mul(c.Mul(g, c.out[0]), c.Op("Log", nil, base))
		}),
	}
}

// neverZero reports a constant without zeros.
func neverZero(v value) bool {
	return v.Kind == graph.Constant && !slices.Contains(v.Data.Convert(tensor.Float64).Float64(), 0)
}

// mod: x mod y = x − y·n with a whole number n, which does not change.
func mod(c *context) []value {
	return []value{c.side(0, c.g[0], nil), c.side(1, c.g[0], func(g value) value {
		return c.Neg(c.Mul(g, c.Div(c.Subtract(c.in[0], c.out[0]), c.in[1])))
	})}
}

// extremes shares the gradient among the inputs that equal the result.
func extremes(c *context) []value {
	wins := make([]value, len(c.in))
	var count value
	for i, x := range c.in {
		wins[i] = c.truth(c.Op("Equal", nil, x, c.out[0]))
		if count == nil {
			count = wins[i]
		} else {
			count = c.Add(count, wins[i])
		}
	}
	share := c.Div(c.g[0], count)
	out := make([]value, len(c.in))
	for i := range out {
		out[i] = c.side(i, share, c.times(wins[i]))
	}
	return out
}

// truth is 1 where a bool holds and 0 elsewhere.
func (c *context) truth(v value) value {
	return c.Op("Cast", graph.Attrs{"to": int64(graph.Code(c.out[0].Type.DType))}, v)
}

// clip passes the gradient where x lies within the bounds, and to a bound where it was cut.
func clip(c *context) []value {
	x, zero := c.in[0], c.like(0)
	cut := func(i int, op string) value {
		if i >= len(c.in) || c.in[i] == nil {
			return nil
		}
		return c.Op(op, nil, x, c.in[i])
	}
	low, high := cut(1, "Less"), cut(2, "Greater")
	g := c.g[0]
	out := make([]value, len(c.in))
	for i, is := range []value{low, high} {
		if is == nil {
			continue
		}
		out[1+i] = c.side(1+i, c.g[0], func(g value) value { return c.where(is, g, zero) })
		g = c.where(is, zero, g)
	}
	out[0] = g
	return out
}

// known fails unless v's numbers are fixed integers, and returns them.
func (c *context) known(i int, what string) ([]int, bool) {
	if i >= len(c.in) || c.in[i] == nil {
		return nil, false
	}
	var out []int
	for _, d := range c.in[i].Ints {
		n, ok := d.Fixed()
		if !ok {
			c.Fail(fmt.Errorf("autodiff: %s: %s must be constant", c.node.Name, what))
			return nil, false
		}
		out = append(out, n)
	}
	if c.in[i].Ints == nil {
		c.Fail(fmt.Errorf("autodiff: %s: %s must be constant", c.node.Name, what))
		return nil, false
	}
	return out, true
}

// rank is that of input i, which must be known.
func (c *context) rank(i int) int {
	if c.in[i].Type.Shape == nil {
		c.Fail(fmt.Errorf("autodiff: %s: an input of unknown rank", c.node.Name))
	}
	return len(c.in[i].Type.Shape)
}

var int64Type = graph.Attrs{"to": int64(graph.Code(tensor.Int64))}
