package export

import (
	"fmt"
	"go/token"
	"slices"
	"strings"
	"unicode"

	"fmtool/models/graph"
)

// lengths of our own graphs' dimensions in example code; everybody else's are 1 unless told otherwise.
var exampleLengths = map[string]int64{"batch": 4, "T": 1, "W": 1, "P": 2}

// identifiers gives names of a file as names of Python and Go, each its own.
type identifiers struct{ taken map[string]bool }

// reserved are words that the code uses, or one of the languages keeps.
var reserved = strings.Fields(`np numpy onnxruntime session feeds results name value rng os math sys ctx file err e p in out i main log fmt rand tensor engine ort
	runtime context samples_of and as assert async await class def del elif except finally from global is lambda nonlocal not or pass raise try while with yield
	None True False print len any append bool byte cap clear close complex copy delete error false float32 float64 int int64 iota make max min new nil panic
	rune string true uint8 normal signs state read`)

func newIdentifiers() *identifiers {
	id := &identifiers{map[string]bool{}}
	for _, word := range reserved {
		id.taken[word] = true
	}
	return id
}

func (id *identifiers) of(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name[:min(len(name), 40)])
	if clean = strings.Trim(clean, "_"); clean == "" || clean[0] <= '9' {
		clean = "v" + clean
	}
	for n, base := 2, clean; id.taken[clean] || token.IsKeyword(clean); n++ {
		clean = fmt.Sprintf("%s_%d", base, n)
	}
	id.taken[clean] = true
	return clean
}

// example is what code of either language is made from: a name for every port, and the lengths that the file leaves open.
type example struct {
	in, out []Port // inputs that must be given, and outputs
	name    map[string]string
	lengths []length
	dims    map[string]string // what stands for a dimension
}

type length struct {
	name, param string
	value       int64
	guess       bool // the file names no such length among the inputs
}

// example prepares the code; the error says why there can be none.
func (m Manual) example(lengths map[string]int64) (example, error) {
	x, id := example{name: map[string]string{}, dims: map[string]string{}}, newIdentifiers()
	for i, p := range slices.Concat(m.Inputs, m.Outputs) {
		isInput := i < len(m.Inputs)
		if p.Given {
			continue
		}
		if isInput && numpyTypes[p.Type] == "" {
			return x, fmt.Errorf("input %q is a %s, for which no code is written", p.Name, p.Type)
		}
		for k, d := range p.lengths {
			x.length(id, m, d, fmt.Sprintf("%s_%d", p.Name, k), lengths, isInput)
		}
		if isInput {
			x.in = append(x.in, p)
		} else {
			x.out = append(x.out, p)
		}
	}
	for _, p := range slices.Concat(x.in, x.out) {
		if x.name[p.Name] == "" {
			x.name[p.Name] = id.of(p.Name)
		}
	}
	return x, nil
}

// length gives a dimension that is not fixed a name and a value.
func (x *example) length(id *identifiers, m Manual, d graph.Dim, place string, lengths map[string]int64, isInput bool) {
	if _, fixed := d.Fixed(); fixed {
		return
	}
	param := d.Name
	if !d.Known() {
		param = "?" + place
	}
	if x.dims[param] != "" {
		return
	}
	value, given := lengths[param]
	if !given {
		value = 1
		if own, ok := exampleLengths[param]; ok && m.spec != nil {
			value = own
		}
	}
	l := length{id.of(strings.TrimPrefix(param, "?")), param, value, !isInput}
	x.lengths, x.dims[param] = append(x.lengths, l), l.name
}

// shape is the dimensions of a port as code, each an expression.
func (x *example) shape(p Port) []string {
	var out []string
	for k, d := range p.lengths {
		if n, fixed := d.Fixed(); fixed {
			out = append(out, fmt.Sprint(n))
			continue
		}
		param := d.Name
		if !d.Known() {
			param = fmt.Sprintf("?%s_%d", p.Name, k)
		}
		text := x.dims[param]
		if d.Known() && d.Times != 1 {
			text = fmt.Sprintf("%d*%s", d.Times, text)
		}
		if d.Known() && d.Plus != 0 {
			text += fmt.Sprintf("%+d", d.Plus)
		}
		out = append(out, text)
	}
	return out
}

// value is the number that a port is fed everywhere, of its type.
func (x *example) value(p Port) string {
	value := p.fill.value
	switch {
	case value == "batch" && x.dims["batch"] != "":
		return x.dims["batch"]
	case value == "batch":
		return "4"
	case value == "" || !strings.HasPrefix(p.Type, "float") && strings.ContainsAny(value, ".e"):
		return "0"
	}
	return value
}

// counted reports a length of an output that an input gives as a number.
func (x *example) counted(l length) bool {
	return slices.ContainsFunc(x.in, func(p Port) bool { return p.fill.value == l.param })
}

// remark is what stands beside a port in code.
func (p Port) remark() string {
	text := strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, p.Meaning)), " ")
	if p.Guess {
		text = "guess: " + text
	}
	if p.Dims == nil {
		text = strings.TrimPrefix(text+"; the file does not tell its shape", "; ")
	}
	return text
}
