package main

import (
	"math"
	"strings"
)

// vectors are the functions of elements.
func vectors() {
	for _, op := range []string{"Add", "Sub", "Mul", "Div"} {
		binary("vec"+op, func() { p("\tV%sPS (BX), Y0, Y0", strings.ToUpper(op)) })
	}
	for _, op := range []string{"max", "min"} { // the instructions give y if either is NaN, so x is put back where it is NaN itself
		binary(op+"Vec", func() {
			p("\tV%sPS (BX), Y0, Y1\n\tVCMPPS $3, Y0, Y0, Y2\n\tVBLENDVPS Y2, Y0, Y1, Y0", strings.ToUpper(op))
		})
	}
	for _, c := range comparisons {
		binary(c.name+"Vec", func() { p("\tVCMPPS $%d, (BX), Y0, Y0\n\tVANDPS %s, Y0, Y0", c.predicate, constant(bits(1))) })
	}
	unary("sqrt", nil, func() { p("\tVSQRTPS Y0, Y0") })
	unary("exp", []uint32{low, high}, func() { exp(false) })
	unary("sigmoid", []uint32{bits(-87), high, bits(1)}, func() { // beyond 88.3 the exponential is infinite
		p("\tVXORPS %s, Y0, Y0", constant(signBit))
		exp(true)
		p("\tVADDPS Y13, Y0, Y0\n\tVDIVPS Y0, Y13, Y0")
	})
	unary("tanh", []uint32{bits(-87), bits(88), bits(1), bits(2), signBit, bits(-5.70498872745e-3), bits(0.625)}, tanh)
	unary("neg", []uint32{signBit}, func() { p("\tVXORPS Y15, Y0, Y0") })
	unary("abs", []uint32{signBit}, func() { p("\tVANDNPS Y0, Y15, Y0") })
	unary("relu", []uint32{0}, func() { p("\tVMAXPS Y0, Y15, Y0") }) // of 0 and NaN, or two zeros, it gives Y0
	unary("reciprocal", []uint32{bits(1)}, func() { p("\tVDIVPS Y0, Y15, Y0") })
	unary("floor", nil, func() { p("\tVROUNDPS $9, Y0, Y0") })
	unary("ceil", nil, func() { p("\tVROUNDPS $10, Y0, Y0") })
	unary("log", []uint32{bits(math.Inf(1)), 0, bits(math.Inf(-1))}, log)
	unary("erf", []uint32{bits(-87), bits(88), bits(1), bits(4), signBit}, erf)
	unary("softplus", []uint32{low, high, signBit, 0, bits(2)}, softplus)
	unary("sign", []uint32{signBit, bits(1), 0}, func() { // ±1, but 0 and NaN as they are
		p("\tVANDPS Y15, Y0, Y1\n\tVORPS Y14, Y1, Y1\n\tVCMPPS $12, Y13, Y0, Y2\n\tVBLENDVPS Y2, Y1, Y0, Y0")
	})
	kinked("leaky", func() { p("\tVMULPS Y12, Y0, Y0") })
	kinked("elu", func() {
		reduceExp()
		p("\tVCVTPS2DQ Y1, Y1\n\tVPADDD %s, Y1, Y1\n\tVPSLLD $23, Y1, Y1", constant(127)) // 2ⁿ
		p("\tVSUBPS %s, Y1, Y2\n\tVFMADD213PS Y2, Y1, Y3\n\tVMULPS Y12, Y3, Y0", constant(bits(1)))
	})
	where()
	angle("sin", true)
	angle("cos", false)
}

// comparisons give 1 where they hold and 0 elsewhere, also of NaN.
var comparisons = []struct {
	name      string
	predicate int // of VCMPPS
}{{"equal", 0}, {"less", 1}, {"lessOrEqual", 2}, {"greater", 14}, {"greaterOrEqual", 13}}

// binary is dst = f(x, y) for n numbers, n a multiple of 8; body works on Y0 and the operand at BX.
func binary(name string, body func()) {
	p("// func %s(dst, x, y *float32, n int)", name)
	p("TEXT ·%s(SB), NOSPLIT, $0-32", name)
	p("\tMOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ y+16(FP), BX\n\tMOVQ n+24(FP), CX")
	p("loop:\n\tVMOVUPS (SI), Y0")
	body()
	p("\tVMOVUPS Y0, (DI)\n\tADDQ $32, SI\n\tADDQ $32, BX\n\tADDQ $32, DI\n\tSUBQ $8, CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET\n")
}

// unary is dst = f(x) for n numbers, n a multiple of 8; body works on Y0. The kept constants stay in Y15, Y14, … throughout.
func unary(name string, kept []uint32, body func()) {
	p("// func %sVec(dst, x *float32, n int)", name)
	p("TEXT ·%sVec(SB), NOSPLIT, $0-24", name)
	p("\tMOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ n+16(FP), CX")
	for i, c := range kept {
		p("\tVMOVUPS %s, Y%d", constant(c), 15-i)
	}
	p("loop:\n\tVMOVUPS (SI), Y0")
	body()
	p("\tVMOVUPS Y0, (DI)\n\tADDQ $32, SI\n\tADDQ $32, DI\n\tSUBQ $8, CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET\n")
}

const signBit = 0x80000000

// The range in which the exponential is neither 0 nor infinite.
var low, high = bits(-104), bits(89)

// exp replaces Y0 by its exponential, using Y1 to Y4, with its bounds in Y15 and Y14. 2ⁿ is applied in two factors, so that results may overflow to
// infinity or be subnormal; in one where the bounds keep the result normal, or infinite at n = 128.
func exp(normal bool) {
	reduceExp()
	p("\tVADDPS %s, Y3, Y3", constant(bits(1)))
	if normal {
		p("\tVCVTPS2DQ Y1, Y1\n\tVPADDD %s, Y1, Y1\n\tVPSLLD $23, Y1, Y1\n\tVMULPS Y1, Y3, Y0", constant(127))
		return
	}
	p("\tVCVTPS2DQ Y1, Y1\n\tVPSRAD $1, Y1, Y2\n\tVPSUBD Y2, Y1, Y1")
	for _, y := range []string{"Y2", "Y1"} {
		p("\tVPADDD %s, %s, %s\n\tVPSLLD $23, %s, %s", constant(127), y, y, y, y)
	}
	p("\tVMULPS Y2, Y3, Y0\n\tVMULPS Y1, Y0, Y0")
}

// reduceExp leaves n = round(x/ln 2) in Y1 and, with r = x − n ln 2, eʳ − 1 = r + r²·P(r) in Y3, x being Y0 within the bounds in Y15 and Y14; P is
// the polynomial of Cephes' expf. Maximum and minimum have x as the operand that wins over a NaN.
func reduceExp() {
	p("\tVMAXPS Y0, Y15, Y0\n\tVMINPS Y0, Y14, Y0")
	p("\tVMULPS %s, Y0, Y1\n\tVROUNDPS $0, Y1, Y1", constant(bits(math.Log2E)))
	p("\tVFNMADD231PS %s, Y1, Y0\n\tVFNMADD231PS %s, Y1, Y0", constant(bits(0.693359375)), constant(bits(-2.12194440e-4)))
	p("\tVMOVUPS %s, Y3", constant(bits(1.9875691500e-4)))
	for _, c := range []float64{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		p("\tVFMADD213PS %s, Y0, Y3", constant(bits(c)))
	}
	p("\tVMULPS Y0, Y0, Y4\n\tVFMADD213PS Y0, Y4, Y3")
}

// kinked is a function of n numbers, n a multiple of 8, that is above·x over 0 and elsewhere what body makes of Y0 and below, which is in Y12.
func kinked(name string, body func()) {
	p("// func %sVec(dst, x *float32, n int, above, below float32)", name)
	p("TEXT ·%sVec(SB), NOSPLIT, $0-32", name)
	p("\tMOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ n+16(FP), CX\n\tVBROADCASTSS above+24(FP), Y13\n\tVBROADCASTSS below+28(FP), Y12")
	p("\tVMOVUPS %s, Y15\n\tVXORPS Y14, Y14, Y14", constant(bits(-87)))
	p("loop:\n\tVMOVUPS (SI), Y0\n\tVMULPS Y13, Y0, Y5\n\tVCMPPS $14, Y14, Y0, Y6")
	body()
	p("\tVBLENDVPS Y6, Y5, Y0, Y0\n\tVMOVUPS Y0, (DI)")
	each("SI", "DI")
}

// where picks x where cond is not 0 and y elsewhere.
func where() {
	arguments("whereVec", [2]string{"dst", "DI"}, [2]string{"cond", "SI"}, [2]string{"x", "BX"}, [2]string{"y", "DX"}, [2]string{"n", "CX"})
	p("\tVXORPS Y15, Y15, Y15")
	p("loop:\n\tVCMPPS $4, (SI), Y15, Y0\n\tVMOVUPS (DX), Y1\n\tVBLENDVPS Y0, (BX), Y1, Y1\n\tVMOVUPS Y1, (DI)")
	each("SI", "BX", "DX", "DI")
}

// tanh replaces Y0: x + x·z·P(z) with z = x² for |x| < 0.625 (Cephes' tanhf), sign(x)·(1 − 2/(e^2|x| + 1)) beyond.
func tanh() {
	p("\tVMOVAPS Y0, Y7")      // x
	p("\tVANDPS Y11, Y0, Y8")  // its sign
	p("\tVANDNPS Y0, Y11, Y5") // |x|
	p("\tVADDPS Y5, Y5, Y0")
	exp(true)
	p("\tVADDPS Y13, Y0, Y0\n\tVDIVPS Y0, Y12, Y0\n\tVSUBPS Y0, Y13, Y0\n\tVORPS Y8, Y0, Y0")
	p("\tVMULPS Y7, Y7, Y1\n\tVMOVAPS Y10, Y3")
	for _, c := range []float64{2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1} {
		p("\tVFMADD213PS %s, Y1, Y3", constant(bits(c)))
	}
	p("\tVMULPS Y1, Y3, Y3\n\tVFMADD213PS Y7, Y7, Y3")
	p("\tVCMPPS $1, Y9, Y5, Y2") // |x| < 0.625
	p("\tVBLENDVPS Y2, Y3, Y0, Y0")
}

// log replaces Y0 by its logarithm. Subnormal numbers are scaled by 2²⁵ first; in the end infinity and NaN give themselves, 0 −∞ and less NaN.
func log() {
	p("\tVMULPS %s, Y0, Y9\n\tVCMPPS $1, %s, Y0, Y1", constant(bits(0x1p25)), constant(bits(0x1p-126)))
	p("\tVBLENDVPS Y1, Y9, Y0, Y9\n\tVANDPS %s, Y1, Y1", constant(bits(-25*math.Ln2)))
	logarithm(1)
	p("\tVADDPS Y1, Y9, Y9\n\tVCMPPS $5, Y15, Y0, Y2\n\tVBLENDVPS Y2, Y0, Y9, Y9") // not less than infinity
	p("\tVCMPPS $0, Y14, Y0, Y2\n\tVBLENDVPS Y2, Y13, Y9, Y9")
	p("\tVCMPPS $1, Y14, Y0, Y2\n\tVORPS Y2, Y9, Y0")
}

// Minimax fits of relative error: erf x = x + x·P(x²) for |x| < 1 to 2e-9, erfc x = exp P(x) for 1 ≤ x ≤ 4 to 2e-9 of erf x,
// ln(1 + y) = w + w³·P(w²), w = 2y/(2 + y), for 0 ≤ y ≤ 1 to 5e-9.
var (
	erfNear   = []float64{0.1283791657, -0.3761262575, 0.1128358418, -0.02685376649, 0.005188231903, -0.0008009269612, 7.850538785e-05}
	erfFar    = []float64{-0.0003415222051, -1.127089194, -0.6381448268, -0.10310676, 0.02183806668, -0.00294765899, 0.0001863792638}
	log1pTail = []float64{0.08333301902, 0.01250674917, 0.002187541938, 0.0005472416456}
)

// horner leaves in Y3 the polynomial of register x.
func horner(x string, c []float64) {
	p("\tVMOVUPS %s, Y3", constant(bits(c[len(c)-1])))
	for i := len(c) - 2; i >= 0; i-- {
		p("\tVFMADD213PS %s, %s, Y3", constant(bits(c[i])), x)
	}
}

// erf replaces Y0.
func erf() {
	p("\tVMOVAPS Y0, Y7\n\tVANDPS Y11, Y0, Y8\n\tVANDNPS Y0, Y11, Y5") // x, its sign, |x|
	p("\tVMINPS Y5, Y12, Y1")
	horner("Y1", erfFar)
	p("\tVMOVAPS Y3, Y0")
	exp(true)
	p("\tVSUBPS Y0, Y13, Y0\n\tVORPS Y8, Y0, Y0\n\tVMULPS Y7, Y7, Y1")
	horner("Y1", erfNear)
	p("\tVFMADD213PS Y7, Y7, Y3\n\tVCMPPS $1, Y13, Y5, Y2\n\tVBLENDVPS Y2, Y3, Y0, Y0")
}

// softplus replaces Y0 by max(x, 0) + ln(1 + e^−|x|).
func softplus() {
	p("\tVMAXPS Y0, Y12, Y7\n\tVORPS Y13, Y0, Y0")
	exp(false)
	p("\tVADDPS Y0, Y0, Y1\n\tVADDPS Y11, Y0, Y0\n\tVDIVPS Y0, Y1, Y0\n\tVMULPS Y0, Y0, Y1")
	horner("Y1", log1pTail)
	p("\tVMULPS Y0, Y1, Y1\n\tVFMADD213PS Y0, Y1, Y3\n\tVADDPS Y7, Y3, Y0")
}

// far is the angle beyond which three parts of π/2 are too few.
const far = 1 << 15

// angle is the sine or cosine of n numbers, n a multiple of 8. It stops before a vector with a number beyond far or infinite and returns how many
// it has done.
func angle(name string, sine bool) {
	p("// func %sVec(dst, x *float32, n int) (done int)", name)
	p("TEXT ·%sVec(SB), NOSPLIT, $0-32", name)
	p("\tMOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ n+16(FP), CX\n\tXORQ DX, DX\n\tVMOVUPS %s, Y15", constant(signBit))
	p("loop:\n\tVMOVUPS (SI)(DX*4), Y9\n\tVANDNPS Y9, Y15, Y0\n\tVCMPPS $14, %s, Y0, Y0", constant(bits(far)))
	p("\tVMOVMSKPS Y0, AX\n\tTESTL AX, AX\n\tJNZ stop")
	quarters()
	reduce(3)
	sinCos(sine, !sine)
	p("\tVMOVUPS %s, (DI)(DX*4)", map[bool]string{true: "Y7", false: "Y8"}[sine])
	p("\tADDQ $8, DX\n\tCMPQ DX, CX\n\tJLT loop\nstop:\n\tMOVQ DX, done+24(FP)\n\tVZEROUPPER\n\tRET\n")
}
