package kernel

import "math"

// Add writes x + y.
func Add(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] + y[i]
	}
}

// Sub writes x − y.
func Sub(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] - y[i]
	}
}

// Mul writes x·y.
func Mul(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] * y[i]
	}
}

// Div writes x/y.
func Div(dst, x, y []float32) {
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

// Sqrt writes √x.
func Sqrt(dst, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = float32(math.Sqrt(float64(x[i])))
	}
}

// Exp writes e^x, within 1 ulp.
func Exp(dst, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = float32(math.Exp(float64(x[i])))
	}
}

// Sigmoid writes 1/(1+e⁻ˣ), within 2 ulp.
func Sigmoid(dst, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = float32(1 / (1 + math.Exp(-float64(x[i]))))
	}
}

// Tanh writes the hyperbolic tangent, within 2 ulp.
func Tanh(dst, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = float32(math.Tanh(float64(x[i])))
	}
}

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
