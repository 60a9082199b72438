package native

import (
	"math"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native/kernel"
)

type float interface{ float32 | float64 }

type integer interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

type number interface{ float | integer }

func init() {
	for name, f := range map[string]struct {
		f32 func(dst, x []float32)
		f64 func(float64) float64
	}{
		"Sqrt":       {kernel.Sqrt, math.Sqrt},
		"Exp":        {kernel.Exp, math.Exp},
		"Log":        {kernel.Log, math.Log},
		"Sin":        {kernel.Sin, math.Sin},
		"Cos":        {kernel.Cos, math.Cos},
		"Tanh":       {kernel.Tanh, math.Tanh},
		"Sigmoid":    {kernel.Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }},
		"Erf":        {kernel.Erf, math.Erf},
		"Reciprocal": {kernel.Reciprocal, func(x float64) float64 { return 1 / x }},
		"Floor":      {kernel.Floor, math.Floor},
		"Ceil":       {kernel.Ceil, math.Ceil},
		"Softplus":   {kernel.Softplus, softplus},
	} {
		register(name, floatUnary(func(*call) (func(float64) float64, func(dst, x []float32)) { return f.f64, f.f32 }))
	}
	for name, f := range kinked {
		register(name, floatUnary(func(c *call) (func(float64) float64, func(dst, x []float32)) { return f(c.node) }))
	}
	register("Neg", prepareNeg)
	register("Abs", prepareAbs)
	register("Sign", prepareSign)
	register("Relu", prepareRelu)
	register("Identity", prepareCopy)
}

// kinked are the functions with a kink at 0, in both precisions, by the node's attributes.
var kinked = map[string]func(n *graph.Node) (func(float64) float64, func(dst, x []float32)){
	"LeakyRelu": func(n *graph.Node) (func(float64) float64, func(dst, x []float32)) {
		alpha := float64(n.Float("alpha", 0.01))
		return func(x float64) float64 {
			if x < 0 {
				return alpha * x
			}
			return x
		}, func(dst, x []float32) { kernel.LeakyRelu(dst, x, float32(alpha)) }
	},
	"Elu": func(n *graph.Node) (func(float64) float64, func(dst, x []float32)) {
		return elu(1, float64(n.Float("alpha", 1)))
	},
	"Selu": func(n *graph.Node) (func(float64) float64, func(dst, x []float32)) {
		gamma := float64(n.Float("gamma", seluGamma))
		return elu(gamma, gamma*float64(n.Float("alpha", seluAlpha)))
	},
}

// elu is above·x over 0 and below·(eˣ − 1) elsewhere.
func elu(above, below float64) (func(float64) float64, func(dst, x []float32)) {
	return func(x float64) float64 {
		if x > 0 {
			return above * x
		}
		return below * math.Expm1(x)
	}, func(dst, x []float32) { kernel.Elu(dst, x, float32(above), float32(below)) }
}

// The constants of SELU as ONNX prints them; see [KU17].
const (
	seluAlpha = 1.67326319217681884765625
	seluGamma = 1.05070102214813232421875
)

// softplus is ln(1 + eˣ) without overflow.
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// floatUnary is the kernel of an elementwise function of one float operand. The function is given in float64; float32 has a vector form
// or is computed in float64 and rounded, float16 always the latter.
func floatUnary(f func(*call) (func(float64) float64, func(dst, x []float32))) prepare {
	return func(c *call) (func() error, error) {
		f64, f32 := f(c)
		switch x := c.in[0].Any().(type) {
		case []float32:
			dst := c.out[0].Float32()
			if f32 != nil {
				return func() error { f32(dst, x); return nil }, nil
			}
			return func() error { kernel.Map(dst, x, f64); return nil }, nil
		case []float64:
			return each(c.out[0].Float64(), x, f64), nil
		case []tensor.Half:
			return each(tensor.Data[tensor.Half](c.out[0]), x, func(h tensor.Half) tensor.Half {
				return tensor.HalfOf(float32(f64(float64(h.Float32()))))
			}), nil
		}
		return nil, unsupported(c)
	}
}

// each is dst = f(x), elementwise.
func each[D, S any](dst []D, x []S, f func(S) D) func() error {
	return func() error {
		for i, v := range x {
			dst[i] = f(v)
		}
		return nil
	}
}

func prepareNeg(c *call) (func() error, error) {
	switch x := c.in[0].Any().(type) {
	case []float32:
		return each(c.out[0].Float32(), x, neg[float32]), nil
	case []float64:
		return each(c.out[0].Float64(), x, neg[float64]), nil
	case []int8:
		return each(tensor.Data[int8](c.out[0]), x, neg[int8]), nil
	case []int16:
		return each(tensor.Data[int16](c.out[0]), x, neg[int16]), nil
	case []int32:
		return each(tensor.Data[int32](c.out[0]), x, neg[int32]), nil
	case []int64:
		return each(tensor.Data[int64](c.out[0]), x, neg[int64]), nil
	case []tensor.Half:
		return each(tensor.Data[tensor.Half](c.out[0]), x, func(h tensor.Half) tensor.Half { return h ^ 0x8000 }), nil
	}
	return nil, unsupported(c)
}

func neg[T number](v T) T { return -v }

// numeric applies a generic elementwise kernel to whichever numeric type the call has.
func numericUnary(c *call, k unaryKernels) (func() error, error) {
	switch x := c.in[0].Any().(type) {
	case []float32:
		return each(c.out[0].Float32(), x, k.f32), nil
	case []float64:
		return each(c.out[0].Float64(), x, k.f64), nil
	case []tensor.Half:
		return each(tensor.Data[tensor.Half](c.out[0]), x, func(h tensor.Half) tensor.Half { return tensor.HalfOf(k.f32(h.Float32())) }), nil
	case []int8:
		return each(tensor.Data[int8](c.out[0]), x, func(v int8) int8 { return int8(k.i64(int64(v))) }), nil
	case []int16:
		return each(tensor.Data[int16](c.out[0]), x, func(v int16) int16 { return int16(k.i64(int64(v))) }), nil
	case []int32:
		return each(tensor.Data[int32](c.out[0]), x, func(v int32) int32 { return int32(k.i64(int64(v))) }), nil
	case []int64:
		return each(tensor.Data[int64](c.out[0]), x, k.i64), nil
	case []uint8:
		return each(tensor.Data[uint8](c.out[0]), x, func(v uint8) uint8 { return uint8(k.u64(uint64(v))) }), nil
	case []uint16:
		return each(tensor.Data[uint16](c.out[0]), x, func(v uint16) uint16 { return uint16(k.u64(uint64(v))) }), nil
	case []uint32:
		return each(tensor.Data[uint32](c.out[0]), x, func(v uint32) uint32 { return uint32(k.u64(uint64(v))) }), nil
	case []uint64:
		return each(tensor.Data[uint64](c.out[0]), x, k.u64), nil
	}
	return nil, unsupported(c)
}

// unaryKernels is one function on the widest type of each sort.
type unaryKernels struct {
	f32 func(float32) float32
	f64 func(float64) float64
	i64 func(int64) int64
	u64 func(uint64) uint64
}

func prepareAbs(c *call) (func() error, error) {
	return numericUnary(c, unaryKernels{
		func(v float32) float32 { return float32(math.Abs(float64(v))) }, math.Abs,
		func(v int64) int64 { return max(v, -v) }, func(v uint64) uint64 { return v },
	})
}

func prepareSign(c *call) (func() error, error) {
	return numericUnary(c, unaryKernels{sign[float32], sign[float64], sign[int64], sign[uint64]})
}

// sign is −1, 0 or 1; NaN stays NaN.
func sign[T number](v T) T {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return neg(T(1))
	}
	return v
}

func prepareRelu(c *call) (func() error, error) {
	return numericUnary(c, unaryKernels{relu[float32], relu[float64], relu[int64], relu[uint64]})
}

// relu is max(v, 0); NaN stays NaN.
func relu[T number](v T) T {
	if v < 0 {
		return 0
	}
	return v
}

// prepareCopy serves the operators that only rename or reshape.
func prepareCopy(c *call) (func() error, error) {
	in, out := c.in[0], c.out[0]
	return func() error { tensor.Copy(out, in); return nil }, nil
}
