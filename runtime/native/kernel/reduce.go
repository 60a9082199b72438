package kernel

import "math"

// sums are partial sums in float64, number i going to sum i mod 16: an order that no length or alignment changes, the same with assembly and without.
type sums [16]float64

// total adds the halves to each other until one number is left.
func (s *sums) total() float64 {
	return half(s[0]+s[8], s[1]+s[9], s[2]+s[10], s[3]+s[11], s[4]+s[12], s[5]+s[13], s[6]+s[14], s[7]+s[15])
}

// half is the total of eight partial sums.
func half(a, b, c, d, e, f, g, h float64) float64 {
	return ((a + e) + (c + g)) + ((b + f) + (d + h))
}

// inSteps is the number of elements that assembly takes in steps.
func inSteps(n, step int) int {
	if !HasFMA {
		return 0
	}
	return n / step * step
}

// Sum is the sum of the elements, accumulated in float64 as sixteen partial sums.
func Sum(x []float32) float64 {
	var s sums
	n := inSteps(len(x), len(s))
	if n > 0 {
		sumVec(&s[0], &x[0], n)
	}
	for i, v := range x[n:] {
		s[i%len(s)] += float64(v)
	}
	return s.total()
}

// RowSums writes Sum of each of the rows of x [len(sum), n], bit for bit.
func RowSums(sum []float64, x []float32, n int) {
	if len(sum) > 0 && n > 0 && inSteps(n, len(sums{})) == n {
		rowSumsVec(&sum[0], &x[:n*len(sum)][0], len(sum), n)
		return
	}
	for i := range sum {
		sum[i] = Sum(x[i*n : (i+1)*n])
	}
}

// SumSquares is Σ(x − mean)², accumulated in float64 as Sum is.
func SumSquares(x []float32, mean float64) float64 {
	var s sums
	n := inSteps(len(x), len(s))
	if n > 0 {
		squaresVec(&s[0], &x[0], n, mean)
	}
	for i, v := range x[n:] {
		d := float64(v) - mean
		s[i%len(s)] += float64(d * d)
	}
	return s.total()
}

// RowSquares writes SumSquares about 0 of each of the rows of x [len(sum), n], bit for bit.
func RowSquares(sum []float64, x []float32, n int) {
	if len(sum) > 0 && n > 0 && inSteps(n, len(sums{})) == n {
		rowSquaresVec(&sum[0], &x[:n*len(sum)][0], len(sum), n)
		return
	}
	for i := range sum {
		sum[i] = SumSquares(x[i*n:(i+1)*n], 0)
	}
}

// SumRows adds the rows of the matrix x [n, len(sum)] into sum, which holds float64 partial sums and is not cleared: each column from top to bottom.
func SumRows(sum []float64, x []float32) {
	h := len(sum)
	if h == 0 || len(x) < h {
		return
	}
	n := 0
	if HasFMA {
		n = sumColumns(sum, x, len(x)/h, h)
	}
	for rest := sum[n:]; len(rest) > 0 && len(x) >= h; x = x[h:] {
		for j, v := range x[n:h] {
			rest[j] += float64(v)
		}
	}
}

// Largest is the largest element, −∞ if there is none and NaN if one is.
func Largest(x []float32) float32 {
	most := float32(math.Inf(-1))
	n := inSteps(len(x), lanes)
	if n > 0 {
		var m [lanes]float32
		largestVec(&m[0], &x[0], n)
		most = max(max(max(m[0], m[4]), max(m[2], m[6])), max(max(m[1], m[5]), max(m[3], m[7])))
	}
	for _, v := range x[n:] {
		most = max(most, v)
	}
	return most
}
