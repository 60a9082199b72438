package main

import (
	"fmt"
	"math"
	"strings"
)

// vectors are the functions of elements.
func vectors() {
	for _, op := range []string{"Add", "Sub", "Mul", "Div"} {
		binary("vec"+op, func() { p("\tV%sPS %s, Y0, Y0", strings.ToUpper(op), in("(BX)")) })
	}
	for _, op := range []string{"max", "min"} { // the instructions give y if either is NaN, so x is put back where it is NaN itself
		binary(op+"Vec", func() {
			p("\tV%sPS %s, Y0, Y1", strings.ToUpper(op), in("(BX)"))
			compare(3, "Y0", "Y0", "M2")
			choose("M2", "Y0", "Y1", "Y0")
		})
	}
	for _, c := range comparisons {
		binary(c.name+"Vec", func() {
			compare(c.predicate, in("(BX)"), "Y0", "M1")
			only("M1", constant(bits(1)), "Y0")
		})
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
	unary("log", []uint32{bits(math.Inf(1)), 0, bits(math.Inf(-1)), bits(math.NaN())}, log)
	unary("erf", []uint32{bits(-87), bits(88), bits(1), bits(4), signBit}, erf)
	unary("softplus", []uint32{low, high, signBit, 0, bits(2)}, softplus)
	unary("sign", []uint32{signBit, bits(1), 0}, func() { // ±1, but 0 and NaN as they are
		p("\tVANDPS Y15, Y0, Y1\n\tVORPS Y14, Y1, Y1")
		compare(12, "Y13", "Y0", "M2")
		choose("M2", "Y1", "Y0", "Y0")
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

// binary is dst = f(x, y); body works on Y0 and the operand at BX.
func binary(name string, body func()) {
	function(name, []argument{{"dst", "DI"}, {"x", "SI"}, {"y", "BX"}, {"n", "CX"}}, nil, func() {
		load("(SI)", "Y0")
		body()
		store("Y0", "(DI)")
	}, nil)
}

// unary is dst = f(x); body works on Y0. The kept constants stay in Y15, Y14, … throughout.
func unary(name string, kept []uint32, body func()) {
	function(name+"Vec", []argument{{"dst", "DI"}, {"x", "SI"}, {"n", "CX"}}, func() {
		for i, c := range kept {
			keep(c, fmt.Sprintf("Y%d", 15-i))
		}
	}, func() {
		load("(SI)", "Y0")
		body()
		store("Y0", "(DI)")
	}, nil)
}

const signBit = 0x80000000

// The range in which the exponential is neither 0 nor infinite.
var low, high = bits(-104), bits(89)

// exp replaces Y0 by its exponential, using Y1 to Y4, with its bounds in Y15 and Y14. 2ⁿ is applied in two factors, so that results may overflow to
// infinity or be subnormal; in one where the bounds keep the result normal, or infinite at n = 128.
func exp(normal bool) {
	reduceExp()
	p("\tVADDPS %s, Y3, Y3", constant(bits(1)))
	if now.wide() { // one instruction, rounded once
		p("\tVSCALEFPS Y1, Y3, Y0")
		return
	}
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
	if now.wide() {
		p("\tVMOVAPS %s, Y1\n\tVFMADD231PS %s, Y0, Y1\n\tVSUBPS %s, Y1, Y1", constant(bits(shift)), constant(bits(math.Log2E)), constant(bits(shift)))
	} else {
		p("\tVMULPS %s, Y0, Y1\n\tVROUNDPS $0, Y1, Y1", constant(bits(math.Log2E)))
	}
	p("\tVFNMADD231PS %s, Y1, Y0\n\tVFNMADD231PS %s, Y1, Y0", constant(bits(0.693359375)), constant(bits(-2.12194440e-4)))
	p("\tVMOVUPS %s, Y3", constant(bits(1.9875691500e-4)))
	for _, c := range []float64{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		p("\tVFMADD213PS %s, Y0, Y3", constant(bits(c)))
	}
	p("\tVMULPS Y0, Y0, Y4\n\tVFMADD213PS Y0, Y4, Y3")
}

// kinked is a function that is above·x over 0 and elsewhere what body makes of Y0 and below, which is in Y12.
func kinked(name string, body func()) {
	function(name+"Vec", []argument{{"dst", "DI"}, {"x", "SI"}, {"n", "CX"}, {"above", "Y13"}, {"below", "Y12"}}, func() {
		keep(bits(-87), "Y15")
		p("\tVXORPS Y14, Y14, Y14")
	}, func() {
		load("(SI)", "Y0")
		p("\tVMULPS Y13, Y0, Y5")
		compare(14, "Y14", "Y0", "M6")
		body()
		choose("M6", "Y5", "Y0", "Y0")
		store("Y0", "(DI)")
	}, nil)
}

// where picks x where cond is not 0 and y elsewhere.
func where() {
	function("whereVec", []argument{{"dst", "DI"}, {"cond", "SI"}, {"x", "BX"}, {"y", "DX"}, {"n", "CX"}}, func() { p("\tVXORPS Y15, Y15, Y15") }, func() {
		compare(4, in("(SI)"), "Y15", "M2")
		load("(DX)", "Y1")
		choose("M2", in("(BX)"), "Y1", "Y1")
		store("Y1", "(DI)")
	}, nil)
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
	compare(1, "Y9", "Y5", "M2") // |x| < 0.625
	choose("M2", "Y3", "Y0", "Y0")
}

// log replaces Y0 by its logarithm. Subnormal numbers are scaled by 2²⁵ first; in the end infinity and NaN give themselves, 0 −∞ and less NaN.
func log() {
	compare(1, constant(bits(0x1p-126)), "Y0", "M1")
	p("\tVMULPS %s, Y0, Y9", constant(bits(0x1p25)))
	choose("M1", "Y9", "Y0", "Y9")
	only("M1", constant(bits(-25*math.Ln2)), "Y10")
	logarithm(1)
	p("\tVADDPS Y10, Y9, Y9")
	for _, c := range []struct {
		predicate       int
		than, otherwise string
	}{{5, "Y15", "Y0"}, {0, "Y14", "Y13"}, {1, "Y14", "Y12"}} { // not less than infinity; 0; less
		compare(c.predicate, c.than, "Y0", "M2")
		choose("M2", c.otherwise, "Y9", "Y9")
	}
	p("\tVMOVAPS Y9, Y0")
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
	p("\tVFMADD213PS Y7, Y7, Y3")
	compare(1, "Y13", "Y5", "M2")
	choose("M2", "Y3", "Y0", "Y0")
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

// angle is the sine or cosine. It stops before a vector with a number beyond far or infinite and returns how many it has done.
func angle(name string, sine bool) {
	args := []argument{{"dst", "DI"}, {"x", "SI"}, {"n", "CX"}, {"done", ""}}
	function(name+"Vec", args, func() { p("\tMOVQ CX, DX\n"); keep(signBit, "Y15") }, func() {
		load("(SI)", "Y9")
		p("\tVANDNPS Y9, Y15, Y0")
		compare(14, constant(bits(far)), "Y0", "M1")
		if now.wide() {
			p("\tKORTESTW K1, K1\n\tJNZ stop")
		} else {
			p("\tVMOVMSKPS Y1, AX\n\tTESTL AX, AX\n\tJNZ stop")
		}
		quarters()
		reduce(3)
		sinCos(sine, !sine)
		store(map[bool]string{true: "Y7", false: "Y8"}[sine], "(DI)")
	}, func() { p("stop:\n\tSUBQ CX, DX\n\tMOVQ DX, done+24(FP)") })
}
