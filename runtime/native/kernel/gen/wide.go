package main

import (
	"fmt"
	"regexp"
	"strings"
)

// AVX-512 has 32 registers. The upper half holds constants throughout a function, but for one.
const firstHeld, spare = 16, 31

// held are the constants in registers from firstHeld on, at most holding.
var (
	held    []uint32
	holding int
)

// renamed are instructions that have another name with 512 bits.
var renamed = map[string]string{"VROUNDPS": "VRNDSCALEPS", "VPAND": "VPANDD", "VPOR": "VPORD", "VPXOR": "VPXORD", "VMOVDQU": "VMOVDQU32"}

var (
	register    = regexp.MustCompile(`\bY(\d+)\b`)
	mask        = regexp.MustCompile(`\bM(\d+)\b`)
	instruction = regexp.MustCompile(`^\t(V\w+)(.*·c[0-9a-f]{8}<>.*)?`)
)

// translate turns lines of AVX2 into AVX-512: registers, the names of instructions, masks M into K, and constants in memory, which are single numbers
// there.
func translate(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		line = mask.ReplaceAllString(register.ReplaceAllString(line, "Z$1"), "K$1")
		if m := instruction.FindStringSubmatch(line); m != nil {
			name, rest := m[1], line[1+len(m[1]):]
			if to := renamed[name]; to != "" {
				name = to
			}
			switch {
			case m[2] == "" || strings.HasSuffix(name, ".BCST") || name == "VBROADCASTSS":
			case name == "VMOVUPS":
				name = "VBROADCASTSS"
			default:
				name += ".BCST"
			}
			line = "\t" + name + rest
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}

// narrow turns masks M into registers, which they are in AVX2.
func narrow(text string) string { return mask.ReplaceAllString(text, "Y$1") }

// compare leaves in mask m (M1 to M6, which is the register of that number in AVX2) where b stands to a as the predicate of VCMPPS says.
func compare(predicate int, a, b, m string) { p("\tVCMPPS $%d, %s, %s, %s", predicate, a, b, m) }

// choose leaves in to yes where m holds and no elsewhere.
func choose(m, yes, no, to string) {
	if now.wide() {
		p("\tVBLENDMPS %s, %s, %s, %s", yes, no, m, to)
	} else {
		p("\tVBLENDVPS %s, %s, %s, %s", m, yes, no, to)
	}
}

// only leaves in to x, a constant, where m holds and 0 elsewhere.
func only(m, x, to string) {
	switch {
	case !now.wide():
		p("\tVANDPS %s, %s, %s", x, m, to)
	case strings.Contains(x, "(SB)"):
		p("\tVBROADCASTSS.Z %s, %s, %s", x, m, to)
	default:
		p("\tVMOVAPS.Z %s, %s, %s", x, m, to)
	}
}

// tail is set while the last elements are printed, which AVX-512 masks by K7.
var tail bool

// load reads a vector at an address.
func load(from, to string) {
	if tail {
		p("\tVMOVUPS.Z %s, K7, %s", from, to)
	} else {
		p("\tVMOVUPS %s, %s", from, to)
	}
}

// in is a vector at an address as an operand.
func in(address string) string {
	if !tail {
		return address
	}
	s := fmt.Sprintf("Z%d", spare)
	load(address, s)
	return s
}

// store writes a vector to an address.
func store(from, to string) {
	if tail {
		p("\tVMOVUPS %s, K7, %s", from, to)
	} else {
		p("\tVMOVUPS %s, %s", from, to)
	}
}

// argument is a parameter and where it goes: pointers to a general register, which moves from vector to vector but for AX, the number of elements to CX,
// float32 to a vector.
type argument struct{ name, register string }

// function prints a function for each tier. The first jumps to the second where package variable wide is set. Elements come in whole vectors, in
// AVX-512 in any number. head, if not nil, is printed before the loop, body in it; finish, if not nil, at the end, when CX elements are left.
func function(name string, args []argument, head, body, finish func()) {
	l := loop{args, head, body, finish}
	var names []string
	for _, a := range args {
		names = append(names, a.name)
	}
	size := place(args, func(int, argument) {})
	p("// func %s(%s)\nTEXT ·%s(SB), NOSPLIT, $0-%d", name, strings.Join(names, ", "), name, size)
	p("\tCMPB ·wide(SB), $0\n\tJEQ narrow\n\tJMP %s512<>(SB)\nnarrow:", name)
	out.WriteString(narrow(printed(func() {
		l.begin()
		p("loop:")
		body()
		l.advance()
		p("\tJNZ loop")
		l.end()
	})))
	inTier(avx512, func() {
		held, holding = nil, spare-firstHeld
		begin, text := printed(l.begin), printed(l.masked)
		p("TEXT %s512<>(SB), NOSPLIT, $0-%d", name, size)
		out.WriteString(begin)
		for i, c := range held {
			p("\tVBROADCASTSS %s, Z%d", memory(c), firstHeld+i)
		}
		out.WriteString(text)
	})
}

// loop is what a function does, see there.
type loop struct {
	args               []argument
	head, body, finish func()
}

// begin loads the parameters.
func (l loop) begin() {
	place(l.args, func(at int, a argument) {
		switch {
		case a.register == "":
		case a.register[0] == 'Y':
			p("\tVBROADCASTSS %s+%d(FP), %s", a.name, at, a.register)
		default:
			p("\tMOVQ %s+%d(FP), %s", a.name, at, a.register)
		}
	})
	if l.head != nil {
		l.head()
	}
}

// advance goes on to the next vector.
func (l loop) advance() {
	for _, a := range l.args {
		if r := a.register; r != "" && r != "CX" && r != "AX" && r[0] != 'Y' {
			p("\tADDQ $%d, %s", bytes(), r)
		}
	}
	p("\tSUBQ $%d, CX", now.lanes)
}

func (l loop) end() {
	if l.finish != nil {
		l.finish()
	}
	p("\tVZEROUPPER\n\tRET\n")
}

// masked is the loop of AVX-512, and once more for what is left.
func (l loop) masked() {
	p("\tCMPQ CX, $16\n\tJLT tail\nloop:")
	l.body()
	l.advance()
	p("\tCMPQ CX, $16\n\tJGE loop\ntail:\n\tTESTQ CX, CX\n\tJEQ done\n\tMOVL $-1, AX\n\tBZHIL CX, AX, AX\n\tKMOVW AX, K7")
	tail = true
	l.body()
	tail = false
	p("\tXORL CX, CX\ndone:")
	l.end()
}

// inTier runs f with the tier set.
func inTier(t tier, f func()) {
	before := now
	now = t
	f()
	now = before
}

// place calls f with the offset of each parameter and returns the size of all.
func place(args []argument, f func(at int, a argument)) (size int) {
	for _, a := range args {
		f(size, a)
		if size += 8; strings.HasPrefix(a.register, "Y") {
			size -= 4
		}
	}
	return size
}

// keep loads a constant into a register of the lower half for all of a function.
func keep(c uint32, to string) { p("\tVMOVUPS %s, %s", memory(c), to) }
