package main

import "fmt"

// fused are the functions of elements that would be several passes otherwise.
func fused() {
	multiplyAdd()
	swish("siluBias", true, true)
	swish("siluBiasOnly", true, false)
	swish("silu", false, true)
	swish("siluOnly", false, false)
	swishGrad()
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
		for i, c := range []uint32{bits(-87), high, bits(1), signBit} {
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
		p("\tVXORPS Y12, Y5, Y0")
		exp(true)
		p("\tVADDPS Y13, Y0, Y0\n\tVDIVPS Y0, Y13, Y0") // faster than an approximation and a step of Newton's method with AVX-512, too
		if all {
			store("Y0", "(R8)")
		}
		p("\tVMULPS Y5, Y0, Y0")
		store("Y0", "(DI)")
	}, nil)
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
