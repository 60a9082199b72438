package onnx

import (
	"errors"
	"fmt"
	"strings"

	"fmtool/models/graph"
)

// maxProblems is how many problems Check reports.
const maxProblems = 20

// Check reports what makes the model no valid ONNX: structure (required fields, names given once and before their use, no shadowing, attributes that
// hold what they declare, imported operator sets), what its IR version does not have, and, when every operator is in the table, types and
// shapes that contradict each other or the declared ones. A model may be valid and still not be a program: Graph tells.
func (m *Model) Check() error {
	c := &checker{model: m, opset: map[string]bool{}}
	c.header()
	if m.Main != nil {
		c.nodeNames = map[string]bool{}
		c.graph("graph "+m.Main.Name, m.Main, nil)
	}
	for _, f := range m.Functions {
		c.function(f)
	}
	if len(c.problems) == 0 {
		c.types()
	}
	return errors.Join(c.problems...)
}

type checker struct {
	model      *Model
	opset      map[string]bool // domains imported where the nodes stand
	nodeNames  map[string]bool
	inFunction bool
	problems   []error
}

func (c *checker) problem(format string, args ...any) {
	switch n := len(c.problems); {
	case n < maxProblems:
		c.problems = append(c.problems, fmt.Errorf("onnx: "+format, args...))
	case n == maxProblems:
		c.problems = append(c.problems, errors.New("onnx: … and more"))
	}
}

// irFeatures are the parts of the format that came with an IR version.
var irFeatures = []struct {
	ir   int64
	what string
	used func(*Model) bool
}{
	{3, "operator set imports", func(m *Model) bool { return len(m.OpsetImport) > 0 }},
	{4, "initialisers that are no inputs", func(m *Model) bool { return m.Main != nil && hasOwnInitialisers(m.Main) }},
	{7, "training information", func(m *Model) bool { return len(m.TrainingInfo) > 0 }},
	{8, "functions", func(m *Model) bool { return len(m.Functions) > 0 }},
	{11, "device configurations", func(m *Model) bool { return len(m.Configuration) > 0 }},
}

func hasOwnInitialisers(g *Graph) bool {
	inputs := map[string]bool{}
	for _, in := range g.Input {
		inputs[in.Name] = true
	}
	for _, t := range g.Initializer {
		if !inputs[t.Name] {
			return true
		}
	}
	return false
}

func (c *checker) header() {
	m := c.model
	if m.IRVersion <= 0 {
		c.problem("no IR version")
	}
	if m.Main == nil {
		c.problem("no graph")
	}
	if len(m.OpsetImport) == 0 && m.IRVersion >= 3 {
		c.problem("no operator set is imported")
	}
	for _, o := range m.OpsetImport {
		if c.opset[domain(o.Domain)] {
			c.problem("operator set %q is imported twice", o.Domain)
		}
		c.opset[domain(o.Domain)] = true
	}
	for _, f := range irFeatures {
		if f.used(m) && m.IRVersion < f.ir {
			c.problem("%s need IR version %d, the model says %d", f.what, f.ir, m.IRVersion)
		}
	}
	keys := map[string]bool{}
	for _, e := range m.MetadataProps {
		if keys[e.Key] {
			c.problem("metadata key %q stands twice", e.Key)
		}
		keys[e.Key] = true
	}
}

// names is the names defined in a graph; those around it are seen too.
type names struct {
	defined map[string]bool
	outer   *names
}

func (n *names) has(name string) bool {
	for ; n != nil; n = n.outer {
		if n.defined[name] {
			return true
		}
	}
	return false
}

func (c *checker) define(where string, n *names, name string) {
	switch {
	case name == "":
		c.problem("%s: a value without a name", where)
	case n.has(name):
		c.problem("%s: the name %q is given to two values", where, name)
	}
	n.defined[name] = true
}

func (c *checker) graph(where string, g *Graph, outer *names) {
	if g.Name == "" {
		c.problem("%s: the graph has no name", where)
	}
	n := &names{map[string]bool{}, outer}
	for _, in := range g.Input {
		c.define(where, n, in.Name)
		if in.Type == nil && outer == nil {
			c.problem("%s: input %q has no type", where, in.Name)
		}
	}
	seen := map[string]bool{}
	for _, t := range g.Initializer {
		if seen[t.Name] || !n.defined[t.Name] {
			c.define(where, n, t.Name)
		}
		seen[t.Name] = true
		c.tensor(where, t)
	}
	for _, s := range g.SparseInitializer {
		if s.Values != nil && !n.defined[s.Values.Name] {
			c.define(where, n, s.Values.Name)
		}
	}
	c.nodes(where, g.Node, n)
	for _, o := range g.Output {
		if o.Name == "" || !n.has(o.Name) {
			c.problem("%s: output %q is not computed", where, o.Name)
		}
	}
}

func (c *checker) nodes(where string, list []*Node, n *names) {
	for i, node := range list {
		at := fmt.Sprintf("%s: node %d %q (%s)", where, i, node.Name, node.OpType)
		if node.OpType == "" {
			c.problem("%s: no operator", at)
		}
		if node.Name != "" && c.nodeNames[node.Name] {
			c.problem("%s: two nodes have this name", at)
		}
		c.nodeNames[node.Name] = true
		if !c.opset[domain(node.Domain)] && c.model.IRVersion >= 3 {
			c.problem("%s: the operator set of domain %q is not imported", at, node.Domain)
		}
		for _, in := range node.Input {
			if in != "" && !n.has(in) {
				c.problem("%s: input %q is not computed before it", at, in)
			}
		}
		seen := map[string]bool{}
		for _, a := range node.Attribute {
			if seen[a.Name] {
				c.problem("%s: attribute %s stands twice", at, a.Name)
			}
			seen[a.Name] = true
			c.attribute(at, a, n)
		}
		for _, out := range node.Output {
			if out != "" {
				c.define(at, n, out)
			}
		}
	}
}

// tensor checks the sizes of tensors whose numbers are inside the file and of a type that programs know.
func (c *checker) tensor(at string, t *Tensor) {
	if t.DataType == 0 {
		c.problem("%s: tensor %q has no element type", at, t.Name)
		return
	}
	if _, err := graph.DTypeOf(int(t.DataType)); err != nil || t.DataLocation != 0 || t.Segment != nil {
		return
	}
	if _, err := t.value(); err != nil {
		c.problem("%s: tensor %q: %w", at, t.Name, err)
	}
}

func (c *checker) function(f *Function) {
	where := strings.TrimSpace("function " + f.Domain + "." + f.Name)
	if f.Name == "" || f.Domain == "" {
		c.problem("%s: a function needs a name and a domain", where)
	}
	body := &checker{model: c.model, opset: map[string]bool{}, nodeNames: map[string]bool{}, inFunction: true, problems: c.problems}
	for _, o := range f.OpsetImport {
		body.opset[domain(o.Domain)] = true
	}
	n := &names{map[string]bool{}, nil}
	for _, in := range f.Input {
		body.define(where, n, in)
	}
	body.nodes(where, f.Node, n)
	for _, o := range f.Output {
		if !n.has(o) {
			body.problem("%s: output %q is not computed", where, o)
		}
	}
	c.problems = body.problems
}

// types infers types and shapes, if the model is a program, and holds the declared ones against them.
func (c *checker) types() {
	r, err := newReader(c.model)
	if err == nil {
		_, err = r.program()
	}
	if errors.Is(err, errors.ErrUnsupported) {
		return
	}
	if err != nil {
		c.problem("%w", err)
		return
	}
	for _, list := range [][]*ValueInfo{c.model.Main.ValueInfo, c.model.Main.Output} {
		for _, declared := range list {
			v, ok := r.env.find(declared.Name)
			want, err := typeOf(declared.Type)
			if ok && v != nil && err == nil && contradict(v.Type, want) {
				c.problem("value %q is declared as %v, its node gives %v", declared.Name, want, v.Type)
			}
		}
	}
}

// contradict: no tensor can have both types. Dimensions with different names may be equal.
func contradict(x, y graph.Type) bool {
	if x.DType != y.DType || x.Shape != nil && y.Shape != nil && len(x.Shape) != len(y.Shape) {
		return true
	}
	if x.Shape == nil || y.Shape == nil {
		return false
	}
	for i, d := range x.Shape {
		n, fixed := d.Fixed()
		m, alsoFixed := y.Shape[i].Fixed()
		if fixed && alsoFixed && n != m {
			return true
		}
	}
	return false
}
