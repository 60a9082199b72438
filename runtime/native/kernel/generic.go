//go:build !amd64 || purego

package kernel

import "math"

// HasFMA reports that assembly is in use; here there is none.
const HasFMA = false

func gemm(tA, tB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	gemmPortable(tA, tB, m, n, k, a, lda, b, ldb, c, ldc, acc)
}

func packAll(bool, int, int, []float32, int) []float32 { return nil }

func (p *Packed) multiply(bool, int, []float32, int, []float32, int, int, int) {
	panic("kernel: no panels without assembly")
}

// Add writes x + y.
func Add(dst, x, y []float32) { addPortable(dst, x, y) }

// Sub writes x − y.
func Sub(dst, x, y []float32) { subPortable(dst, x, y) }

// Mul writes x·y.
func Mul(dst, x, y []float32) { mulPortable(dst, x, y) }

// Div writes x/y.
func Div(dst, x, y []float32) { divPortable(dst, x, y) }

// Sqrt writes √x.
func Sqrt(dst, x []float32) { Map(dst, x, math.Sqrt) }

// Exp writes eˣ, within 1 ulp.
func Exp(dst, x []float32) { Map(dst, x, math.Exp) }

// Sigmoid writes 1/(1+e⁻ˣ), within 3 ulp.
func Sigmoid(dst, x []float32) { Map(dst, x, sigmoid) }

// Tanh writes the hyperbolic tangent, within 3 ulp.
func Tanh(dst, x []float32) { Map(dst, x, math.Tanh) }
