//go:build amd64 && !purego

package kernel

import "math"

//go:noescape
func sumVec(acc *float64, x *float32, n int)

//go:noescape
func squaresVec(acc *float64, x *float32, n int, mean float64)

//go:noescape
func sumRows256(sum *float64, x *float32, rows, stride int)

//go:noescape
func sumRows512(sum *float64, x *float32, rows, stride int)

//go:noescape
func repeatVec(dst, x *float32, rows, n int)

//go:noescape
func rowSumsVec(sum *float64, x *float32, rows, n int)

//go:noescape
func rowSquaresVec(sum *float64, x *float32, rows, n int)

//go:noescape
func fetch(at *float32, lines int)

//go:noescape
func largestVec(acc, x *float32, n int)

//go:noescape
func softmaxVec(dst, x *float32, n int, acc *float64, m float32)

//go:noescape
func scaleVec(dst, x *float32, n int, s float32)

//go:noescape
func normVec(dst, x, scale, bias *float32, moments *float64, n int)

//go:noescape
func normScaleVec(dst, x, scale *float32, moments *float64, n int)

// sumColumns adds rows, stride apart, to the sums of whole steps of columns and returns how many columns these are.
func sumColumns(sum []float64, x []float32, rows, stride int) (done int) {
	for ; wide && done+32 <= len(sum); done += 32 {
		sumRows512(&sum[done], &x[done], rows, stride)
	}
	for ; done+16 <= len(sum); done += 16 {
		sumRows256(&sum[done], &x[done], rows, stride)
	}
	return done
}

// softmaxRow is softmaxPortable; elements left over go through a buffer, where e^−∞ = 0 fills up the sums.
func softmaxRow(dst, x []float32, m float32) {
	var s [lanes]float64
	n := whole(len(x))
	if n > 0 {
		softmaxVec(&dst[0], &x[0], n, &s[0], m)
	}
	if n == len(x) {
		scaleVec(&dst[0], &dst[0], n, float32(1/half(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7])))
		return
	}
	var rest [lanes]float32
	for i := range rest {
		rest[i] = float32(math.Inf(-1))
	}
	copy(rest[:], x[n:])
	softmaxVec(&rest[0], &rest[0], lanes, &s[0], m)
	inverse := float32(1 / half(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]))
	if n > 0 {
		scaleVec(&dst[0], &dst[0], n, inverse)
	}
	scaleVec(&rest[0], &rest[0], lanes, inverse)
	copy(dst[n:], rest[:])
}

// normalise is normalisePortable.
func normalise(dst, x, scale, bias []float32, mean, inv float64) {
	if !HasFMA {
		normalisePortable(dst, x, scale, bias, mean, inv)
		return
	}
	moments := [2]float64{mean, inv}
	n := whole(len(x))
	if n > 0 {
		if bias == nil {
			normScaleVec(&dst[0], &x[0], &scale[0], &moments[0], n)
		} else {
			normVec(&dst[0], &x[0], &scale[0], &bias[0], &moments[0], n)
		}
	}
	if n < len(x) {
		var a, s, b [lanes]float32
		copy(a[:], x[n:])
		copy(s[:], scale[n:])
		if bias == nil {
			normScaleVec(&a[0], &a[0], &s[0], &moments[0], lanes)
		} else {
			copy(b[:], bias[n:])
			normVec(&a[0], &a[0], &s[0], &b[0], &moments[0], lanes)
		}
		copy(dst[n:], a[:])
	}
}
