package onnx

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"

	"fmtool/models/tensor"
)

// Difference is one thing in which two models differ.
type Difference struct {
	What     string  `json:"what"` // header, input, output, node, metadata, initialiser; renamed: an initialiser under the names A and B
	Name     string  `json:"name"`
	A        string  `json:"a,omitempty"`
	B        string  `json:"b,omitempty"`
	Absolute float64 `json:"max_absolute,omitempty"` // of an initialiser's numbers
	Relative float64 `json:"max_relative,omitempty"` // to the larger of the two numbers
}

// Compare lists where two models with graphs differ: versions, inputs, outputs, nodes in order, metadata, and the numbers of initialisers by name. An
// initialiser that one model alone has, and the other under another name with the same numbers, is renamed: one difference, of no node.
func Compare(a, b *Model) []Difference {
	c := &comparison{}
	c.texts("header", a.header(), b.header())
	c.texts("metadata", a.Metadata(), b.Metadata())
	ga, gb := a.Main, b.Main
	c.texts("input", declared(ga.Input), declared(gb.Input))
	c.texts("output", declared(ga.Output), declared(gb.Output))
	renamed := renames(ga.Initializer, gb.Initializer)
	c.texts("node", listed(ga.Node, renamed), listed(gb.Node, nil))
	for _, from := range slices.Sorted(maps.Keys(renamed)) {
		c.found = append(c.found, Difference{What: "renamed", Name: from, A: short(from), B: short(renamed[from])})
	}
	c.weights(ga.Initializer, gb.Initializer, renamed)
	return c.found
}

type comparison struct{ found []Difference }

// texts compares two maps from names to what they stand for.
func (c *comparison) texts(what string, a, b map[string]string) {
	all := maps.Clone(a)
	maps.Copy(all, b)
	for _, k := range slices.Sorted(maps.Keys(all)) {
		if va, vb := a[k], b[k]; va != vb {
			if what == "node" || what == "input" || what == "output" {
				va, vb = presence(va), presence(vb)
			}
			c.found = append(c.found, Difference{What: what, Name: k, A: short(va), B: short(vb)})
		}
	}
}

// presence stands for an encoded message.
func presence(message string) string {
	if message == "" {
		return "absent"
	}
	return "other"
}

func (m *Model) header() map[string]string {
	h := map[string]string{"IR version": fmt.Sprint(m.IRVersion)}
	for _, o := range m.OpsetImport {
		h["opset "+o.Domain] = fmt.Sprint(o.Version)
	}
	return h
}

func declared(list []*ValueInfo) map[string]string {
	out := map[string]string{}
	for i, v := range list {
		out[fmt.Sprintf("%d %s", i, v.Name)] = fmt.Sprintf("%x", encode(nil, v))
	}
	return out
}

// listed are the nodes by place and name; what they stand for is all of them, with values under their new names.
func listed(nodes []*Node, renamed map[string]string) map[string]string {
	out := map[string]string{}
	for i, n := range nodes {
		n = n.renamed(renamed)
		out[fmt.Sprintf("%06d %s %s", i, n.OpType, n.Name)] = fmt.Sprintf("%x", encode(nil, n))
	}
	return out
}

func (c *comparison) weights(a, b []*Tensor, renamed map[string]string) {
	other := map[string]*Tensor{}
	for _, t := range b {
		other[t.Name] = t
	}
	for _, t := range a {
		if name, ok := renamed[t.Name]; ok {
			delete(other, name)
		} else if u := other[t.Name]; u == nil {
			c.found = append(c.found, Difference{What: "initialiser", Name: t.Name, A: "present", B: "absent"})
		} else if !bytes.Equal(encode(nil, t), encode(nil, u)) {
			c.found = append(c.found, numbersDiffer(t, u))
		}
		delete(other, t.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(other)) {
		c.found = append(c.found, Difference{What: "initialiser", Name: name, A: "absent", B: "present"})
	}
}

// numbersDiffer is by how much two tensors of one name differ.
func numbersDiffer(t, u *Tensor) Difference {
	d := Difference{What: "initialiser", Name: t.Name}
	x, err1 := t.Value()
	y, err2 := u.Value()
	if err1 != nil || err2 != nil || x.DType() != y.DType() || !slices.Equal(x.Shape(), y.Shape()) {
		d.A, d.B = fmt.Sprintf("%s%v", ElementName(t.DataType), t.Dims), fmt.Sprintf("%s%v", ElementName(u.DataType), u.Dims)
		return d
	}
	p, q := x.Convert(tensor.Float64).Float64(), y.Convert(tensor.Float64).Float64()
	for i := range p {
		switch gap := math.Abs(p[i] - q[i]); {
		case gap == 0 || p[i] == q[i] || math.IsNaN(p[i]) && math.IsNaN(q[i]):
		case gap <= math.MaxFloat64:
			d.Absolute, d.Relative = max(d.Absolute, gap), max(d.Relative, gap/max(math.Abs(p[i]), math.Abs(q[i])))
		default: // one of them is not finite
			d.Absolute, d.Relative = math.MaxFloat64, 1
		}
	}
	return d
}
