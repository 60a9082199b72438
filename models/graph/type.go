package graph

import (
	"fmt"
	"strconv"
	"strings"

	"fmtool/models/tensor"
)

// Dim is the length of a dimension: Times·Name + Plus. A fixed length has no name; an unknown one has Times < 0.
type Dim struct {
	Name  string
	Times int
	Plus  int
}

// Fix is the fixed length n.
func Fix(n int) Dim { return Dim{Plus: n} }

// Sym is the length called name, the same wherever that name occurs in a graph.
func Sym(name string) Dim { return Dim{Name: name, Times: 1} }

// Unknown is a length of which nothing is known before the run.
var Unknown = Dim{Times: -1}

// Fixed returns the length if it is a fixed one.
func (d Dim) Fixed() (n int, ok bool) { return d.Plus, d.Times == 0 }

// Known reports a length that is fixed or named.
func (d Dim) Known() bool { return d.Times >= 0 }

// Is reports the fixed length n.
func (d Dim) Is(n int) bool { return d.Times == 0 && d.Plus == n }

// Add is d + e; Unknown unless at most one name is involved.
func (d Dim) Add(e Dim) Dim {
	if !d.Known() || !e.Known() || (d.Times > 0 && e.Times > 0 && d.Name != e.Name) {
		return Unknown
	}
	return linear(d.Name+e.nameUnless(d), d.Times+e.Times, d.Plus+e.Plus)
}

// Mul is d·e; Unknown when both are named.
func (d Dim) Mul(e Dim) Dim {
	if !d.Known() || !e.Known() || (d.Times > 0 && e.Times > 0) {
		return Unknown
	}
	if d.Times == 0 {
		d, e = e, d
	}
	return linear(d.Name, d.Times*e.Plus, d.Plus*e.Plus)
}

// Div is d/n where that is exact in every case, Unknown otherwise.
func (d Dim) Div(n int) Dim {
	if !d.Known() || n == 0 || d.Times%n != 0 || d.Plus%n != 0 {
		return Unknown
	}
	return linear(d.Name, d.Times/n, d.Plus/n)
}

func (d Dim) nameUnless(e Dim) string {
	if e.Name == d.Name {
		return ""
	}
	return d.Name
}

func linear(name string, times, plus int) Dim {
	switch {
	case times < 0:
		return Unknown
	case times == 0:
		return Fix(plus)
	}
	return Dim{name, times, plus}
}

// Eval is the length when the named lengths are as given; ok is false if a name is missing or the dimension unknown.
func (d Dim) Eval(lengths map[string]int) (n int, ok bool) {
	if d.Times == 0 {
		return d.Plus, true
	}
	n, ok = lengths[d.Name]
	return d.Times*n + d.Plus, ok && d.Known()
}

// String prints the dimension as ONNX's dim_param would name it: 3, batch, 2*batch, batch+1, ?.
func (d Dim) String() string {
	if !d.Known() {
		return "?"
	}
	if d.Times == 0 {
		return strconv.Itoa(d.Plus)
	}
	s := d.Name
	if d.Times != 1 {
		s = fmt.Sprintf("%d*%s", d.Times, s)
	}
	if d.Plus != 0 {
		s = fmt.Sprintf("%s%+d", s, d.Plus)
	}
	return s
}

// Shape is the dimensions of a value; a nil Shape has unknown rank, Shape{} is a scalar's.
type Shape []Dim

// ShapeOf returns the shape of fixed lengths.
func ShapeOf(lengths ...int) Shape {
	s := make(Shape, len(lengths))
	for i, n := range lengths {
		s[i] = Fix(n)
	}
	return s
}

// Ints returns the lengths if all are fixed.
func (s Shape) Ints() ([]int, bool) { return s.Eval(nil) }

// Eval returns the lengths when the named ones are as given.
func (s Shape) Eval(lengths map[string]int) ([]int, bool) {
	if s == nil {
		return nil, false
	}
	out := make([]int, len(s))
	for i, d := range s {
		n, ok := d.Eval(lengths)
		if !ok {
			return nil, false
		}
		out[i] = n
	}
	return out, true
}

// Known reports a known rank with every dimension fixed or named.
func (s Shape) Known() bool {
	for _, d := range s {
		if !d.Known() {
			return false
		}
	}
	return s != nil
}

// Size is the number of elements, Unknown if it is no linear form of one name.
func (s Shape) Size() Dim {
	if s == nil {
		return Unknown
	}
	n := Fix(1)
	for _, d := range s {
		n = n.Mul(d)
	}
	return n
}

// String prints [N 3], or [...] for an unknown rank.
func (s Shape) String() string {
	if s == nil {
		return "[...]"
	}
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = d.String()
	}
	return "[" + strings.Join(parts, " ") + "]"
}

// Type is what is known of a value before the run.
type Type struct {
	DType tensor.DType
	Shape Shape
}

// String prints float32[batch 3].
func (t Type) String() string { return t.DType.String() + t.Shape.String() }

// TypeOf is the type of a tensor's value.
func TypeOf(t tensor.Tensor) Type { return Type{t.DType(), ShapeOf(t.Shape()...)} }
