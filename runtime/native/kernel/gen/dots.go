package main

import "fmt"

// thin is the number of columns up to which a product goes by dots.
const thin = 4

// dots are kernels of narrow products: a few rows of A times 1 to thin columns, both read along k. For each tier: many rows at a time, and one.
func dots() {
	for _, t := range []tier{avx2, avx512} {
		p("// func dots%s(t *tile, kind int)\nTEXT ·dots%s(SB), NOSPLIT, $0-16", t.name, t.name)
		p("\tMOVQ t+0(FP), AX\n\tMOVQ kind+8(FP), CX\n\tLEAQ dots%s<>(SB), DX\n\tMOVQ (DX)(CX*8), DX\n\tJMP DX\n", t.name)
		kind := 0
		for _, rows := range []int{1, t.lanes / 4} {
			for cols := 1; cols <= thin; cols++ {
				t.dot(rows, cols)
				p("DATA dots%s<>+%d(SB)/8, $dots%sx%dx%d<>(SB)\n", t.name, 8*kind, t.name, rows, cols)
				kind++
			}
		}
		p("GLOBL dots%s<>(SB), RODATA, $%d\n", t.name, 8*kind)
	}
	slidingMasks()
}

// dot writes to a block of C the sum of from and rows of A times columns of B, whose numbers lie one after another; rows of A and of from are tile's, the
// columns are bPanel apart. last is k modulo the lanes of a vector, or all of them. Each sum has as many parts as lanes, number i going to part i
// modulo that.
func (t tier) dot(rows, cols int) {
	p("TEXT dots%sx%dx%d<>(SB), NOSPLIT, $0-16", t.name, rows, cols)
	for _, f := range []struct {
		offset   int
		register string
	}{{tileK, "CX"}, {tileA, "SI"}, {tileARow, "R8"}, {tileB, "BX"}, {tilePanel, "R10"}, {tileLast, "R14"}} {
		p("\tMOVQ %d(AX), %s", f.offset, f.register)
	}
	p("\tSHLQ $2, R8\n\tSHLQ $2, R10\n\tLEAQ (R8)(R8*2), R9\n\tLEAQ (R10)(R10*2), R11")
	row := []string{"(SI)", "(SI)(R8*1)", "(SI)(R8*2)", "(SI)(R9*1)"}
	column := []string{"(BX)", "(BX)(R10*1)", "(BX)(R10*2)", "(BX)(R11*1)"}
	reg := func(i int) string { return fmt.Sprintf("%s%d", t.reg, i) }
	sum := func(r, c int) string { return reg(rows + 2 + c*rows + r) }
	for i := range rows * cols {
		p("\tVXORPS Y%d, Y%d, Y%d", rows+2+i, rows+2+i, rows+2+i)
	}
	load := func(from, to string) { p("\tVMOVUPS %s, %s", from, to) }
	step := func() {
		for r := range rows {
			load(row[r], reg(r))
		}
		for c := range cols {
			load(column[c], reg(rows))
			for r := range rows {
				p("\tVFMADD231PS %s, %s, %s", reg(rows), reg(r), sum(r, c))
			}
		}
	}
	p("\tSUBQ R14, CX\n\tJZ last\nloop:")
	step()
	p("\tADDQ $%d, SI\n\tADDQ $%d, BX\n\tSUBQ $%d, CX\n\tJNZ loop\nlast:", 4*t.lanes, 4*t.lanes, t.lanes)
	if t.wide() {
		p("\tMOVL $-1, CX\n\tBZHIL R14, CX, CX\n\tKMOVW CX, K1")
		load = func(from, to string) { p("\tVMOVUPS.Z %s, K1, %s", from, to) }
	} else {
		p("\tSHLQ $2, R14\n\tLEAQ masks<>+32(SB), CX\n\tSUBQ R14, CX\n\tVMOVUPS (CX), %s", reg(rows+1))
		load = func(from, to string) { p("\tVMASKMOVPS %s, %s, %s", from, reg(rows+1), to) }
	}
	step()
	p("\tMOVQ %d(AX), DI\n\tMOVQ %d(AX), DX\n\tMOVQ %d(AX), R12\n\tMOVQ %d(AX), R13\n\tSHLQ $2, DX\n\tSHLQ $2, R13", tileC, tileCRow, tileFrom, tileFromRow)
	p("\tLEAQ (DX)(DX*2), R9\n\tLEAQ (R13)(R13*2), R11")
	to := []string{"(DI)", "(DI)(DX*1)", "(DI)(DX*2)", "(DI)(R9*1)"}
	from := []string{"(R12)", "(R12)(R13*1)", "(R12)(R13*2)", "(R12)(R11*1)"}
	for at := 0; at < rows*cols; at += 4 {
		t.fold(rows+2+at, min(4, rows*cols-at))
		for i := at; i < min(at+4, rows*cols); i++ {
			p("\tVADDSS %d%s, X0, X1\n\tVMOVSS X1, %d%s", i/rows*4, from[i%rows], i/rows*4, to[i%rows])
			if i < at+3 {
				p("\tVPERMILPS $0x39, X0, X0")
			}
		}
	}
	p("\tVZEROUPPER\n\tRET\n")
}

// fold leaves in X0 the sums of the numbers of up to four registers from first on, using registers 0 and 1.
func (t tier) fold(first, count int) {
	r := func(i int) string { return fmt.Sprintf("%s%d", t.reg, i) }
	at := func(i int) string { return r(first + min(i, count-1)) }
	for i := range 2 {
		p("\tVUNPCKHPS %s, %s, %s\n\tVUNPCKLPS %s, %s, %s\n\tVADDPS %s, %s, %s", at(2*i+1), at(2*i), r(i), at(2*i+1), at(2*i), at(2*i), r(i), at(2*i), r(i))
	}
	p("\tVUNPCKHPD %s, %s, %s\n\tVUNPCKLPD %s, %s, %s\n\tVADDPS %s, %s, %s", r(1), r(0), at(0), r(1), r(0), r(0), at(0), r(0), r(0))
	if t.wide() {
		p("\tVEXTRACTF64X4 $1, Z0, Y1\n\tVADDPS Y1, Y0, Y0")
	}
	p("\tVEXTRACTF128 $1, Y0, X1\n\tVADDPS X1, X0, X0")
}
