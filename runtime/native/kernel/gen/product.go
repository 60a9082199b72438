package main

// products are the micro-kernels of matrix products, for one to six rows.
func products() {
	for rows := 1; rows <= 6; rows++ {
		product(rows)
	}
}

// product writes to rows of C the sum of rows of from and rows of A (strided) times a panel of B (k rows of 16 packed numbers).
func product(rows int) {
	p("// func product%d(k int, a *float32, aRow, aCol int, b, c *float32, cRow int, from *float32, fromRow int)", rows)
	p("TEXT ·product%d(SB), NOSPLIT, $0-72", rows)
	for i, arg := range [][2]string{{"k", "CX"}, {"a", "SI"}, {"aRow", "R8"}, {"aCol", "R9"}, {"b", "BX"}, {"c", "DI"}, {"cRow", "DX"}, {"from", "R12"}, {"fromRow", "R13"}} {
		p("\tMOVQ %s+%d(FP), %s", arg[0], 8*i, arg[1])
	}
	p("\tSHLQ $2, R8\n\tSHLQ $2, R9\n\tSHLQ $2, DX\n\tSHLQ $2, R13")
	p("\tLEAQ (R8)(R8*2), R10\n\tLEAQ (R8)(R8*4), R11") // 3 and 5 rows
	address := []string{"(SI)", "(SI)(R8*1)", "(SI)(R8*2)", "(SI)(R10*1)", "(SI)(R8*4)", "(SI)(R11*1)"}
	for i := range 2 * rows {
		p("\tVXORPS Y%d, Y%d, Y%d", 4+i, 4+i, 4+i)
	}
	step := func(at int) {
		p("\tVMOVUPS %d(BX), Y0\n\tVMOVUPS %d(BX), Y1", at, at+32)
		for r := range rows {
			p("\tVBROADCASTSS %s, Y%d", address[r], 2+r%2)
			p("\tVFMADD231PS Y0, Y%d, Y%d\n\tVFMADD231PS Y1, Y%d, Y%d", 2+r%2, 4+2*r, 2+r%2, 5+2*r)
		}
		p("\tADDQ R9, SI")
	}
	p("\tMOVQ CX, AX\n\tSHRQ $2, AX\n\tJZ rest")
	p("four:")
	for i := range 4 {
		step(64 * i)
	}
	p("\tADDQ $256, BX\n\tDECQ AX\n\tJNZ four")
	p("rest:\n\tANDQ $3, CX\n\tJZ done")
	p("one:")
	step(0)
	p("\tADDQ $64, BX\n\tDECQ CX\n\tJNZ one")
	p("done:")
	for r := range rows {
		p("\tVADDPS (R12), Y%d, Y%d\n\tVADDPS 32(R12), Y%d, Y%d", 4+2*r, 4+2*r, 5+2*r, 5+2*r)
		p("\tVMOVUPS Y%d, (DI)\n\tVMOVUPS Y%d, 32(DI)", 4+2*r, 5+2*r)
		if r < rows-1 {
			p("\tADDQ DX, DI\n\tADDQ R13, R12")
		}
	}
	p("\tVZEROUPPER\n\tRET\n")
}
