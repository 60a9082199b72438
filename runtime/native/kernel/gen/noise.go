package main

import (
	"math"
	"strings"
)

// noise are the vector forms of package noise: counters go through Threefry-2x32-20 sixteen at a time, as two vectors that hide each other's latency.
// Lane i of turn k has the counter (lo + (16k+i)·loStep, hi + (16k+i)·hiStep), each word modulo 2³².
func noise() {
	counters("wordsVec", [][2]string{{"w0", "DI"}, {"w1", "SI"}}, "order", func() {
		p("loop:")
		threefry()
		p("\tVMOVDQU Y0, (DI)\n\tVMOVDQU Y2, 32(DI)\n\tVMOVDQU Y1, (SI)\n\tVMOVDQU Y3, 32(SI)")
		p("\tADDQ $64, DI\n\tADDQ $64, SI\n\tDECQ CX\n\tJNZ loop")
	})
	counters("uniformsVec", [][2]string{{"dst", "DI"}}, "order", func() {
		p("loop:")
		threefry()
		for i, y := range []int{0, 2} {
			p("\tVPSRLD $8, Y%d, Y%d\n\tVCVTDQ2PS Y%d, Y%d\n\tVMULPS %s, Y%d, Y%d", y, y, y, y, constant(bits(0x1p-24)), y, y)
			p("\tVMOVUPS Y%d, %d(DI)", y, 32*i)
		}
		p("\tADDQ $64, DI\n\tDECQ CX\n\tJNZ loop")
	})
	// Words and normals are both long chains: a turn makes normals of the words of the turn before, between the rounds that make the next.
	counters("normalsVec", [][2]string{{"dst", "DI"}}, "pairs", func() {
		keep := func() {
			for i := range 4 {
				p("\tVMOVDQU Y%d, %d(SP)", i, words+32*i)
			}
		}
		normals := func() {
			boxMuller(words, 0)
			boxMuller(words+64, 64)
		}
		threefry()
		keep()
		p("\tDECQ CX\n\tJZ last\nloop:")
		between(normals, threefry)
		keep()
		p("\tADDQ $128, DI\n\tDECQ CX\n\tJNZ loop\nlast:")
		normals()
	})
	lanes("order", []int{0, 1, 2, 3, 4, 5, 6, 7})
	lanes("pairs", []int{0, 1, 4, 5, 2, 3, 6, 7}) // after interleaving within halves of a register the pairs stand in order
	rotation("left16", 16)
	rotation("left24", 24)
}

// between prints the lines of two functions that share no register, in step.
func between(f, g func()) {
	before := out.String()
	lines := func(f func()) []string {
		out.Reset()
		f()
		return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	}
	x, y := lines(f), lines(g)
	out.Reset()
	out.WriteString(before)
	for i, j := 0, 0; i < len(x) || j < len(y); {
		if i*len(y) <= j*len(x) && i < len(x) {
			p("%s", x[i])
			i++
		} else {
			p("%s", y[j])
			j++
		}
	}
}

// lanes holds eight different numbers.
func lanes(name string, v []int) {
	for i, n := range v {
		p("DATA ·%s<>+%d(SB)/4, $%d", name, 4*i, n)
	}
	p("GLOBL ·%s<>(SB), RODATA|NOPTR, $32", name)
}

// rotation holds the bytes' places of a rotation to the left by whole bytes.
func rotation(name string, left int) {
	for i := range 32 {
		p("DATA ·%s<>+%d(SB)/1, $%d", name, i, i%16/4*4+(i-left/8+4)%4)
	}
	p("GLOBL ·%s<>(SB), RODATA|NOPTR, $32", name)
}

// Places on the stack: the key words that join word 1, the steps of eight counters, the counters with the key added, words.
const (
	keys  = 0
	steps = keys + 5*32
	next  = steps + 2*32
	words = next + 2*32
	frame = words + 4*32
)

// counters writes a function of n turns that prepares Y13 to Y15, the words of the key, and the stack.
func counters(name string, results [][2]string, order string, body func()) {
	var list []string
	for _, r := range results {
		list = append(list, r[0])
	}
	kind := map[int]string{1: "float32", 2: "uint32"}[len(results)]
	p("// func %s(%s *%s, n int, k0, k1, lo, hi, loStep, hiStep uint32)", name, strings.Join(list, ", "), kind)
	p("TEXT ·%s(SB), NOSPLIT, $%d-%d", name, frame, 8*len(results)+32)
	at := 0
	for _, r := range append(results, [2]string{"n", "CX"}) {
		p("\tMOVQ %s+%d(FP), %s", r[0], at, r[1])
		at += 8
	}
	for i, arg := range []string{"k0", "k1", "lo", "hi", "loStep", "hiStep"} {
		y := []int{13, 14, 4, 5, 0, 1}[i]
		p("\tMOVL %s+%d(FP), AX\n\tVMOVD AX, X%d\n\tVPBROADCASTD X%d, Y%d", arg, at+4*i, y, y, y)
	}
	p("\tVPXOR Y13, Y14, Y15\n\tVPXOR %s, Y15, Y15", constant(0x1BD11BDA))
	for i, y := range []int{15, 13, 14, 15, 13} {
		p("\tVPADDD %s, Y%d, Y2\n\tVMOVDQU Y2, %d(SP)", constant(uint32(i+1)), y, keys+32*i)
	}
	for i := range 2 {
		p("\tVPMULLD ·%s<>(SB), Y%d, Y2\n\tVPADDD Y2, Y%d, Y%d\n\tVPADDD Y%d, Y%d, Y%d", order, i, 4+i, 4+i, 13+i, 4+i, 4+i)
		p("\tVMOVDQU Y%d, %d(SP)\n\tVPSLLD $3, Y%d, Y%d\n\tVMOVDQU Y%d, %d(SP)", 4+i, next+32*i, i, i, i, steps+32*i)
	}
	body()
	p("\tVZEROUPPER\n\tRET\n")
}

// threefry leaves words 0 of the next sixteen counters in Y0 and Y2, words 1 in Y1 and Y3, using Y11 and Y12.
func threefry() {
	for i := range 2 {
		p("\tVMOVDQU %d(SP), Y%d\n\tVPADDD %d(SP), Y%d, Y%d", next+32*i, i, steps+32*i, i, 2+i)
		p("\tVPADDD %d(SP), Y%d, Y%d\n\tVMOVDQU Y%d, %d(SP)", steps+32*i, 2+i, 11+i, 11+i, next+32*i)
	}
	for i, key := range []int{14, 15, 13, 14, 15} {
		for _, left := range [][]int{{13, 15, 26, 6}, {17, 29, 16, 24}}[i%2] {
			round(left)
		}
		for x := 0; x < 4; x += 2 {
			p("\tVPADDD Y%d, Y%d, Y%d\n\tVPADDD %d(SP), Y%d, Y%d", key, x, x, keys+32*i, x+1, x+1)
		}
	}
}

// round adds word 1 to word 0 and replaces word 1, rotated left, by its sum modulo 2 with that; for both vectors.
func round(left int) {
	p("\tVPADDD Y1, Y0, Y0\n\tVPADDD Y3, Y2, Y2")
	if left%8 == 0 {
		p("\tVPSHUFB ·left%d<>(SB), Y1, Y1\n\tVPSHUFB ·left%d<>(SB), Y3, Y3", left, left)
	} else {
		p("\tVPSLLD $%d, Y1, Y11\n\tVPSLLD $%d, Y3, Y12", left, left)
		p("\tVPSRLD $%d, Y1, Y1\n\tVPSRLD $%d, Y3, Y3", 32-left, 32-left)
		p("\tVPOR Y11, Y1, Y1\n\tVPOR Y12, Y3, Y3")
	}
	p("\tVPXOR Y0, Y1, Y1\n\tVPXOR Y2, Y3, Y3")
}

// boxMuller stores at an offset from DI the eight pairs of normals of words that lie at w of the stack, using Y4 to Y10.
func boxMuller(w, at int) {
	p("\tVMOVDQU %d(SP), Y9\n\tVPSRLD $8, Y9, Y9\n\tVPADDD %s, Y9, Y9\n\tVCVTDQ2PS Y9, Y9", w, constant(1))
	p("\tVPSUBD %s, Y9, Y9", constant(24<<23)) // u: 2⁻²⁴ is taken off the exponent
	logarithm(-2)
	p("\tVSQRTPS Y9, Y10")
	p("\tVMOVDQU %d(SP), Y9\n\tVPSRLD $8, Y9, Y9\n\tVCVTDQ2PS Y9, Y9\n\tVMULPS %s, Y9, Y9", w+32, constant(bits(float64(float32(2*math.Pi))*0x1p-24)))
	quarters()
	reduce(2)
	sinCos(true, true)
	p("\tVMULPS Y10, Y7, Y7\n\tVMULPS Y10, Y8, Y8")
	p("\tVUNPCKLPS Y7, Y8, Y4\n\tVUNPCKHPS Y7, Y8, Y5\n\tVMOVUPS Y4, %d(DI)\n\tVMOVUPS Y5, %d(DI)", at, at+32)
}
