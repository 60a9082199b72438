package main

import "fmt"

// packs are the copies into panels, as they stand and transposed.
func packs() {
	strips()
	for _, t := range []tier{avx2, avx512} {
		t.spread()
		t.rowsOf()
		t.turn()
	}
	slidingMasks()
}

// spread copies rows of so many pairs of vectors, row by row as they lie, to places step apart for the pairs and dstRow for the rows. It asks for rows to come.
func (t tier) spread() {
	p("// func spread%s(dst, src *float32, rows, srcRow, dstRow, pairs, step int)", t.name)
	p("TEXT ·spread%s(SB), NOSPLIT, $0-56", t.name)
	for i, a := range [][2]string{{"dst", "DI"}, {"src", "SI"}, {"rows", "CX"}, {"srcRow", "R8"}, {"dstRow", "R9"}, {"pairs", "R10"}, {"step", "R11"}} {
		p("\tMOVQ %s+%d(FP), %s", a[0], 8*i, a[1])
	}
	b := 4 * t.lanes
	p("\tSHLQ $2, R8\n\tSHLQ $2, R9\n\tSHLQ $2, R11\nrow:\n\tMOVQ SI, AX\n\tMOVQ DI, BX\n\tMOVQ R10, DX\npair:")
	p("\tVMOVUPS (AX), %s0\n\tVMOVUPS %d(AX), %s1\n\tPREFETCHT0 (AX)(R8*4)", t.reg, b, t.reg)
	if t.lanes == 16 {
		p("\tPREFETCHT0 64(AX)(R8*4)")
	}
	p("\tVMOVUPS %s0, (BX)\n\tVMOVUPS %s1, %d(BX)\n\tADDQ $%d, AX\n\tADDQ R11, BX\n\tDECQ DX\n\tJNZ pair", t.reg, t.reg, b, 2*b)
	p("\tADDQ R8, SI\n\tADDQ R9, DI\n\tDECQ CX\n\tJNZ row\n\tVZEROUPPER\n\tRET\n")
}

// strips copies rows in pieces of as many numbers as the micro-kernel has rows of A, each piece to a strip of its own, step apart. A piece is moved as a whole
// vector: what is too much of it is written over by the next row, so a strip needs room for two numbers more, and a row of the source may be read four numbers
// beyond its pieces.
func strips() {
	arguments("strips256", [2]string{"dst", "DI"}, [2]string{"src", "SI"}, [2]string{"rows", "CX"}, [2]string{"srcRow", "R8"}, [2]string{"strips", "R10"},
		[2]string{"step", "R11"}, [2]string{"piece", "R12"})
	p("\tTESTQ R10, R10\n\tJZ done\n\tSHLQ $2, R8\n\tSHLQ $2, R11\n\tSHLQ $2, R12\nrow:\n\tMOVQ SI, AX\n\tMOVQ DI, BX\n\tMOVQ R10, DX\nstrip:")
	p("\tVMOVUPS (AX), Y0\n\tPREFETCHT0 (AX)(R8*2)\n\tVMOVUPS Y0, (BX)\n\tADDQ R12, AX\n\tADDQ R11, BX\n\tDECQ DX\n\tJNZ strip")
	p("\tADDQ R8, SI\n\tADDQ $%d, DI\n\tDECQ CX\n\tJNZ row\ndone:\n\tVZEROUPPER\n\tRET\n", 4*avx2.rows)
}

// rowsOf copies k rows of one or two vectors, strided, to where they lie one after another; beyond the columns of the last vector it puts zeros.
func (t tier) rowsOf() {
	p("// func rows%s(dst, src *float32, k, srcRow, vectors, last int)\nTEXT ·rows%s(SB), NOSPLIT, $0-48", t.name, t.name)
	p("\tMOVQ dst+0(FP), DI\n\tMOVQ src+8(FP), SI\n\tMOVQ k+16(FP), CX\n\tMOVQ srcRow+24(FP), DX\n\tMOVQ last+40(FP), AX\n\tSHLQ $2, DX")
	bytes := 4 * t.lanes
	load := func(at int) { p("\tVMASKMOVPS %d(SI), Y0, Y2", at) }
	if t.lanes == 16 {
		p("\tMOVQ $-1, BX\n\tBZHIQ AX, BX, BX\n\tKMOVW BX, K1")
		load = func(at int) { p("\tVMOVUPS.Z %d(SI), K1, Z2", at) }
	} else {
		p("\tSHLQ $2, AX\n\tLEAQ masks<>+32(SB), BX\n\tSUBQ AX, BX\n\tVMOVUPS (BX), Y0")
	}
	p("\tCMPQ vectors+32(FP), $1\n\tJEQ one\ntwo:\n\tVMOVUPS (SI), %s1", t.reg)
	load(bytes)
	p("\tVMOVUPS %s1, (DI)\n\tVMOVUPS %s2, %d(DI)\n\tADDQ DX, SI\n\tADDQ $%d, DI\n\tDECQ CX\n\tJNZ two\n\tVZEROUPPER\n\tRET", t.reg, t.reg, bytes, 2*bytes)
	p("one:")
	load(0)
	p("\tVMOVUPS %s2, (DI)\n\tADDQ DX, SI\n\tADDQ $%d, DI\n\tDECQ CX\n\tJNZ one\n\tVZEROUPPER\n\tRET\n", t.reg, bytes)
}

// turn writes the transpose of as many rows as a vector has lanes, of k numbers, a multiple of that. Fourths of rows i, i+4, … come into one register; four such
// registers are transposed within their fourths.
func (t tier) turn() {
	arguments("turn"+t.name, [2]string{"dst", "DI"}, [2]string{"src", "SI"}, [2]string{"k", "CX"}, [2]string{"srcRow", "R8"}, [2]string{"dstRow", "DX"})
	p("\tSHLQ $2, R8\n\tSHLQ $2, DX\n\tLEAQ (R8)(R8*2), R10\n\tLEAQ (R8)(R8*4), R11\n\tLEAQ (R8)(R10*2), R9\n\tLEAQ (SI)(R11*1), R12") // 3, 5 and 7 rows
	row := []string{"(SI)", "(SI)(R8*1)", "(SI)(R8*2)", "(SI)(R10*1)", "(SI)(R8*4)", "(R12)", "(SI)(R10*2)", "(R12)(R8*2)", "(SI)(R8*8)", "(R12)(R8*4)",
		"(R12)(R11*1)", "(R12)(R10*2)", "(SI)(R10*4)", "(R12)(R8*8)", "(SI)(R9*2)", "(R12)(R11*2)"}
	for q := 1; q < 4 && t.lanes == 16; q++ {
		p("\tMOVL $%d, AX\n\tKMOVW AX, K%d", 15<<(4*q), q)
	}
	p("loop:")
	for fourth := range t.lanes / 4 {
		for i := range 4 {
			p("\tVMOVUPS %d%s, X%d", 16*fourth, row[i], i)
			for q := 1; q < t.lanes/4; q++ {
				from := fmt.Sprintf("%d%s", 16*fourth, row[4*q+i])
				if t.lanes == 16 {
					p("\tVBROADCASTF32X4 %s, K%d, Z%d", from, q, i)
				} else {
					p("\tVINSERTF128 $1, %s, Y%d, Y%d", from, i, i)
				}
			}
		}
		r := t.reg
		for i := 0; i < 4; i += 2 { // 4, 5: numbers 0, 1 and 2, 3 of rows 0, 1; 6, 7 of rows 2, 3
			p("\tVUNPCKLPS %s%d, %s%d, %s%d\n\tVUNPCKHPS %s%d, %s%d, %s%d", r, i+1, r, i, r, 4+i, r, i+1, r, i, r, 5+i)
		}
		for i := range 2 {
			p("\tVUNPCKLPD %s%d, %s%d, %s%d\n\tVMOVUPS %s%d, (DI)\n\tADDQ DX, DI", r, 6+i, r, 4+i, r, i, r, i)
			p("\tVUNPCKHPD %s%d, %s%d, %s%d\n\tVMOVUPS %s%d, (DI)\n\tADDQ DX, DI", r, 6+i, r, 4+i, r, i, r, i)
		}
	}
	p("\tADDQ $%d, SI\n\tADDQ $%d, R12\n\tSUBQ $%d, CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET\n", 4*t.lanes, 4*t.lanes, t.lanes)
}

// slidingMasks are bits from which a load some way before the middle gives a vector whose first lanes are set.
func slidingMasks() {
	for i := range 16 {
		p("DATA masks<>+%d(SB)/4, $%d", 4*i, []int{-1, 0}[i/8])
	}
	p("GLOBL masks<>(SB), RODATA|NOPTR, $64")
}
