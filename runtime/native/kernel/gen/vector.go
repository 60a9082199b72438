package main

import (
	"math"
	"strings"
)

// vectors are the functions of elements.
func vectors() {
	for _, op := range []string{"Add", "Sub", "Mul", "Div"} {
		binary(op)
	}
	unary("sqrt", nil, func() { p("\tVSQRTPS Y0, Y0") })
	unary("exp", []uint32{low, high}, func() { exp(false) })
	unary("sigmoid", []uint32{bits(-87), bits(88), bits(1)}, func() {
		p("\tVXORPS %s, Y0, Y0", constant(signBit))
		exp(true)
		p("\tVADDPS Y13, Y0, Y0\n\tVDIVPS Y0, Y13, Y0")
	})
	unary("tanh", []uint32{bits(-87), bits(88), bits(1), bits(2), signBit, bits(-5.70498872745e-3), bits(0.625)}, tanh)
}

// binary is dst = x op y for n numbers, n a multiple of 8.
func binary(op string) {
	p("// func vec%s(dst, x, y *float32, n int)", op)
	p("TEXT ·vec%s(SB), NOSPLIT, $0-32", op)
	p("\tMOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ y+16(FP), BX\n\tMOVQ n+24(FP), CX")
	p("loop:\n\tVMOVUPS (SI), Y0\n\tV%sPS (BX), Y0, Y0\n\tVMOVUPS Y0, (DI)", strings.ToUpper(op))
	p("\tADDQ $32, SI\n\tADDQ $32, BX\n\tADDQ $32, DI\n\tSUBQ $8, CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET\n")
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

// exp replaces Y0 by its exponential, using Y1 to Y4, with its bounds in Y15 and Y14. With n = round(x/ln 2) and r = x − n ln 2 it is 2ⁿ·(1 + r + r²·P(r)), P the
// polynomial of Cephes' expf. 2ⁿ is applied in two factors, so that results may overflow to infinity or be subnormal; in one where the bounds keep
// the result normal. Maximum and minimum have x as the operand that wins over a NaN.
func exp(normal bool) {
	p("\tVMAXPS Y0, Y15, Y0\n\tVMINPS Y0, Y14, Y0")
	p("\tVMULPS %s, Y0, Y1\n\tVROUNDPS $0, Y1, Y1", constant(bits(math.Log2E)))
	p("\tVFNMADD231PS %s, Y1, Y0\n\tVFNMADD231PS %s, Y1, Y0", constant(bits(0.693359375)), constant(bits(-2.12194440e-4)))
	p("\tVMOVUPS %s, Y3", constant(bits(1.9875691500e-4)))
	for _, c := range []float64{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		p("\tVFMADD213PS %s, Y0, Y3", constant(bits(c)))
	}
	p("\tVMULPS Y0, Y0, Y4\n\tVFMADD213PS Y0, Y4, Y3\n\tVADDPS %s, Y3, Y3", constant(bits(1)))
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
