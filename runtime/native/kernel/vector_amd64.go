//go:build amd64 && !purego

package kernel

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
	case opMax:
		maxVec(dst, x, y, n)
	case opMin:
		minVec(dst, x, y, n)
	case opEqual:
		equalVec(dst, x, y, n)
	case opLess:
		lessVec(dst, x, y, n)
	case opLessOrEqual:
		lessOrEqualVec(dst, x, y, n)
	case opGreater:
		greaterVec(dst, x, y, n)
	case opGreaterOrEqual:
		greaterOrEqualVec(dst, x, y, n)
	case opSqrt:
		sqrtVec(dst, x, n)
	case opExp:
		expVec(dst, x, n)
	case opSigmoid:
		sigmoidVec(dst, x, n)
	case opTanh:
		tanhVec(dst, x, n)
	case opNeg:
		negVec(dst, x, n)
	case opAbs:
		absVec(dst, x, n)
	case opRelu:
		reluVec(dst, x, n)
	case opReciprocal:
		reciprocalVec(dst, x, n)
	case opFloor:
		floorVec(dst, x, n)
	case opCeil:
		ceilVec(dst, x, n)
	case opLog:
		logVec(dst, x, n)
	case opErf:
		erfVec(dst, x, n)
	case opSoftplus:
		softplusVec(dst, x, n)
	case opSign:
		signVec(dst, x, n)
	}
}

// vector runs a kernel on all elements; those left over go through a buffer, so that each is computed alike wherever it stands. A function of one
// operand is given it twice.
func vector(op int, dst, x, y []float32) {
	n := whole(len(dst))
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

// kinked runs ELU or leaky ReLU on all elements, as vector does.
func kinked(elu bool, dst, x []float32, above, below float32) {
	f := func(dst, x *float32, n int) {
		if elu {
			eluVec(dst, x, n, above, below)
		} else {
			leakyVec(dst, x, n, above, below)
		}
	}
	n := whole(len(dst))
	x = x[:len(dst)]
	if n > 0 {
		f(&dst[0], &x[0], n)
	}
	if n < len(dst) {
		var a [lanes]float32
		copy(a[:], x[n:])
		f(&a[0], &a[0], lanes)
		copy(dst[n:], a[:])
	}
}

// angles runs the sine or cosine on all elements. A vector with numbers too large for the assembly goes through a buffer without them, as
// do those left over, and they are computed in float64.
func angles(sine bool, dst, x []float32, f func(float64) float64) {
	x = x[:len(dst)]
	for at := 0; at < len(dst); {
		if n := whole(len(dst) - at); n > 0 {
			done := angle(sine, &dst[at], &x[at], n)
			if at += done; done == n {
				continue
			}
		}
		n := min(lanes, len(dst)-at)
		var a, small [lanes]float32
		copy(a[:], x[at:at+n])
		for i, v := range a {
			if -far <= v && v <= far {
				small[i] = v
			}
		}
		angle(sine, &small[0], &small[0], lanes)
		for i, v := range a[:n] {
			dst[at+i] = small[i]
			if !(-far <= v && v <= far) {
				dst[at+i] = float32(f(float64(v)))
			}
		}
		at += n
	}
}

func angle(sine bool, dst, x *float32, n int) int {
	if sine {
		return sinVec(dst, x, n)
	}
	return cosVec(dst, x, n)
}

// far is the size of angles up to which the assembly serves.
const far = 1 << 15
