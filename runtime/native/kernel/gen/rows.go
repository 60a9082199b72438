package main

import "math"

// rows are the kernels of sums and of normalised rows. Sums are in float64, in lanes that the caller holds; see Sum.
func rows() {
	arguments("sumVec", [2]string{"acc", "DI"}, [2]string{"x", "SI"}, [2]string{"n", "CX"})
	inLanes(func(int) {})
	p("// func squaresVec(acc *float64, x *float32, n int, mean float64)\nTEXT ·squaresVec(SB), NOSPLIT, $0-32")
	p("\tMOVQ acc+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ n+16(FP), CX\n\tVBROADCASTSD mean+24(FP), Y15")
	inLanes(func(y int) { p("\tVSUBPD Y15, Y%d, Y%d\n\tVMULPD Y%d, Y%d, Y%d", y, y, y, y, y) }) // not fused, as in Go
	sumRows()
	largest()
	softmax()
	arguments("normVec", [2]string{"dst", "DI"}, [2]string{"x", "SI"}, [2]string{"scale", "BX"}, [2]string{"bias", "DX"}, [2]string{"moments", "AX"},
		[2]string{"n", "CX"})
	norm("\tVMOVUPS (BX), Y2\n\tVFMADD213PS (DX), Y2, Y0", "DX")
	arguments("normScaleVec", [2]string{"dst", "DI"}, [2]string{"x", "SI"}, [2]string{"scale", "BX"}, [2]string{"moments", "AX"},
		[2]string{"n", "CX"})
	norm("\tVMULPS (BX), Y0, Y0")
}

// inLanes adds n numbers at SI, n a multiple of 16, to the sixteen sums at DI: number i to sum i mod 16. before may change four of them.
func inLanes(before func(y int)) {
	for i := range 4 {
		p("\tVMOVUPD %d(DI), Y%d", 32*i, 4+i)
	}
	p("loop:")
	for i := range 4 {
		p("\tVCVTPS2PD %d(SI), Y%d", 16*i, i)
		before(i)
		p("\tVADDPD Y%d, Y%d, Y%d", i, 4+i, 4+i)
	}
	p("\tADDQ $64, SI\n\tSUBQ $16, CX\n\tJNZ loop")
	for i := range 4 {
		p("\tVMOVUPD Y%d, %d(DI)", 4+i, 32*i)
	}
	p("\tVZEROUPPER\n\tRET\n")
}

// sumRows adds sixteen columns of a matrix to their sums, row by row.
func sumRows() {
	arguments("sumRowsVec", [2]string{"sum", "DI"}, [2]string{"x", "SI"}, [2]string{"rows", "CX"}, [2]string{"stride", "DX"})
	p("\tSHLQ $2, DX")
	for i := range 4 {
		p("\tVMOVUPD %d(DI), Y%d", 32*i, 4+i)
	}
	p("loop:")
	for i := range 4 {
		p("\tVCVTPS2PD %d(SI), Y%d\n\tVADDPD Y%d, Y%d, Y%d", 16*i, i, i, 4+i, 4+i)
	}
	p("\tADDQ DX, SI\n\tDECQ CX\n\tJNZ loop")
	for i := range 4 {
		p("\tVMOVUPD Y%d, %d(DI)", 4+i, 32*i)
	}
	p("\tVZEROUPPER\n\tRET\n")
}

// largest leaves at acc the largest of each eighth of n numbers, n a multiple of 8; NaN if one of them was.
func largest() {
	arguments("largestVec", [2]string{"acc", "DI"}, [2]string{"x", "SI"}, [2]string{"n", "CX"})
	p("\tVMOVUPS %s, Y0\n\tVXORPS Y1, Y1, Y1", constant(bits(math.Inf(-1))))
	p("loop:\n\tVMOVUPS (SI), Y2\n\tVMAXPS Y2, Y0, Y0\n\tVCMPPS $3, Y2, Y2, Y3\n\tVORPS Y3, Y1, Y1")
	p("\tADDQ $32, SI\n\tSUBQ $8, CX\n\tJNZ loop\n\tVORPS Y1, Y0, Y0\n\tVMOVUPS Y0, (DI)\n\tVZEROUPPER\n\tRET\n")
}

// softmax writes p = eˣ⁻ᵐ for n numbers, n a multiple of 8, and adds them to eight sums. What the difference d = x − m loses,
// ε = (x − (d − (d − x))) − (m + (d − x)), comes back as p + p·ε where p is not 0.
func softmax() {
	p("// func softmaxVec(dst, x *float32, n int, acc *float64, m float32)\nTEXT ·softmaxVec(SB), NOSPLIT, $0-36")
	p("\tMOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ n+16(FP), CX\n\tMOVQ acc+24(FP), DX\n\tVBROADCASTSS m+32(FP), Y13")
	p("\tVMOVUPS %s, Y15\n\tVMOVUPS %s, Y14\n\tVMOVUPD (DX), Y11\n\tVMOVUPD 32(DX), Y12", constant(low), constant(high))
	p("loop:\n\tVMOVUPS (SI), Y5\n\tVSUBPS Y13, Y5, Y0\n\tVCMPPS $13, Y15, Y0, Y8") // d ≥ low
	p("\tVSUBPS Y5, Y0, Y6\n\tVSUBPS Y6, Y0, Y7\n\tVSUBPS Y7, Y5, Y5\n\tVADDPS Y6, Y13, Y6\n\tVSUBPS Y6, Y5, Y5\n\tVANDPS Y8, Y5, Y5")
	exp(false)
	p("\tVFMADD231PS Y5, Y0, Y0\n\tVMOVUPS Y0, (DI)")
	p("\tVCVTPS2PD X0, Y1\n\tVEXTRACTF128 $1, Y0, X0\n\tVCVTPS2PD X0, Y2\n\tVADDPD Y1, Y11, Y11\n\tVADDPD Y2, Y12, Y12")
	p("\tADDQ $32, SI\n\tADDQ $32, DI\n\tSUBQ $8, CX\n\tJNZ loop\n\tVMOVUPD Y11, (DX)\n\tVMOVUPD Y12, 32(DX)\n\tVZEROUPPER\n\tRET\n")
	p("// func scaleVec(dst, x *float32, n int, s float32)\nTEXT ·scaleVec(SB), NOSPLIT, $0-28")
	p("\tMOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ n+16(FP), CX\n\tVBROADCASTSS s+24(FP), Y15")
	p("loop:\n\tVMULPS (SI), Y15, Y0\n\tVMOVUPS Y0, (DI)")
	each("SI", "DI")
}

// norm normalises n numbers, n a multiple of 8, with the mean and the inverse deviation at AX, in float64 and rounded; then, in Y0, they are scaled.
func norm(scaled string, moving ...string) {
	p("\tVBROADCASTSD (AX), Y15\n\tVBROADCASTSD 8(AX), Y14")
	p("loop:")
	for i := range 2 {
		p("\tVCVTPS2PD %d(SI), Y%d\n\tVSUBPD Y15, Y%d, Y%d\n\tVMULPD Y14, Y%d, Y%d\n\tVCVTPD2PSY Y%d, X%d", 16*i, i, i, i, i, i, i, i)
	}
	p("\tVINSERTF128 $1, X1, Y0, Y0\n%s\n\tVMOVUPS Y0, (DI)", scaled)
	each(append(moving, "DI", "SI", "BX")...)
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
