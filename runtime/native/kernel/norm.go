package kernel

import "math"

// Softmax writes eˣ⁻ᵐ/Σ for each row of the matrix x [rows, n], m the largest number of the row, within 3 ulp (a unit of 1e-45 where a result is
// subnormal). The sum is accumulated in float64, from left to right in eight partial sums. dst may be x.
func Softmax(dst, x []float32, n int) {
	x = x[:len(dst)]
	for ; n > 0 && len(dst) >= n; dst, x = dst[n:], x[n:] {
		m := Largest(x[:n])
		if HasFMA {
			softmaxRow(dst[:n], x[:n], m)
		} else {
			softmaxPortable(dst[:n], x[:n], m)
		}
	}
}

func softmaxPortable(dst, x []float32, m float32) {
	sum := 0.0
	for i, v := range x {
		e := math.Exp(float64(v) - float64(m))
		dst[i] = float32(e)
		sum += e
	}
	scale := 1 / sum
	for i, e := range dst {
		dst[i] = float32(float64(e) * scale)
	}
}

// LayerNorm writes (x − mean)·inv·scale + bias for each row of the matrix x [rows, n], with the row's mean and inv = 1/√(variance + epsilon):
//
//	dst, x       float32 [rows, n]
//	scale, bias  float32 [n]; bias may be nil
//	mean, inv    float64 [rows]
//
// Mean and variance are sums in the order of Sum, the variance about the mean; (x − mean)·inv is computed in float64 and rounded, then multiplied
// and added with one rounding: a result is within 1.3e-7 of |(x − mean)·inv·scale| + |bias|, and of what float64 leaves of the mean. dst may be x.
func LayerNorm(dst, x, scale, bias []float32, epsilon float64, mean, inv []float64) {
	n := len(scale)
	for r := range mean {
		row := x[r*n : (r+1)*n]
		mean[r] = Sum(row) / float64(n)
		inv[r] = 1 / math.Sqrt(SumSquares(row, mean[r])/float64(n)+epsilon)
		normalise(dst[r*n:(r+1)*n], row, scale, bias, mean[r], inv[r])
	}
}

func normalisePortable(dst, x, scale, bias []float32, mean, inv float64) {
	for i, v := range x {
		z := float64(float32((float64(v) - mean) * inv))
		b := 0.0
		if bias != nil {
			b = float64(bias[i])
		}
		dst[i] = float32(z*float64(scale[i]) + b)
	}
}
