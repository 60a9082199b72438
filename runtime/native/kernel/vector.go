package kernel

import "math"

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

// Fill writes v everywhere.
func Fill(dst []float32, v float32) {
	for i := range dst {
		dst[i] = v
	}
}

// sigmoid is 1/(1+e⁻ˣ).
func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// Map writes f of each element, computed in float64 and rounded.
func Map(dst, x []float32, f func(float64) float64) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = float32(f(float64(x[i])))
	}
}

// SumRows adds the rows of the matrix x [n, len(sum)] into sum, which holds float64 partial sums and is not cleared.
func SumRows(sum []float64, x []float32) {
	for h := len(sum); len(x) >= h && h > 0; x = x[h:] {
		for j, v := range x[:h] {
			sum[j] += float64(v)
		}
	}
}

// Sum is the sum of the elements, accumulated in float64.
func Sum(x []float32) float64 {
	var s [4]float64
	for ; len(x) >= 4; x = x[4:] {
		s[0] += float64(x[0])
		s[1] += float64(x[1])
		s[2] += float64(x[2])
		s[3] += float64(x[3])
	}
	for i, v := range x {
		s[i] += float64(v)
	}
	return s[0] + s[1] + s[2] + s[3]
}
