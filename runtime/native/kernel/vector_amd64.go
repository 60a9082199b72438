//go:build amd64 && !purego

package kernel

import "math"

// lanes is the number of elements of a vector register.
const lanes = 8

// The vector kernels by number: called through a switch, so that the compiler sees that no pointer escapes.
const (
	opAdd = iota
	opSub
	opMul
	opDiv
	opSqrt
	opExp
	opSigmoid
	opTanh
)

func call(op int, dst, x, y *float32, n int) {
	switch op {
	case opAdd:
		vecAdd(dst, x, y, n)
	case opSub:
		vecSub(dst, x, y, n)
	case opMul:
		vecMul(dst, x, y, n)
	case opDiv:
		vecDiv(dst, x, y, n)
	case opSqrt:
		sqrtVec(dst, x, n)
	case opExp:
		expVec(dst, x, n)
	case opSigmoid:
		sigmoidVec(dst, x, n)
	case opTanh:
		tanhVec(dst, x, n)
	}
}

// vector runs a kernel on all elements; those left over go through a buffer, so that each is computed alike wherever it stands. A function of one
// operand is given it twice.
func vector(op int, dst, x, y []float32) {
	n := len(dst) &^ (lanes - 1)
	x, y = x[:len(dst)], y[:len(dst)]
	if n > 0 {
		call(op, &dst[0], &x[0], &y[0], n)
	}
	if n < len(dst) {
		var a, b [lanes]float32
		copy(a[:], x[n:])
		copy(b[:], y[n:])
		call(op, &a[0], &a[0], &b[0], lanes)
		copy(dst[n:], a[:])
	}
}

// Add writes x + y.
func Add(dst, x, y []float32) {
	if HasFMA {
		vector(opAdd, dst, x, y)
		return
	}
	addPortable(dst, x, y)
}

// Sub writes x − y.
func Sub(dst, x, y []float32) {
	if HasFMA {
		vector(opSub, dst, x, y)
		return
	}
	subPortable(dst, x, y)
}

// Mul writes x·y.
func Mul(dst, x, y []float32) {
	if HasFMA {
		vector(opMul, dst, x, y)
		return
	}
	mulPortable(dst, x, y)
}

// Div writes x/y.
func Div(dst, x, y []float32) {
	if HasFMA {
		vector(opDiv, dst, x, y)
		return
	}
	divPortable(dst, x, y)
}

// Sqrt writes √x, correctly rounded.
func Sqrt(dst, x []float32) {
	if HasFMA {
		vector(opSqrt, dst, x, x)
		return
	}
	Map(dst, x, math.Sqrt)
}

// Exp writes eˣ, within 2 ulp (3 where the result is subnormal).
func Exp(dst, x []float32) {
	if HasFMA {
		vector(opExp, dst, x, x)
		return
	}
	Map(dst, x, math.Exp)
}

// Sigmoid writes 1/(1+e⁻ˣ), within 3 ulp; below −88 it stays at e⁻⁸⁸ = 6e-39.
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
