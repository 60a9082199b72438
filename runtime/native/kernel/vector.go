package kernel

import "math"

// lanes is the number of elements of a vector register of AVX2.
const lanes = 8

// The vector kernels by number: called through a switch, so that the compiler sees that no pointer escapes.
const (
	opAdd = iota
	opSub
	opMul
	opDiv
	opMax
	opMin
	opEqual
	opLess
	opLessOrEqual
	opGreater
	opGreaterOrEqual
	opSqrt
	opExp
	opSigmoid
	opTanh
	opNeg
	opAbs
	opRelu
	opReciprocal
	opFloor
	opCeil
	opLog
	opErf
	opSoftplus
	opSign
)

// Add writes x + y, correctly rounded.
func Add(dst, x, y []float32) {
	if HasFMA {
		vector(opAdd, dst, x, y)
		return
	}
	addPortable(dst, x, y)
}

// Sub writes x − y, correctly rounded.
func Sub(dst, x, y []float32) {
	if HasFMA {
		vector(opSub, dst, x, y)
		return
	}
	subPortable(dst, x, y)
}

// Mul writes x·y, correctly rounded.
func Mul(dst, x, y []float32) {
	if HasFMA {
		vector(opMul, dst, x, y)
		return
	}
	mulPortable(dst, x, y)
}

// Div writes x/y, correctly rounded.
func Div(dst, x, y []float32) {
	if HasFMA {
		vector(opDiv, dst, x, y)
		return
	}
	divPortable(dst, x, y)
}

// Max writes the greater of x and y exactly, NaN if either is.
func Max(dst, x, y []float32) {
	if HasFMA {
		vector(opMax, dst, x, y)
		return
	}
	maxPortable(dst, x, y)
}

// Min writes the lesser of x and y exactly, NaN if either is.
func Min(dst, x, y []float32) {
	if HasFMA {
		vector(opMin, dst, x, y)
		return
	}
	minPortable(dst, x, y)
}

// Sqrt writes √x, correctly rounded.
func Sqrt(dst, x []float32) {
	if HasFMA {
		vector(opSqrt, dst, x, x)
		return
	}
	Map(dst, x, math.Sqrt)
}

// Exp writes eˣ, within 3 ulp (2 where the result is not subnormal).
func Exp(dst, x []float32) {
	if HasFMA {
		vector(opExp, dst, x, x)
		return
	}
	Map(dst, x, math.Exp)
}

// Log writes the natural logarithm, within 2 ulp: −∞ of 0, NaN of less.
func Log(dst, x []float32) {
	if HasFMA {
		vector(opLog, dst, x, x)
		return
	}
	Map(dst, x, math.Log)
}

// Sigmoid writes 1/(1+e⁻ˣ), within 3 ulp; below −88.3 it is 0, where the true value is under 5e-39.
func Sigmoid(dst, x []float32) {
	if HasFMA {
		vector(opSigmoid, dst, x, x)
		return
	}
	Map(dst, x, sigmoid)
}

// Tanh writes the hyperbolic tangent, within 3 ulp.
func Tanh(dst, x []float32) {
	if HasFMA {
		vector(opTanh, dst, x, x)
		return
	}
	Map(dst, x, math.Tanh)
}

// Erf writes the error function, within 2 ulp.
func Erf(dst, x []float32) {
	if HasFMA {
		vector(opErf, dst, x, x)
		return
	}
	Map(dst, x, math.Erf)
}

// Softplus writes ln(1 + eˣ) without overflow, within 4 ulp.
func Softplus(dst, x []float32) {
	if HasFMA {
		vector(opSoftplus, dst, x, x)
		return
	}
	Map(dst, x, softplus)
}

// Floor writes the greatest integer not above x exactly.
func Floor(dst, x []float32) {
	if HasFMA {
		vector(opFloor, dst, x, x)
		return
	}
	Map(dst, x, math.Floor)
}

// Ceil writes the least integer not below x exactly.
func Ceil(dst, x []float32) {
	if HasFMA {
		vector(opCeil, dst, x, x)
		return
	}
	Map(dst, x, math.Ceil)
}

// Neg writes −x exactly.
func Neg(dst, x []float32) {
	if HasFMA {
		vector(opNeg, dst, x, x)
		return
	}
	negPortable(dst, x)
}

// Abs writes |x| exactly.
func Abs(dst, x []float32) {
	if HasFMA {
		vector(opAbs, dst, x, x)
		return
	}
	absPortable(dst, x)
}

// Relu writes max(x, 0) exactly, and NaN for NaN.
func Relu(dst, x []float32) {
	if HasFMA {
		vector(opRelu, dst, x, x)
		return
	}
	reluPortable(dst, x)
}

// Reciprocal writes 1/x, correctly rounded.
func Reciprocal(dst, x []float32) {
	if HasFMA {
		vector(opReciprocal, dst, x, x)
		return
	}
	reciprocalPortable(dst, x)
}

// Sin writes the sine, within 2 ulp at any finite angle; NaN of ±∞. The assembly serves |x| ≤ 2¹⁵, single numbers beyond go through float64.
func Sin(dst, x []float32) {
	if HasFMA {
		angles(true, dst, x, math.Sin)
		return
	}
	Map(dst, x, math.Sin)
}

// Cos writes the cosine, within 2 ulp at any finite angle; NaN of ±∞. The assembly serves |x| ≤ 2¹⁵, single numbers beyond go through float64.
func Cos(dst, x []float32) {
	if HasFMA {
		angles(false, dst, x, math.Cos)
		return
	}
	Map(dst, x, math.Cos)
}

// Equal writes 1 where x = y and 0 elsewhere, exact as all comparisons.
func Equal(dst, x, y []float32) {
	if HasFMA {
		vector(opEqual, dst, x, y)
		return
	}
	for i := range dst {
		dst[i] = truth(x[i] == y[i])
	}
}

// Less writes 1 where x < y exactly and 0 elsewhere.
func Less(dst, x, y []float32) {
	if HasFMA {
		vector(opLess, dst, x, y)
		return
	}
	for i := range dst {
		dst[i] = truth(x[i] < y[i])
	}
}

// LessOrEqual writes 1 where x ≤ y exactly and 0 elsewhere.
func LessOrEqual(dst, x, y []float32) {
	if HasFMA {
		vector(opLessOrEqual, dst, x, y)
		return
	}
	for i := range dst {
		dst[i] = truth(x[i] <= y[i])
	}
}

// Greater writes 1 where x > y exactly and 0 elsewhere.
func Greater(dst, x, y []float32) {
	if HasFMA {
		vector(opGreater, dst, x, y)
		return
	}
	for i := range dst {
		dst[i] = truth(x[i] > y[i])
	}
}

// GreaterOrEqual writes 1 where x ≥ y exactly and 0 elsewhere.
func GreaterOrEqual(dst, x, y []float32) {
	if HasFMA {
		vector(opGreaterOrEqual, dst, x, y)
		return
	}
	for i := range dst {
		dst[i] = truth(x[i] >= y[i])
	}
}

func truth(b bool) float32 {
	if b {
		return 1
	}
	return 0
}

// Sign writes exactly −1, 0 or 1, and NaN for NaN.
func Sign(dst, x []float32) {
	if HasFMA {
		vector(opSign, dst, x, x)
		return
	}
	for i, v := range x[:len(dst)] {
		dst[i] = v
		if v != 0 && v == v {
			dst[i] = float32(math.Copysign(1, float64(v)))
		}
	}
}

// Elu writes above·x for x > 0 and below·(eˣ − 1) elsewhere, within 3 ulp: ELU with above 1 and below α, SELU with γ and γα.
func Elu(dst, x []float32, above, below float32) {
	if HasFMA {
		kinked(true, dst, x, above, below)
		return
	}
	for i, v := range x[:len(dst)] {
		if v > 0 {
			dst[i] = above * v
		} else {
			dst[i] = float32(float64(below) * math.Expm1(float64(v)))
		}
	}
}

// LeakyRelu writes x for x > 0 and alpha·x, rounded once, elsewhere.
func LeakyRelu(dst, x []float32, alpha float32) {
	if HasFMA {
		kinked(false, dst, x, 1, alpha)
		return
	}
	for i, v := range x[:len(dst)] {
		if v > 0 {
			dst[i] = v
		} else {
			dst[i] = alpha * v
		}
	}
}

// Where writes exactly x where cond is not 0, NaN included, and y elsewhere.
func Where(dst, cond, x, y []float32) {
	n := 0
	if HasFMA {
		n = whole(len(dst))
	}
	if n > 0 {
		whereVec(&dst[0], &cond[:n][0], &x[:n][0], &y[:n][0], n)
	}
	for i := n; i < len(dst); i++ {
		if cond[i] != 0 {
			dst[i] = x[i]
		} else {
			dst[i] = y[i]
		}
	}
}

func addPortable(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] + y[i]
	}
}

func subPortable(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] - y[i]
	}
}

func mulPortable(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] * y[i]
	}
}

func divPortable(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] / y[i]
	}
}

func maxPortable(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i, v := range x {
		if !(v > y[i]) && v == v {
			v = y[i]
		}
		dst[i] = v
	}
}

func minPortable(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i, v := range x {
		if !(v < y[i]) && v == v {
			v = y[i]
		}
		dst[i] = v
	}
}

func negPortable(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = -v
	}
}

func absPortable(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(math.Abs(float64(v)))
	}
}

func reluPortable(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		if v < 0 {
			v = 0
		}
		dst[i] = v
	}
}

func reciprocalPortable(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = 1 / v
	}
}

// Fill writes exactly v everywhere.
func Fill(dst []float32, v float32) {
	for i := range dst {
		dst[i] = v
	}
}

// Repeat writes exactly x[i/n] at i: each number n times, until dst is full.
func Repeat(dst, x []float32, n int) {
	x = x[:(len(dst)+n-1)/n]
	if HasFMA && n >= lanes {
		rows := len(dst) / n
		if rows > 0 {
			repeatVec(&dst[0], &x[0], rows, n)
		}
		dst, x = dst[rows*n:], x[rows:]
	}
	for ; len(dst) > 0; x = x[1:] {
		m := min(n, len(dst))
		Fill(dst[:m], x[0])
		dst = dst[m:]
	}
}

// sigmoid is 1/(1+e⁻ˣ).
func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// softplus is ln(1 + eˣ).
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// Map writes f of each element, computed in float64 and rounded.
func Map(dst, x []float32, f func(float64) float64) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = float32(f(float64(x[i])))
	}
}
