package main

// probes are loops of multiply-adds on registers alone: twelve sums for each tier hide their latency on two pipes.
func probes() {
	for _, t := range []tier{avx2, avx512} {
		p("// func probe%s(turns int)\n//\n// Each turn adds 1·1 to twelve registers: no number is denormal, none waits for another, nothing touches memory.", t.name)
		p("TEXT ·probe%s(SB), NOSPLIT, $0-8\n\tMOVQ turns+0(FP), CX", t.name)
		for i := range 12 {
			p("\tVXORPS Y%d, Y%d, Y%d", i, i, i)
		}
		p("\tMOVL $0x%08x, AX\n\tVMOVD AX, X12\n\tVBROADCASTSS X12, %s12\n\tVMOVAPS %s12, %s13\nturn:", bits(1), t.reg, t.reg, t.reg)
		for i := range 12 {
			p("\tVFMADD231PS %s12, %s13, %s%d", t.reg, t.reg, t.reg, i)
		}
		p("\tDECQ CX\n\tJNZ turn\n\tVZEROUPPER\n\tRET\n")
	}
}
