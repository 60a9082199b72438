package main

import "fmt"

// products are the micro-kernels of matrix products: a function for each tier, which jumps to the kernel of so many rows and vectors.
func products() {
	for _, t := range []tier{avx2, avx512} {
		p("// func product%s(t *tile, kind int)\nTEXT ·product%s(SB), NOSPLIT, $0-16", t.name, t.name)
		p("\tMOVQ t+0(FP), AX\n\tMOVQ kind+8(FP), CX\n\tLEAQ products%s<>(SB), DX\n\tMOVQ (DX)(CX*8), DX\n\tJMP DX\n", t.name)
		for kind, s := range t.shapes() {
			t.product(s)
			p("DATA products%s<>+%d(SB)/8, $%s<>(SB)\n", t.name, 8*kind, t.kernel(s))
		}
		p("GLOBL products%s<>(SB), RODATA, $%d\n", t.name, 8*len(t.shapes()))
	}
	slidingMasks()
}

// kernelShape is the shape of a micro-kernel: rows of A, vectors of B, and whether it lays out the rows of B that it reads.
type kernelShape struct {
	rows, vectors int
	keeps         bool
}

// shapes are those of the kernels in the order of their kinds: one vector and 1 to t.rows rows, two vectors, a few rows by several panels, and, with AVX2,
// those that lay out B, of the rows that the first of several parts has.
func (t tier) shapes() (list []kernelShape) {
	for vectors := 1; vectors <= 2; vectors++ {
		for rows := 1; rows <= t.rows; rows++ {
			list = append(list, kernelShape{rows, vectors, false})
		}
	}
	list = append(list, kernelShape{1, 4, false}, kernelShape{2, 4, false}, kernelShape{1, 8, false})
	for rows := t.rows/2 + 1; rows <= t.rows && t.lanes == avx2.lanes; rows++ {
		list = append(list, kernelShape{rows, 2, true})
	}
	return list
}

func (t tier) kernel(s kernelShape) string {
	name := fmt.Sprintf("product%sx%dx%d", t.name, s.rows, s.vectors)
	if s.keeps {
		name += "keep"
	}
	return name
}

// Offsets of the fields of tile.
const (
	tileK = 8 * iota
	tileA
	tileARow
	tileACol
	tileB
	tileBRow
	tilePanel
	tileC
	tileCRow
	tileFrom
	tileFromRow
	tileLast
	tileKeep
	tileStep
	tileCount
	tileAhead
	tileLines
)

// product writes to rows of C the sum of rows of from and rows of A times columns of B, both strided; see tile, to which AX points.
func (t tier) product(s kernelShape) {
	rows, vectors := s.rows, s.vectors
	p("TEXT %s<>(SB), NOSPLIT, $0-16", t.kernel(s))
	if t.repeats() {
		p("again:")
	}
	bytes := 4 * t.lanes
	load := func(offset int, register string) { p("\tMOVQ %d(AX), %s", offset, register) }
	strides := func(list ...string) {
		for _, r := range list {
			p("\tSHLQ $2, %s", r)
		}
	}
	load(tileK, "CX")
	load(tileA, "SI")
	load(tileARow, "R8")
	load(tileACol, "R9")
	load(tileB, "BX")
	load(tileBRow, "R13")
	strides("R8", "R9", "R13")
	p("\tLEAQ (R8)(R8*2), R10\n\tLEAQ (R8)(R8*4), R11\n\tLEAQ (SI)(R11*1), R12") // 3 and 5 rows; the sixth row
	address := []string{"(SI)", "(SI)(R8*1)", "(SI)(R8*2)", "(SI)(R10*1)", "(SI)(R8*4)", "(R12)", "(SI)(R10*2)", "(R12)(R8*2)", "(SI)(R8*8)", "(R12)(R8*4)",
		"(R12)(R11*1)", "(R12)(R10*2)", "(SI)(R10*4)", "(R12)(R8*8)"}
	column := func(v int) string {
		return fmt.Sprintf("%d(BX)%s", v%2*bytes, []string{"", "(DX*1)", "(DX*2)", "(R14*1)"}[v/2])
	}
	if vectors > 2 {
		load(tilePanel, "DX")
		strides("DX")
		p("\tLEAQ (DX)(DX*2), R14")
	}
	if s.keeps {
		load(tileKeep, "R14")
	}
	inMemory := rows == 1 // a vector of B is used once
	first := 2            // the first accumulator
	if !inMemory {
		first += vectors
	}
	acc := func(row, v int) int { return first + row*vectors + v }
	if vectors == 2 && t.lanes == 8 && !s.keeps {
		load(tileLines, "DX")
		p("\tTESTQ DX, DX\n\tJZ here")
		load(tileAhead, "DI")
		p("\tADDQ BX, DI\nahead:\n\tPREFETCHT1 (DI)\n\tADDQ $64, DI\n\tDECQ DX\n\tJNZ ahead\n\tSUBQ BX, DI\n\tMOVQ DI, %d(AX)\nhere:", tileAhead)
	}
	if vectors <= 2 && t.lanes == 8 {
		load(tileC, "DI")
		load(tileCRow, "DX")
		strides("DX")
		for r := range rows {
			p("\tPREFETCHT0 (DI)")
			if r < rows-1 {
				p("\tADDQ DX, DI")
			}
		}
	}
	for i := first; i < first+rows*vectors; i++ {
		p("\tVXORPS Y%d, Y%d, Y%d", i, i, i)
	}
	step := func() {
		for v := range vectors {
			if !inMemory {
				p("\tVMOVUPS %s, %s%d", column(v), t.reg, 2+v)
			}
			if s.keeps {
				p("\tVMOVUPS %s%d, %d(R14)", t.reg, 2+v, v*bytes)
			}
			if s.keeps && v == 0 {
				p("\tPREFETCHT0 (BX)(R13*8)")
			}
		}
		for r := range rows {
			p("\tVBROADCASTSS %s, %s%d", address[r], t.reg, r%2)
			for v := range vectors {
				b := column(v)
				if !inMemory {
					b = fmt.Sprintf("%s%d", t.reg, 2+v)
				}
				p("\tVFMADD231PS %s, %s%d, %s%d", b, t.reg, r%2, t.reg, acc(r, v))
			}
		}
		p("\tADDQ R9, SI\n\tADDQ R13, BX")
		if rows > 5 {
			p("\tADDQ R9, R12")
		}
		if s.keeps {
			p("\tADDQ $%d, R14", vectors*bytes)
		}
	}
	const unroll = 4
	p("\tSUBQ $%d, CX\n\tJLT rest\nfour:", unroll)
	for range unroll {
		step()
	}
	p("\tSUBQ $%d, CX\n\tJGE four\nrest:\n\tADDQ $%d, CX\n\tJZ done\none:", unroll, unroll)
	step()
	p("\tDECQ CX\n\tJNZ one\ndone:")
	load(tileC, "DI")
	load(tileCRow, "DX")
	load(tileFrom, "SI")
	load(tileFromRow, "R8")
	load(tileLast, "CX")
	strides("DX", "R8")
	t.store(rows, vectors, acc)
	t.finish()
}

// repeats reports that a kernel does a number of tiles one below another.
func (t tier) repeats() bool { return t.lanes == avx2.lanes }

// finish goes on to the rows below, if there are more tiles to do.
func (t tier) finish() {
	if t.repeats() {
		p("\tDECQ %d(AX)\n\tJZ last\n\tADDQ DX, DI\n\tADDQ R8, SI\n\tMOVQ DI, %d(AX)\n\tMOVQ SI, %d(AX)", tileCount, tileC, tileFrom)
		p("\tMOVQ %d(AX), CX\n\tADDQ CX, %d(AX)\n\tJMP again\nlast:", tileStep, tileA)
	}
	p("\tVZEROUPPER\n\tRET\n")
}

// store adds rows of from to the accumulators and writes them; the last vector has as many columns as CX says.
func (t tier) store(rows, vectors int, acc func(row, v int) int) {
	bytes := 4 * t.lanes
	if t.lanes == 16 {
		p("\tMOVQ $-1, AX\n\tBZHIQ CX, AX, AX\n\tKMOVW AX, K1")
	} else {
		p("\tCMPQ CX, $8\n\tJNE narrow")
	}
	whole := func(masked bool) {
		for r := range rows {
			for v := range vectors {
				a := acc(r, v)
				switch {
				case v < vectors-1 || !masked:
					p("\tVADDPS %d(SI), %s%d, %s%d\n\tVMOVUPS %s%d, %d(DI)", v*bytes, t.reg, a, t.reg, a, t.reg, a, v*bytes)
				case t.lanes == 16:
					p("\tVADDPS %d(SI), Z%d, K1, Z%d\n\tVMOVUPS Z%d, K1, %d(DI)", v*bytes, a, a, a, v*bytes)
				default:
					p("\tVMASKMOVPS %d(SI), Y0, Y1\n\tVADDPS Y1, Y%d, Y%d\n\tVMASKMOVPS Y%d, Y0, %d(DI)", v*bytes, a, a, a, v*bytes)
				}
			}
			if r < rows-1 {
				p("\tADDQ DX, DI\n\tADDQ R8, SI")
			}
		}
	}
	if t.lanes == 16 {
		whole(true)
		return
	}
	whole(false)
	p("\tJMP written\nnarrow:\n\tSHLQ $2, CX\n\tLEAQ masks<>+32(SB), R9\n\tSUBQ CX, R9\n\tVMOVUPS (R9), Y0")
	whole(true)
	p("written:")
}
