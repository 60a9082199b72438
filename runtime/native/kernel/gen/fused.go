package main

// fused are the functions of elements that would be several passes otherwise.
func fused() {
	multiplyAdd()
	swish("siluBias", true, true)
	swish("siluBiasOnly", true, false)
	swish("silu", false, true)
	swishGrad()
	adamw()
}

// arguments loads pointers and the number of elements, which comes last, from the stack.
func arguments(name string, args ...[2]string) {
	list := ""
	for i, a := range args {
		if i > 0 {
			list += ", "
		}
		list += a[0]
	}
	p("// func %s(%s)", name, list)
	p("TEXT ·%s(SB), NOSPLIT, $0-%d", name, 8*len(args))
	for i, a := range args {
		p("\tMOVQ %s+%d(FP), %s", a[0], 8*i, a[1])
	}
}

// each closes a loop over vectors: the registers advance by one vector, CX counts elements.
func each(registers ...string) {
	for _, r := range registers {
		p("\tADDQ $32, %s", r)
	}
	p("\tSUBQ $8, CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET\n")
}

// multiplyAdd is dst = x·y + z, rounded once.
func multiplyAdd() {
	arguments("mulAddVec", [2]string{"dst", "DI"}, [2]string{"x", "SI"}, [2]string{"y", "BX"}, [2]string{"z", "DX"}, [2]string{"n", "CX"})
	p("loop:\n\tVMOVUPS (SI), Y0\n\tVMOVUPS (BX), Y1\n\tVFMADD213PS (DX), Y1, Y0\n\tVMOVUPS Y0, (DI)")
	each("DI", "SI", "BX", "DX")
}

// swish is z = x + b (or z = x), s = 1/(1+e⁻ᶻ), h = z·s; it writes h alone, or all that it computes.
func swish(name string, bias, all bool) {
	args := [][2]string{{"h", "DI"}}
	moving := []string{"DI", "SI"}
	if all {
		args, moving = append(args, [2]string{"s", "R8"}), append(moving, "R8")
		if bias {
			args, moving = append(args, [2]string{"z", "R9"}), append(moving, "R9")
		}
	}
	args = append(args, [2]string{"x", "SI"})
	if bias {
		args, moving = append(args, [2]string{"b", "BX"}), append(moving, "BX")
	}
	arguments(name+"Vec", append(args, [2]string{"n", "CX"})...)
	for i, c := range []uint32{bits(-87), high, bits(1), signBit} {
		p("\tVMOVUPS %s, Y%d", constant(c), 15-i)
	}
	p("loop:\n\tVMOVUPS (SI), Y5")
	if bias {
		p("\tVADDPS (BX), Y5, Y5")
	}
	if bias && all {
		p("\tVMOVUPS Y5, (R9)")
	}
	p("\tVXORPS Y12, Y5, Y0")
	exp(true)
	p("\tVADDPS Y13, Y0, Y0\n\tVDIVPS Y0, Y13, Y0")
	if all {
		p("\tVMOVUPS Y0, (R8)")
	}
	p("\tVMULPS Y5, Y0, Y0\n\tVMOVUPS Y0, (DI)")
	each(moving...)
}

// swishGrad is d = g·s·(1 + z·(1 − s)).
func swishGrad() {
	arguments("siluGradVec", [2]string{"d", "DI"}, [2]string{"grad", "SI"}, [2]string{"z", "BX"}, [2]string{"s", "DX"}, [2]string{"n", "CX"})
	p("\tVMOVUPS %s, Y15", constant(bits(1)))
	p("loop:\n\tVMOVUPS (DX), Y0\n\tVSUBPS Y0, Y15, Y1\n\tVFMADD132PS (BX), Y15, Y1\n\tVMULPS (SI), Y0, Y0\n\tVMULPS Y1, Y0, Y0\n\tVMOVUPS Y0, (DI)")
	each("DI", "SI", "BX", "DX")
}

// adamw is the update of weights, moments and averages. c points to the eleven numbers of the type AdamW.
func adamw() {
	arguments("adamwVec", [2]string{"w1", "DI"}, [2]string{"m1", "R8"}, [2]string{"v1", "R9"}, [2]string{"e1", "R10"}, [2]string{"w", "SI"}, [2]string{"m", "BX"},
		[2]string{"v", "DX"}, [2]string{"e", "R11"}, [2]string{"grad", "R12"}, [2]string{"c", "AX"}, [2]string{"n", "CX"})
	const scale, beta1, rest1, beta2, rest2, correct1, correct2, epsilon, decay, rate, keep = 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5
	for i := range 11 {
		p("\tVBROADCASTSS %d(AX), Y%d", 4*i, scale-i)
	}
	p("loop:")
	p("\tVMULPS (R12), Y%d, Y0", scale)
	p("\tVMULPS (BX), Y%d, Y1\n\tVFMADD231PS Y%d, Y0, Y1\n\tVMOVUPS Y1, (R8)", beta1, rest1)
	p("\tVMULPS Y0, Y0, Y0")
	p("\tVMULPS (DX), Y%d, Y2\n\tVFMADD231PS Y%d, Y0, Y2\n\tVMOVUPS Y2, (R9)", beta2, rest2)
	p("\tVMULPS Y%d, Y2, Y2\n\tVSQRTPS Y2, Y2\n\tVADDPS Y%d, Y2, Y2", correct2, epsilon)
	p("\tVMULPS Y%d, Y1, Y1\n\tVDIVPS Y2, Y1, Y1", correct1)
	p("\tVMOVUPS (SI), Y3\n\tVFMADD231PS Y%d, Y3, Y1\n\tVFNMADD231PS Y%d, Y1, Y3\n\tVMOVUPS Y3, (DI)", decay, rate)
	p("\tVMOVUPS (R11), Y4\n\tVSUBPS Y3, Y4, Y4\n\tVFMADD213PS Y3, Y%d, Y4\n\tVMOVUPS Y4, (R10)", keep)
	each("DI", "R8", "R9", "R10", "SI", "BX", "DX", "R11", "R12")
}
