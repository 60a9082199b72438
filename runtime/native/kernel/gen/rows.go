package main

import (
	"fmt"
	"math"
)

// rows are the kernels of sums and of normalised rows. Sums are in float64, in lanes that the caller holds; see Sum.
func rows() {
	arguments("sumVec", [2]string{"acc", "DI"}, [2]string{"x", "SI"}, [2]string{"n", "CX"})
	inLanes(func(int) {})
	p("// func squaresVec(acc *float64, x *float32, n int, mean float64)\nTEXT ·squaresVec(SB), NOSPLIT, $0-32")
	p("\tMOVQ acc+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ n+16(FP), CX\n\tVBROADCASTSD mean+24(FP), Y15")
	inLanes(func(y int) { p("\tVSUBPD Y15, Y%d, Y%d\n\tVMULPD Y%d, Y%d, Y%d", y, y, y, y, y) }) // not fused, as in Go
	sumRows()
	repeat()
	rowSums("rowSumsVec", "\tVADDPD Y%[1]d, Y%[3]d, Y%[3]d")
	rowSums("rowSquaresVec", "\tVFMADD231PD Y%d, Y%d, Y%d")
	fetch()
	largest()
	softmax()
	function("scaleVec", []argument{{"dst", "DI"}, {"x", "SI"}, {"n", "CX"}, {"s", "Y15"}}, nil, func() {
		p("\tVMULPS %s, Y15, Y0", in("(SI)"))
		store("Y0", "(DI)")
	}, nil)
	norm("normVec", true)
	norm("normScaleVec", false)
}

// rowSums writes the sum of each of the rows of n numbers, n a multiple of 16, or of their squares, which float64 holds exactly: sixteen sums as inLanes
// makes them, then the halves added to each other.
func rowSums(name, add string) {
	arguments(name, [2]string{"sum", "DI"}, [2]string{"x", "SI"}, [2]string{"rows", "DX"}, [2]string{"n", "BX"})
	p("row:\n\tMOVQ BX, CX")
	for i := range 4 {
		p("\tVXORPD Y%d, Y%d, Y%d", 4+i, 4+i, 4+i)
	}
	p("loop:")
	for i := range 4 {
		p("\tVCVTPS2PD %d(SI), Y%d", 16*i, i)
		p(add, i, i, 4+i)
	}
	p("\tADDQ $64, SI\n\tSUBQ $16, CX\n\tJNZ loop")
	p("\tVADDPD Y6, Y4, Y4\n\tVADDPD Y7, Y5, Y5\n\tVADDPD Y5, Y4, Y4\n\tVEXTRACTF128 $1, Y4, X5\n\tVADDPD X5, X4, X4\n\tVPERMILPD $1, X4, X5")
	p("\tVADDSD X5, X4, X4\n\tVMOVSD X4, (DI)\n\tADDQ $8, DI\n\tDECQ DX\n\tJNZ row\n\tVZEROUPPER\n\tRET\n")
}

// fetch asks for lines of memory from an address on, without waiting for them.
func fetch() {
	arguments("fetch", [2]string{"at", "SI"}, [2]string{"lines", "CX"})
	p("line:\n\tPREFETCHT0 (SI)\n\tADDQ $64, SI\n\tDECQ CX\n\tJNZ line\n\tRET\n")
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

// sumRows adds four vectors of columns of a matrix to their sums, row by row: sixteen columns, thirty-two with AVX-512.
func sumRows() {
	for _, t := range []tier{avx2, avx512} {
		arguments("sumRows"+t.name, [2]string{"sum", "DI"}, [2]string{"x", "SI"}, [2]string{"rows", "CX"}, [2]string{"stride", "DX"})
		half := map[bool]string{false: "X", true: "Y"}[t.wide()]
		b := 4 * t.lanes
		p("\tSHLQ $2, DX")
		for i := range 4 {
			p("\tVMOVUPD %d(DI), %s%d", b*i, t.reg, 4+i)
		}
		p("loop:")
		for i := range 4 {
			p("\tVMOVUPS %d(SI), %s%d\n\tVCVTPS2PD %s%d, %s%d\n\tVADDPD %s%d, %s%d, %s%d", b/2*i, half, i, half, i, t.reg, i, t.reg, i, t.reg, 4+i, t.reg, 4+i)
		}
		p("\tADDQ DX, SI\n\tDECQ CX\n\tJNZ loop")
		for i := range 4 {
			p("\tVMOVUPD %s%d, %d(DI)", t.reg, 4+i, b*i)
		}
		p("\tVZEROUPPER\n\tRET\n")
	}
}

// repeat fills each row of a matrix with its number. A row of n ≥ 8 ends with a vector that may overlap the one before.
func repeat() {
	arguments("repeatVec", [2]string{"dst", "DI"}, [2]string{"x", "SI"}, [2]string{"rows", "CX"}, [2]string{"n", "DX"})
	p("row:\n\tVBROADCASTSS (SI), Y0\n\tLEAQ -32(DI)(DX*4), AX")
	p("loop:\n\tVMOVUPS Y0, (DI)\n\tADDQ $32, DI\n\tCMPQ DI, AX\n\tJLT loop")
	p("\tVMOVUPS Y0, (AX)\n\tLEAQ 32(AX), DI\n\tADDQ $4, SI\n\tDECQ CX\n\tJNZ row\n\tVZEROUPPER\n\tRET\n")
}

// largest leaves at acc the largest of each eighth of n numbers, n a multiple of 8; NaN if one of them was.
func largest() {
	arguments("largestVec", [2]string{"acc", "DI"}, [2]string{"x", "SI"}, [2]string{"n", "CX"})
	p("\tVMOVUPS %s, Y0\n\tVXORPS Y1, Y1, Y1", constant(bits(math.Inf(-1))))
	p("loop:\n\tVMOVUPS (SI), Y2\n\tVMAXPS Y2, Y0, Y0\n\tVCMPPS $3, Y2, Y2, Y3\n\tVORPS Y3, Y1, Y1")
	p("\tADDQ $32, SI\n\tSUBQ $8, CX\n\tJNZ loop\n\tVORPS Y1, Y0, Y0\n\tVMOVUPS Y0, (DI)\n\tVZEROUPPER\n\tRET\n")
}

// softmax writes p = eˣ⁻ᵐ and adds it to eight sums, number i to sum i mod 8. What the difference d = x − m loses,
// ε = (x − (d − (d − x))) − (m + (d − x)), comes back as p + p·ε where p is not 0.
func softmax() {
	args := []argument{{"dst", "DI"}, {"x", "SI"}, {"n", "CX"}, {"acc", "AX"}, {"m", "Y13"}}
	function("softmaxVec", args, func() {
		keep(low, "Y15")
		keep(high, "Y14")
		p("\tVMOVUPD (AX), Y11")
		if !now.wide() {
			p("\tVMOVUPD 32(AX), Y12")
		}
	}, func() {
		load("(SI)", "Y5")
		p("\tVSUBPS Y13, Y5, Y0")
		compare(13, "Y15", "Y0", "M6") // d ≥ low
		p("\tVSUBPS Y5, Y0, Y8\n\tVSUBPS Y8, Y0, Y7\n\tVSUBPS Y7, Y5, Y5\n\tVADDPS Y8, Y13, Y8\n\tVSUBPS Y8, Y5, Y5")
		only("M6", "Y5", "Y5")
		exp(false)
		p("\tVFMADD231PS Y5, Y0, Y0")
		store("Y0", "(DI)")
		if tail { // what is not there adds nothing
			p("\tVMOVAPS.Z Y0, K7, Y0")
		}
		halves("Y0", "1", "2")
		if now.wide() {
			p("\tVADDPD Y1, Y11, Y11\n\tVADDPD Y2, Y11, Y11")
		} else {
			p("\tVADDPD Y1, Y11, Y11\n\tVADDPD Y2, Y12, Y12")
		}
	}, func() {
		p("\tMOVQ acc+24(FP), AX\n\tVMOVUPD Y11, (AX)")
		if !now.wide() {
			p("\tVMOVUPD Y12, 32(AX)")
		}
	})
}

// halves converts the halves of a register of float32 to float64, in two registers; it may change that.
func halves(from, low, high string) {
	n := from[1:]
	if now.wide() {
		out.WriteString(fmt.Sprintf("\tVCVTPS2PD Y%s, Z%s\n\tVEXTRACTF32X8 $1, Z%s, Y%s\n\tVCVTPS2PD Y%s, Z%s\n", n, low, n, n, n, high))
		return
	}
	p("\tVCVTPS2PD X%s, Y%s\n\tVEXTRACTF128 $1, Y%s, X%s\n\tVCVTPS2PD X%s, Y%s", n, low, n, n, n, high)
}

// norm normalises numbers with the mean and the inverse deviation at AX, in float64 and rounded; then they are scaled, and biased.
func norm(name string, bias bool) {
	args := []argument{{"dst", "DI"}, {"x", "SI"}, {"scale", "BX"}}
	if bias {
		args = append(args, argument{"bias", "DX"})
	}
	function(name, append(args, argument{"moments", "AX"}, argument{"n", "CX"}), func() { p("\tVBROADCASTSD (AX), Y15\n\tVBROADCASTSD 8(AX), Y14") }, func() {
		load("(SI)", "Y0")
		halves("Y0", "1", "2")
		for _, y := range []int{1, 2} {
			p("\tVSUBPD Y15, Y%d, Y%d\n\tVMULPD Y14, Y%d, Y%d", y, y, y, y)
		}
		if now.wide() {
			out.WriteString("\tVCVTPD2PS Z1, Y1\n\tVCVTPD2PS Z2, Y2\n\tVINSERTF32X8 $1, Y2, Z1, Z0\n")
		} else {
			p("\tVCVTPD2PSY Y1, X1\n\tVCVTPD2PSY Y2, X2\n\tVINSERTF128 $1, X2, Y1, Y0")
		}
		if bias {
			load("(BX)", "Y2")
			p("\tVFMADD213PS %s, Y2, Y0", in("(DX)"))
		} else {
			p("\tVMULPS %s, Y0, Y0", in("(BX)"))
		}
		store("Y0", "(DI)")
	}, nil)
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
