package main

// neon is the tile of products on arm64: eight rows of two vectors in V16 to V31, a column of A in V0 and V1, a row of B in V2 and V3. The assembler lacks the
// multiplication by one number of a vector, which is written as the word that it is.
func neon() {
	const rows, cols = 8, 2
	p("\n// func tile8x8(k int, a, b, c *float32)\nTEXT ·tile8x8(SB), NOSPLIT, $0-32")
	p("\tMOVD k+0(FP), R0\n\tMOVD a+8(FP), R1\n\tMOVD b+16(FP), R2\n\tMOVD c+24(FP), R3\n\tMOVD R3, R4")
	tile := func(line string) {
		for v := 16; v < 32; v += 4 {
			p(line, v, v+1, v+2, v+3)
		}
	}
	tile("\tVLD1.P 64(R4), [V%d.S4, V%d.S4, V%d.S4, V%d.S4]")
	p("loop:\n\tVLD1.P 32(R1), [V0.S4, V1.S4]\n\tVLD1.P 32(R2), [V2.S4, V3.S4]")
	for i := range rows {
		for j := range cols {
			d := 16 + cols*i + j
			p("\tWORD $0x%08x // FMLA V%d.4S, V%d.4S, V%d.S[%d]", fmla(d, 2+j, i/4, i%4), d, 2+j, i/4, i%4)
		}
	}
	p("\tSUBS $1, R0, R0\n\tBNE loop")
	tile("\tVST1.P [V%d.S4, V%d.S4, V%d.S4, V%d.S4], 64(R3)")
	p("\tRET")
}

// fmla encodes Vd.4S += Vn.4S · Vm.S[index].
func fmla(d, n, m, index int) uint32 {
	return 0x4f801000 | uint32(index&1)<<21 | uint32(m)<<16 | uint32(index>>1)<<11 | uint32(n)<<5 | uint32(d)
}
