package main

import (
	"fmt"
	"math"
	"strings"
)

// noise are the vector forms of package noise: counters go through Threefry-2x32-20 as two vectors at a time that hide each other's latency.
// Lane i of turn k, of group counters, has the counter (lo + (k·group+i)·loStep, hi + (k·group+i)·hiStep), each word modulo 2³².
func noise() {
	counters("wordsVec", [][2]string{{"w0", "DI"}, {"w1", "SI"}}, "order", func() {
		p("loop:")
		threefry()
		p("\tVMOVDQU Y0, (DI)\n\tVMOVDQU Y2, %d(DI)\n\tVMOVDQU Y1, (SI)\n\tVMOVDQU Y3, %d(SI)", bytes(), bytes())
		p("\tADDQ $%d, DI\n\tADDQ $%d, SI\n\tDECQ CX\n\tJNZ loop", 2*bytes(), 2*bytes())
	})
	counters("uniformsVec", [][2]string{{"dst", "DI"}}, "order", func() {
		p("loop:")
		threefry()
		for i, y := range []int{0, 2} {
			p("\tVPSRLD $8, Y%d, Y%d\n\tVCVTDQ2PS Y%d, Y%d\n\tVMULPS %s, Y%d, Y%d", y, y, y, y, constant(bits(0x1p-24)), y, y)
			p("\tVMOVUPS Y%d, %d(DI)", y, bytes()*i)
		}
		p("\tADDQ $%d, DI\n\tDECQ CX\n\tJNZ loop", 2*bytes())
	})
	// Words and normals are both long chains: a turn makes normals of the words of the turn before, between the rounds that make the next.
	counters("normalsVec", [][2]string{{"dst", "DI"}}, "pairs", func() {
		keep := func() {
			for i := range 4 {
				p("\tVMOVDQU Y%d, %s", i, slot(words+i))
			}
		}
		normals := func() {
			boxMuller(words, 0)
			boxMuller(words+2, 2)
		}
		threefry()
		keep()
		p("\tDECQ CX\n\tJZ last\nloop:")
		between(normals, threefry)
		keep()
		p("\tADDQ $%d, DI\n\tDECQ CX\n\tJNZ loop\nlast:", 4*bytes())
		normals()
	})
	for _, t := range []tier{avx2, avx512} {
		order, pairs := make([]int, t.lanes), make([]int, t.lanes)
		for i := range order {
			order[i], pairs[i] = i, i/4*2+i%2+i%4/2*t.lanes/2 // after interleaving within fours of a register the pairs stand in order
		}
		lanes("order"+t.name, order)
		lanes("pairs"+t.name, pairs)
	}
	rotation("left16", 16)
	rotation("left24", 24)
}

// between prints the lines of two functions that share no register, in step.
func between(f, g func()) {
	lines := func(f func()) []string { return strings.Split(strings.TrimSuffix(printed(f), "\n"), "\n") }
	x, y := lines(f), lines(g)
	for i, j := 0, 0; i < len(x) || j < len(y); {
		if i*len(y) <= j*len(x) && i < len(x) {
			out.WriteString(x[i] + "\n")
			i++
		} else {
			out.WriteString(y[j] + "\n")
			j++
		}
	}
}

// lanes holds different numbers.
func lanes(name string, v []int) {
	for i, n := range v {
		p("DATA ·%s<>+%d(SB)/4, $%d", name, 4*i, n)
	}
	p("GLOBL ·%s<>(SB), RODATA|NOPTR, $%d", name, 4*len(v))
}

// rotation holds the bytes' places of a rotation to the left by whole bytes.
func rotation(name string, left int) {
	for i := range 32 {
		p("DATA ·%s<>+%d(SB)/1, $%d", name, i, i%16/4*4+(i-left/8+4)%4)
	}
	p("GLOBL ·%s<>(SB), RODATA|NOPTR, $32", name)
}

// Places on the stack, in vectors, or for AVX-512 in registers: the key words that join word 1, the steps of a vector of counters, the counters with the
// key added, words; with AVX2 the three key words, too.
const (
	keys  = 0
	steps = keys + 5
	next  = steps + 2
	words = next + 2
	key   = words + 4
	frame = key + 3
)

// keyWord is one of the three words of the key as an operand.
func keyWord(i int) string {
	if now.wide() {
		return fmt.Sprintf("Y%d", 13+i)
	}
	return slot(key + i)
}

// slot is such a place as an operand.
func slot(i int) string {
	if now.wide() {
		return fmt.Sprintf("Y%d", firstHeld+1+i)
	}
	return fmt.Sprintf("%d(BX)", i*bytes())
}

// counters writes a function of n turns that prepares Y13 to Y15, the words of the key, and the stack; for both tiers, as function does.
func counters(name string, results [][2]string, order string, body func()) {
	var list []string
	for _, r := range results {
		list = append(list, r[0])
	}
	kind := map[int]string{1: "float32", 2: "uint32"}[len(results)]
	size := 8*len(results) + 32
	p("// func %s(%s *%s, n int, k0, k1, lo, hi, loStep, hiStep uint32)", name, strings.Join(list, ", "), kind)
	p("TEXT ·%s(SB), NOSPLIT, $0-%d\n\tCMPB ·wide(SB), $0\n\tJEQ narrow\n\tJMP %s512<>(SB)\nnarrow:\n\tJMP %s256<>(SB)\n", name, size, name, name)
	for _, t := range []tier{avx2, avx512} {
		inTier(t, func() {
			stack := (frame + 1) * bytes() // room to begin on a multiple of a vector: none lies across two cache lines
			if t.wide() {
				stack = 0
			}
			holding = 0 // the registers are taken
			p("TEXT %s%s<>(SB), NOSPLIT, $%d-%d", name, t.name, stack, size)
			counting(results, order+t.name, body)
		})
	}
}

// counting is the text of a function of counters.
func counting(results [][2]string, order string, body func()) {
	if !now.wide() {
		p("\tLEAQ %d(SP), BX\n\tANDQ $-%d, BX", bytes()-1, bytes())
	}
	at := 0
	for _, r := range append(results, [2]string{"n", "CX"}) {
		p("\tMOVQ %s+%d(FP), %s", r[0], at, r[1])
		at += 8
	}
	for i, arg := range []string{"k0", "k1", "lo", "hi", "loStep", "hiStep"} {
		y := []int{13, 14, 4, 5, 0, 1}[i]
		p("\tMOVL %s+%d(FP), AX\n\tVMOVD AX, X%d\n\tVPBROADCASTD X%d, Y%d", arg, at+4*i, y, y, y)
	}
	p("\tVPXOR Y13, Y14, Y15\n\tVPXOR %s, Y15, Y15", memory(0x1BD11BDA))
	for i, y := range []int{15, 13, 14, 15, 13} {
		p("\tVPADDD %s, Y%d, Y2\n\tVMOVDQU Y2, %s", memory(uint32(i+1)), y, slot(keys+i))
	}
	for i := 0; i < 3 && !now.wide(); i++ {
		p("\tVMOVDQU Y%d, %s", 13+i, keyWord(i))
	}
	for i := range 2 {
		p("\tVPMULLD ·%s<>(SB), Y%d, Y2\n\tVPADDD Y2, Y%d, Y%d\n\tVPADDD Y%d, Y%d, Y%d", order, i, 4+i, 4+i, 13+i, 4+i, 4+i)
		p("\tVMOVDQU Y%d, %s\n\tVPSLLD $%d, Y%d, Y%d\n\tVMOVDQU Y%d, %s", 4+i, slot(next+i), 2+now.lanes/8, i, i, i, slot(steps+i))
	}
	body()
	p("\tVZEROUPPER\n\tRET\n")
}

// threefry leaves words 0 of the next counters in Y0 and Y2, words 1 in Y1 and Y3, using Y11 and with AVX-512 Y12.
func threefry() {
	for i := range 2 {
		at, step := slot(next+i), slot(steps+i)
		p("\tVMOVDQU %s, Y%d\n\tVPADDD %s, Y%d, Y%d", at, i, step, i, 2+i)
		spare := 11
		if now.wide() {
			spare += i
		}
		p("\tVPADDD %s, Y%d, Y%d\n\tVMOVDQU Y%d, %s", step, 2+i, spare, spare, at)
	}
	for i, word := range []int{1, 2, 0, 1, 2} {
		for _, left := range [][]int{{13, 15, 26, 6}, {17, 29, 16, 24}}[i%2] {
			round(left)
		}
		for x := 0; x < 4; x += 2 {
			p("\tVPADDD %s, Y%d, Y%d\n\tVPADDD %s, Y%d, Y%d", keyWord(word), x, x, slot(keys+i), x+1, x+1)
		}
	}
}

// round adds word 1 to word 0 and replaces word 1, rotated left, by its sum modulo 2 with that; for both vectors.
func round(left int) {
	p("\tVPADDD Y1, Y0, Y0\n\tVPADDD Y3, Y2, Y2")
	switch {
	case now.wide():
		p("\tVPROLD $%d, Y1, Y1\n\tVPROLD $%d, Y3, Y3", left, left)
	case left%8 == 0:
		p("\tVPSHUFB ·left%d<>(SB), Y1, Y1\n\tVPSHUFB ·left%d<>(SB), Y3, Y3", left, left)
	default:
		for _, y := range []int{1, 3} {
			p("\tVPSLLD $%d, Y%d, Y11\n\tVPSRLD $%d, Y%d, Y%d\n\tVPOR Y11, Y%d, Y%d", left, y, 32-left, y, y, y, y)
		}
	}
	p("\tVPXOR Y0, Y1, Y1\n\tVPXOR Y2, Y3, Y3")
}

// boxMuller stores so many vectors from DI the pairs of normals of words that lie at w of the stack, using Y4 to Y10. Radius and angle are chains of their own:
// with AVX2 they go side by side, the radius in Y10 and Y12 to Y15, since few of the instructions of one chain at a time fit into the processor's window.
func boxMuller(w, at int) {
	radius := func() {
		p("\tVMOVDQU %s, Y9\n\tVPSRLD $8, Y9, Y9\n\tVPADDD %s, Y9, Y9\n\tVCVTDQ2PS Y9, Y9", slot(w), constant(1))
		p("\tVPSUBD %s, Y9, Y9", constant(24<<23)) // u: 2⁻²⁴ is taken off the exponent
		logarithm(-2)
		p("\tVSQRTPS Y9, Y10")
	}
	angle := func() {
		p("\tVMOVDQU %s, Y9\n\tVPSRLD $8, Y9, Y9\n\tVCVTDQ2PS Y9, Y9\n\tVMULPS %s, Y9, Y9", slot(w+1), constant(bits(float64(float32(2*math.Pi))*0x1p-24)))
		quarters()
		reduce(2)
		sinCos(true, true)
	}
	if now.wide() {
		radius()
		angle()
	} else {
		between(func() { out.WriteString(elsewhere.Replace(printed(radius))) }, angle)
	}
	p("\tVMULPS Y10, Y7, Y7\n\tVMULPS Y10, Y8, Y8")
	p("\tVUNPCKLPS Y7, Y8, Y4\n\tVUNPCKHPS Y7, Y8, Y5\n\tVMOVUPS Y4, %d(DI)\n\tVMOVUPS Y5, %d(DI)", at*bytes(), (at+1)*bytes())
}

// elsewhere moves a logarithm from Y4 to Y9 to registers that a sine leaves free. Y8 is needed when Y7 no longer is.
var elsewhere = strings.NewReplacer("Y9", "Y10", "Y4", "Y12", "Y5", "Y13", "Y6", "Y14", "Y7", "Y15", "Y8", "Y15")
