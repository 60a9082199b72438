package main

import (
	"fmt"
	"math"
)

// fused are the functions of elements that would be several passes otherwise.
func fused() {
	multiplyAdd()
	swish("siluBias", true, true)
	swish("siluBiasOnly", true, false)
	swish("silu", false, true)
	swish("siluOnly", false, false)
	swishGrad()
	residual()
	mix()
	adamw()
}

// multiplyAdd is dst = x·y + z, rounded once.
func multiplyAdd() {
	function("mulAddVec", []argument{{"dst", "DI"}, {"x", "SI"}, {"y", "BX"}, {"z", "DX"}, {"n", "CX"}}, nil, func() {
		load("(SI)", "Y0")
		load("(BX)", "Y1")
		p("\tVFMADD213PS %s, Y1, Y0", in("(DX)"))
		store("Y0", "(DI)")
	}, nil)
}

// swish is z = x + b (or z = x), s = 1/(1+e⁻ᶻ), h = z·s; it writes h alone, or all that it computes.
func swish(name string, bias, all bool) {
	args := []argument{{"h", "DI"}}
	if all {
		args = append(args, argument{"s", "R8"})
		if bias {
			args = append(args, argument{"z", "R9"})
		}
	}
	args = append(args, argument{"x", "SI"})
	if bias {
		args = append(args, argument{"b", "BX"})
	}
	function(name+"Vec", append(args, argument{"n", "CX"}), func() {
		kept := logisticConstants
		if now.wide() {
			kept = []uint32{bits(-87), high, bits(1), signBit}
		}
		for i, c := range kept {
			keep(c, fmt.Sprintf("Y%d", 15-i))
		}
	}, func() {
		load("(SI)", "Y5")
		if bias {
			p("\tVADDPS %s, Y5, Y5", in("(BX)"))
		}
		if bias && all {
			store("Y5", "(R9)")
		}
		if now.wide() {
			p("\tVXORPS Y12, Y5, Y0")
			exp(true)
			p("\tVADDPS Y13, Y0, Y0")
		} else {
			logistic()
		}
		p("\tVDIVPS Y0, Y13, Y0") // faster than an approximation and a step of Newton's method with AVX-512, too
		if all {
			store("Y0", "(R8)")
		}
		p("\tVMULPS Y5, Y0, Y0")
		store("Y0", "(DI)")
	}, nil)
}

// logisticConstants are what logistic has in Y15, Y14, …: the range of x, 1, log2 e, a number whose sum with another one is that, rounded, plus 127 in its
// last bits, and ln 2 in two parts.
var logisticConstants = []uint32{bits(-89), bits(87), bits(1), bits(math.Log2E), bits(shift + 127), bits(0.693359375), bits(-2.12194440e-4)}

// logistic leaves 1 + e⁻ˣ of Y5 in Y0, with AVX2. It is exp of −x along a shorter chain, of which more fit into the processor's window: the polynomial by
// halves, in the remainder's negative, and 2ⁿ taken from the bits of the number that rounds.
func logistic() {
	p("\tVMAXPS Y5, Y15, Y0\n\tVMINPS Y0, Y14, Y0")
	p("\tVMOVAPS Y11, Y1\n\tVFNMADD231PS Y12, Y0, Y1\n\tVSUBPS Y11, Y1, Y2")
	p("\tVFMADD231PS Y10, Y2, Y0\n\tVFMADD231PS Y9, Y2, Y0")
	for i, c := range [][2]float64{{1.9875691500e-4, 1.3981999507e-3}, {8.3334519073e-3, 4.1665795894e-2}, {1.6666665459e-1, 5.0000001201e-1}} {
		p("\tVMOVUPS %s, Y%d\n\tVFNMADD213PS %s, Y0, Y%d", constant(bits(c[0])), 2+i, constant(bits(c[1])), 2+i)
	}
	p("\tVMULPS Y0, Y0, Y6\n\tVFMADD213PS Y3, Y6, Y2\n\tVFMADD213PS Y4, Y6, Y2\n\tVFMSUB213PS Y0, Y6, Y2")
	p("\tVADDPS Y13, Y2, Y2\n\tVPSLLD $23, Y1, Y1\n\tVMOVAPS Y13, Y0\n\tVFMADD231PS Y1, Y2, Y0")
}

// swishGrad is d = g·s·(1 + z·(1 − s)).
func swishGrad() {
	function("siluGradVec", []argument{{"d", "DI"}, {"grad", "SI"}, {"z", "BX"}, {"s", "DX"}, {"n", "CX"}}, func() { keep(bits(1), "Y15") }, func() {
		load("(DX)", "Y0")
		p("\tVSUBPS Y0, Y15, Y1\n\tVFMADD132PS %s, Y15, Y1", in("(BX)"))
		p("\tVMULPS %s, Y0, Y0\n\tVMULPS Y1, Y0, Y0", in("(SI)"))
		store("Y0", "(DI)")
	}, nil)
}

// residual is e = u − (y − z), d = s·e.
func residual() {
	args := []argument{{"e", "DI"}, {"d", "R8"}, {"u", "SI"}, {"y", "BX"}, {"z", "DX"}, {"n", "CX"}, {"s", "Y15"}}
	function("residualVec", args, nil, func() {
		load("(BX)", "Y0")
		p("\tVSUBPS %s, Y0, Y0", in("(DX)"))
		load("(SI)", "Y1")
		p("\tVSUBPS Y0, Y1, Y1\n\tVMULPS Y1, Y15, Y0")
		store("Y1", "(DI)")
		store("Y0", "(R8)")
	}, nil)
}

// mix is rows of a·y + b·z, each row with numbers a and b of its own, of n numbers, a multiple of eight.
func mix() {
	arguments("mixVec", [2]string{"dst", "DI"}, [2]string{"y", "SI"}, [2]string{"z", "BX"}, [2]string{"a", "R8"}, [2]string{"b", "R9"}, [2]string{"rows", "DX"},
		[2]string{"n", "R10"})
	p("row:\n\tMOVQ R10, CX\n\tVBROADCASTSS (R8), Y2\n\tVBROADCASTSS (R9), Y3\nvector:")
	p("\tVMULPS (BX), Y3, Y0\n\tVFMADD231PS (SI), Y2, Y0\n\tVMOVUPS Y0, (DI)\n\tADDQ $32, SI\n\tADDQ $32, BX\n\tADDQ $32, DI\n\tSUBQ $8, CX\n\tJNZ vector")
	p("\tADDQ $4, R8\n\tADDQ $4, R9\n\tDECQ DX\n\tJNZ row\n\tVZEROUPPER\n\tRET\n")
}

// adamw is the update of weights, moments and averages. c points to the eleven numbers of the type AdamW.
func adamw() {
	args := []argument{{"w1", "DI"}, {"m1", "R8"}, {"v1", "R9"}, {"e1", "R10"}, {"w", "SI"}, {"m", "BX"}, {"v", "DX"}, {"e", "R11"}, {"grad", "R12"},
		{"c", "AX"}, {"n", "CX"}}
	const scale, beta1, rest1, beta2, rest2, correct1, correct2, epsilon, decay, rate, keep = 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5
	function("adamwVec", args, func() {
		for i := range 11 {
			p("\tVBROADCASTSS %d(AX), Y%d", 4*i, scale-i)
		}
	}, func() {
		p("\tVMULPS %s, Y%d, Y0", in("(R12)"), scale)
		p("\tVMULPS %s, Y%d, Y1\n\tVFMADD231PS Y%d, Y0, Y1", in("(BX)"), beta1, rest1)
		store("Y1", "(R8)")
		p("\tVMULPS Y0, Y0, Y0")
		p("\tVMULPS %s, Y%d, Y2\n\tVFMADD231PS Y%d, Y0, Y2", in("(DX)"), beta2, rest2)
		store("Y2", "(R9)")
		p("\tVMULPS Y%d, Y2, Y2\n\tVSQRTPS Y2, Y2\n\tVADDPS Y%d, Y2, Y2", correct2, epsilon)
		p("\tVMULPS Y%d, Y1, Y1\n\tVDIVPS Y2, Y1, Y1", correct1)
		load("(SI)", "Y3")
		p("\tVFMADD231PS Y%d, Y3, Y1\n\tVFNMADD231PS Y%d, Y1, Y3", decay, rate)
		store("Y3", "(DI)")
		load("(R11)", "Y4")
		p("\tVSUBPS Y3, Y4, Y4\n\tVFMADD213PS Y3, Y%d, Y4", keep)
		store("Y4", "(R10)")
	}, nil)
}
