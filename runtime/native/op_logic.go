package native

import (
	"math"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

func init() {
	register("Equal", prepareEqual)
	register("Less", compare(func(a, b float64) bool { return a < b }, func(o int) bool { return o < 0 }))
	register("LessOrEqual", compare(func(a, b float64) bool { return a <= b }, func(o int) bool { return o <= 0 }))
	register("Greater", compare(func(a, b float64) bool { return a > b }, func(o int) bool { return o > 0 }))
	register("GreaterOrEqual", compare(func(a, b float64) bool { return a >= b }, func(o int) bool { return o >= 0 }))
	register("And", logic(func(a, b bool) bool { return a && b }))
	register("Or", logic(func(a, b bool) bool { return a || b }))
	register("Xor", logic(func(a, b bool) bool { return a != b }))
	register("Not", func(c *call) (func() error, error) {
		return each(c.out[0].Bool(), c.in[0].Bool(), func(b bool) bool { return !b }), nil
	})
	register("Where", prepareWhere)
	register("Cast", prepareCast)
}

func logic(f func(a, b bool) bool) prepare {
	return func(c *call) (func() error, error) { return same(c, c.in[0].Bool(), f), nil }
}

// compare is the kernel of an order: floats by f, integers by the sign of their comparison.
func compare(f func(a, b float64) bool, order func(int) bool) prepare {
	return func(c *call) (func() error, error) {
		dst := c.out[0].Bool()
		switch x := c.in[0].Any().(type) {
		case []float32:
			return zip(c, dst, x, c.in[1].Float32(), func(a, b float32) bool { return f(float64(a), float64(b)) }), nil
		case []float64:
			return zip(c, dst, x, c.in[1].Float64(), f), nil
		case []tensor.Half:
			return zip(c, dst, x, tensor.Data[tensor.Half](c.in[1]), func(a, b tensor.Half) bool { return f(float64(a.Float32()), float64(b.Float32())) }), nil
		case []int8:
			return ordered(c, x, order), nil
		case []int16:
			return ordered(c, x, order), nil
		case []int32:
			return ordered(c, x, order), nil
		case []int64:
			return ordered(c, x, order), nil
		case []uint8:
			return ordered(c, x, order), nil
		case []uint16:
			return ordered(c, x, order), nil
		case []uint32:
			return ordered(c, x, order), nil
		case []uint64:
			return ordered(c, x, order), nil
		}
		return nil, unsupported(c)
	}
}

func ordered[T interface {
	integer
	tensor.Element
}](c *call, x []T, order func(int) bool) func() error {
	return zip(c, c.out[0].Bool(), x, tensor.Data[T](c.in[1]), func(a, b T) bool {
		switch {
		case a < b:
			return order(-1)
		case a > b:
			return order(1)
		}
		return order(0)
	})
}

func prepareEqual(c *call) (func() error, error) {
	if c.in[0].DType() == tensor.Bool {
		return same(c, c.in[0].Bool(), func(a, b bool) bool { return a == b }), nil
	}
	return compare(func(a, b float64) bool { return a == b }, func(o int) bool { return o == 0 })(c)
}

// prepareWhere picks elements without looking at what they are.
func prepareWhere(c *call) (func() error, error) {
	switch x := c.in[1].Any().(type) {
	case []float32:
		return choose(c, x), nil
	case []float64:
		return choose(c, x), nil
	case []tensor.Half:
		return choose(c, x), nil
	case []int8:
		return choose(c, x), nil
	case []int16:
		return choose(c, x), nil
	case []int32:
		return choose(c, x), nil
	case []int64:
		return choose(c, x), nil
	case []uint8:
		return choose(c, x), nil
	case []uint16:
		return choose(c, x), nil
	case []uint32:
		return choose(c, x), nil
	case []uint64:
		return choose(c, x), nil
	case []bool:
		return choose(c, x), nil
	}
	return nil, unsupported(c)
}

func choose[T tensor.Element](c *call, x []T) func() error {
	cond, y, dst := c.in[0].Bool(), tensor.Data[T](c.in[2]), tensor.Data[T](c.out[0])
	l := newLoop(c.out[0].Shape(), c.in[0].Shape(), c.in[1].Shape(), c.in[2].Shape())
	n, sc, sx, sy := l.inner, l.step[0], l.step[1], l.step[2]
	part := func(o int, at []int) {
		for i := range n {
			if cond[at[0]+i*sc] {
				dst[o+i] = x[at[1]+i*sx]
			} else {
				dst[o+i] = y[at[2]+i*sy]
			}
		}
	}
	return func() error { l.run(part); return nil }
}

// prepareCast converts as Go does, but a float beyond the integer type, of which ONNX says nothing, wraps from int64 or uint64, whose ends are
// kept, and NaN becomes 0.
func prepareCast(c *call) (func() error, error) {
	in, out := c.in[0], c.out[0]
	if want, err := graph.DTypeOf(c.node.Int("to", 0)); err != nil || want != out.DType() {
		return nil, unsupported(c)
	}
	if in.DType().IsFloat() && out.DType().IsInteger() {
		wide := tensor.New(tensor.Float64, in.Shape()...)
		whole := tensor.New(tensor.Int64, in.Shape()...)
		unsigned := out.DType() == tensor.Uint64
		return func() error {
			tensor.Convert(wide, in)
			for i, v := range wide.Float64() {
				whole.Int64()[i] = truncate(v)
				if unsigned && v >= 1<<63 {
					whole.Int64()[i] = upper(v)
				}
			}
			tensor.Convert(out, whole)
			return nil
		}, nil
	}
	return func() error { tensor.Convert(out, in); return nil }, nil
}

// truncate drops the fraction; NaN gives 0, numbers beyond int64 its ends.
func truncate(v float64) int64 {
	switch {
	case v != v:
		return 0
	case v >= math.MaxInt64:
		return math.MaxInt64
	case v <= math.MinInt64:
		return math.MinInt64
	}
	return int64(v)
}

// upper are the bits of v ≥ 2⁶³ as uint64.
func upper(v float64) int64 {
	if v >= 1<<64 {
		return -1
	}
	return int64(uint64(v))
}
