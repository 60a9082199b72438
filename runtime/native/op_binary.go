package native

import (
	"fmt"
	"math"

	"fmtool/models/tensor"
	"fmtool/runtime/native/kernel"
)

func init() {
	register("Add", arithmetic(kernel.Add, add[float32], add[float64], add[int64], add[uint64]))
	register("Sub", arithmetic(kernel.Sub, sub[float32], sub[float64], sub[int64], sub[uint64]))
	register("Mul", arithmetic(kernel.Mul, mul[float32], mul[float64], mul[int64], mul[uint64]))
	register("Div", arithmetic(kernel.Div, func(x, y float32) float32 { return x / y }, func(x, y float64) float64 { return x / y }, quotient[int64], quotient[uint64]))
	register("Mod", prepareMod)
	register("Pow", preparePow)
	register("Min", fold(kernel.Min, lesser[float32], lesser[float64], lesser[int64], lesser[uint64]))
	register("Max", fold(kernel.Max, greater[float32], greater[float64], greater[int64], greater[uint64]))
	register("Clip", prepareClip)
	register("BitwiseAnd", bitwise(func(x, y uint64) uint64 { return x & y }))
	register("BitwiseOr", bitwise(func(x, y uint64) uint64 { return x | y }))
	register("BitwiseXor", bitwise(func(x, y uint64) uint64 { return x ^ y }))
	register("BitwiseNot", prepareBitwiseNot)
	register("BitShift", prepareBitShift)
}

func add[T number](x, y T) T { return x + y }
func sub[T number](x, y T) T { return x - y }
func mul[T number](x, y T) T { return x * y }

// quotient truncates toward zero; a zero divisor gives 0 and the most negative number over −1 itself, where the processor would trap.
func quotient[T integer](x, y T) T {
	if y == 0 {
		return 0
	}
	return x / y
}

// lesser and greater give NaN if either is NaN.
func lesser[T number](x, y T) T {
	if x < y || x != x {
		return x
	}
	return y
}

func greater[T number](x, y T) T {
	if x > y || x != x {
		return x
	}
	return y
}

// zip writes f(x, y) with broadcasting.
func zip[D, X, Y any](c *call, dst []D, x []X, y []Y, f func(X, Y) D) func() error {
	l := newLoop(c.out[0].Shape(), c.in[0].Shape(), c.in[1].Shape())
	n, sx, sy := l.inner, l.step[0], l.step[1]
	part := func(o int, at []int) {
		for i, ix, iy := 0, at[0], at[1]; i < n; i, ix, iy = i+1, ix+sx, iy+sy {
			dst[o+i] = f(x[ix], y[iy])
		}
	}
	return func() error { l.run(part); return nil }
}

// zipVec is zip in float32 by a vector function where runs are long; a stretched operand is filled into a scratch run first.
func zipVec(c *call, vec func(dst, x, y []float32), f func(x, y float32) float32) func() error {
	dst, x, y := c.out[0].Float32(), c.in[0].Float32(), c.in[1].Float32()
	l := newLoop(c.out[0].Shape(), c.in[0].Shape(), c.in[1].Shape())
	if l.inner < 8 || vec == nil {
		return zip(c, dst, x, y, f)
	}
	n := l.inner
	var fill []float32
	if l.step[0] == 0 || l.step[1] == 0 {
		fill = make([]float32, n)
	}
	operand := func(v []float32, at, step int) []float32 {
		if step == 1 {
			return v[at : at+n]
		}
		kernel.Fill(fill, v[at])
		return fill
	}
	sx, sy := l.step[0], l.step[1]
	part := func(o int, at []int) { vec(dst[o:o+n], operand(x, at[0], sx), operand(y, at[1], sy)) }
	if sx == 0 && sy == 0 {
		return zip(c, dst, x, y, f)
	}
	return func() error { l.run(part); return nil }
}

// arithmetic is the kernel of a binary operator on numbers of one type; narrow integers are computed in 64 bits and wrap.
func arithmetic(vec func(dst, x, y []float32), f32 func(x, y float32) float32, f64 func(x, y float64) float64, i64 func(x, y int64) int64, u64 func(x, y uint64) uint64) prepare {
	return func(c *call) (func() error, error) {
		switch x := c.in[0].Any().(type) {
		case []float32:
			return zipVec(c, vec, f32), nil
		case []float64:
			return zip(c, c.out[0].Float64(), x, c.in[1].Float64(), f64), nil
		case []tensor.Half:
			return same(c, x, func(a, b tensor.Half) tensor.Half { return tensor.HalfOf(f32(a.Float32(), b.Float32())) }), nil
		case []int8:
			return same(c, x, func(a, b int8) int8 { return int8(i64(int64(a), int64(b))) }), nil
		case []int16:
			return same(c, x, func(a, b int16) int16 { return int16(i64(int64(a), int64(b))) }), nil
		case []int32:
			return same(c, x, func(a, b int32) int32 { return int32(i64(int64(a), int64(b))) }), nil
		case []int64:
			return same(c, x, i64), nil
		case []uint8:
			return same(c, x, func(a, b uint8) uint8 { return uint8(u64(uint64(a), uint64(b))) }), nil
		case []uint16:
			return same(c, x, func(a, b uint16) uint16 { return uint16(u64(uint64(a), uint64(b))) }), nil
		case []uint32:
			return same(c, x, func(a, b uint32) uint32 { return uint32(u64(uint64(a), uint64(b))) }), nil
		case []uint64:
			return same(c, x, u64), nil
		}
		return nil, unsupported(c)
	}
}

// same is zip where operands and result have one type.
func same[T tensor.Element](c *call, x []T, f func(x, y T) T) func() error {
	return zip(c, tensor.Data[T](c.out[0]), x, tensor.Data[T](c.in[1]), f)
}

// fold applies a binary function from left to right over any number of operands.
func fold(vec func(dst, x, y []float32), f32 func(x, y float32) float32, f64 func(x, y float64) float64, i64 func(x, y int64) int64,
	u64 func(x, y uint64) uint64) prepare {
	pair := arithmetic(vec, f32, f64, i64, u64)
	return func(c *call) (func() error, error) {
		if len(c.in) == 1 {
			return prepareCopy(c)
		}
		var runs []func() error
		left := c.in[0]
		for i, right := range c.in[1:] {
			out := c.out[0]
			if i < len(c.in)-2 { // an intermediate result: it may not be read and written at different strides
				shape, err := broadcastShape(left.Shape(), right.Shape())
				if err != nil {
					return nil, err
				}
				out = tensor.New(left.DType(), shape...)
			}
			run, err := pair(&call{node: c.node, in: []tensor.Tensor{left, right}, out: []tensor.Tensor{out}})
			if err != nil {
				return nil, err
			}
			runs, left = append(runs, run), out
		}
		return func() error {
			for _, run := range runs {
				if err := run(); err != nil {
					return err
				}
			}
			return nil
		}, nil
	}
}

func broadcastShape(x, y []int) ([]int, error) {
	if len(x) < len(y) {
		x, y = y, x
	}
	out := append([]int(nil), x...)
	for i, d := range y {
		j := len(x) - len(y) + i
		if out[j] == 1 {
			out[j] = d
		} else if d != 1 && d != out[j] {
			return nil, fmt.Errorf("native: %v and %v do not broadcast", x, y)
		}
	}
	return out, nil
}

func prepareClip(c *call) (func() error, error) {
	lo, hi := absent(c.in, 1), absent(c.in, 2)
	one := func(x, lo, hi tensor.Tensor) (func() error, error) {
		var runs []func() error
		for _, b := range []struct {
			bound tensor.Tensor
			op    string
		}{{lo, "Max"}, {hi, "Min"}} {
			if b.bound.IsZero() {
				continue
			}
			run, err := kernels[b.op](&call{node: c.node, in: []tensor.Tensor{x, b.bound}, out: c.out})
			if err != nil {
				return nil, err
			}
			runs, x = append(runs, run), c.out[0]
		}
		if len(runs) == 0 {
			return prepareCopy(c)
		}
		return func() error {
			for _, run := range runs {
				if err := run(); err != nil {
					return err
				}
			}
			return nil
		}, nil
	}
	return one(c.in[0], lo, hi)
}

// absent returns input i, the zero Tensor if it is omitted.
func absent(in []tensor.Tensor, i int) tensor.Tensor {
	if i >= len(in) {
		return tensor.Tensor{}
	}
	return in[i]
}

// prepareMod: with fmod the result has the sign of the dividend, as C's fmod; without it (integers) that of the divisor.
func prepareMod(c *call) (func() error, error) {
	fmod := func(x, y float64) float64 { return math.Mod(x, y) }
	i64 := func(x, y int64) int64 {
		if y == 0 {
			return 0
		}
		r := x % y
		if r != 0 && (r < 0) != (y < 0) {
			r += y
		}
		return r
	}
	u64 := func(x, y uint64) uint64 {
		if y == 0 {
			return 0
		}
		return x % y
	}
	if c.node.Int("fmod", 0) != 0 {
		i64 = func(x, y int64) int64 {
			if y == 0 {
				return 0
			}
			return x % y
		}
	} else if c.in[0].DType().IsFloat() {
		fmod = func(x, y float64) float64 { return x - y*math.Floor(x/y) }
	}
	return arithmetic(nil, func(x, y float32) float32 { return float32(fmod(float64(x), float64(y))) }, fmod, i64, u64)(c)
}

// preparePow converts the exponent to the base's type first, except that an integer base is computed in float64.
func preparePow(c *call) (func() error, error) {
	base, exponent := c.in[0], c.in[1]
	wide := tensor.New(tensor.Float64, base.Shape()...)
	power := tensor.New(tensor.Float64, exponent.Shape()...)
	result := tensor.New(tensor.Float64, c.out[0].Shape()...)
	run := zip(&call{node: c.node, in: []tensor.Tensor{wide, power}, out: []tensor.Tensor{result}}, result.Float64(), wide.Float64(), power.Float64(), math.Pow)
	out := c.out[0]
	return func() error {
		tensor.Convert(wide, base)
		tensor.Convert(power, exponent)
		if err := run(); err != nil {
			return err
		}
		tensor.Convert(out, result)
		return nil
	}, nil
}

// bitwise is the kernel of a bitwise operator; signed numbers go by their two's complement.
func bitwise(f func(x, y uint64) uint64) prepare {
	return arithmetic(nil, nil, nil, func(x, y int64) int64 { return int64(f(uint64(x), uint64(y))) }, f)
}

func prepareBitwiseNot(c *call) (func() error, error) {
	return numericUnary(c, unaryKernels{i64: func(v int64) int64 { return ^v }, u64: func(v uint64) uint64 { return ^v }})
}

func prepareBitShift(c *call) (func() error, error) {
	switch d := c.node.Str("direction", ""); d {
	case "LEFT":
		return bitwise(func(x, y uint64) uint64 { return x << y })(c)
	case "RIGHT":
		return bitwise(func(x, y uint64) uint64 { return x >> y })(c)
	default:
		return nil, fmt.Errorf("native: BitShift: direction %q, want LEFT or RIGHT", d)
	}
}
