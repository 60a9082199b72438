package onnx

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// The producer that FromGraph writes into files.
const (
	ProducerName    = "fmtool"
	ProducerVersion = "0.1"
)

// FromGraph writes a program in a profile's version of the format, with meta as the model's metadata.
//
// Inputs, outputs and parameters keep their names; nodes are named by their path; every other value is named as in the program, with a suffix
// where that name is an output's. Each value has its type and shape written beside it: named dimensions by name, unknown ones left open. The same
// program and metadata give the same bytes. What the profile cannot say is an error that names the operator and a profile that can.
func FromGraph(g *graph.Graph, p Profile, meta map[string]string) (*Model, error) {
	if err := g.Verify(); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	m := &Model{
		IRVersion: int64(p.IR), ProducerName: ProducerName, ProducerVersion: ProducerVersion,
		OpsetImport: []*OperatorSetID{{Version: int64(p.Opset)}},
	}
	m.OpsetImport[0].zeros = bit(1) // the domain "", said explicitly
	m.setMetadata(meta)
	for _, f := range g.Functions {
		body, err := writeFunction(f, p)
		if err != nil {
			return nil, fmt.Errorf("onnx: function %s: %w", f.Name, err)
		}
		m.Functions = append(m.Functions, body)
		if !slices.ContainsFunc(m.OpsetImport, func(o *OperatorSetID) bool { return o.Domain == f.Domain }) {
			m.OpsetImport = append(m.OpsetImport, &OperatorSetID{Domain: f.Domain, Version: 1})
		}
	}
	w := newWriter(p)
	for _, v := range slices.Concat(g.Inputs, g.Params) {
		w.names[v], w.taken[v.Name] = v.Name, true
	}
	main, err := w.graph(g, true)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	m.Main = main
	return m, nil
}

// writer turns graphs into messages. Names are unique over a graph and all its subgraphs: the format forbids shadowing.
type writer struct {
	profile Profile
	names   map[*graph.Value]string
	taken   map[string]bool
	*sheet
}

// sheet is the graph being written.
type sheet struct {
	out       *Graph
	leaves    map[string]bool       // names of outputs, whose types stand there
	constants map[*graph.Value]bool // constants that a node uses, and so need writing
	added     []*graph.Value        // constants that lowering added
}

func newWriter(p Profile) *writer {
	return &writer{profile: p, names: map[*graph.Value]string{}, taken: map[string]bool{}}
}

// unique is base, or base_2, base_3, … if that is taken.
func (w *writer) unique(base string) string {
	if base == "" {
		base = "value"
	}
	name := base
	for i := 2; w.taken[name]; i++ {
		name = base + "_" + strconv.Itoa(i)
	}
	w.taken[name] = true
	return name
}

// name is the value's name in the file, chosen at its first use.
func (w *writer) name(v *graph.Value) string {
	if v == nil {
		return ""
	}
	if w.names[v] == "" {
		w.names[v] = w.unique(v.Name)
	}
	return w.names[v]
}

// graph writes the main graph or a subgraph.
func (w *writer) graph(g *graph.Graph, isMain bool) (*Graph, error) {
	outer := w.sheet
	defer func() { w.sheet = outer }()
	for _, c := range g.Captures {
		w.use(c.Outer)
	}
	w.sheet = &sheet{out: &Graph{Name: g.Name, DocString: g.Doc}, leaves: map[string]bool{}, constants: map[*graph.Value]bool{}}
	if w.out.Name == "" {
		w.out.Name = "graph" // readers want one
	}
	for _, c := range g.Captures {
		w.names[c.Inner] = w.name(c.Outer)
	}
	direct, err := w.nameOutputs(g, isMain)
	if err != nil {
		return nil, err
	}
	for _, v := range g.Inputs {
		w.out.Input = append(w.out.Input, w.declare(w.name(v), v.Type))
	}
	for _, n := range g.Nodes {
		if err := w.node(n); err != nil {
			return nil, fmt.Errorf("node %q: %w", n.Name, err)
		}
	}
	for i, o := range g.Outputs {
		name := w.names[o.Value]
		if !direct[i] { // an input, a constant, or a value that leaves under another name too
			if name = o.Name; !isMain {
				name = w.unique(o.Name)
			}
			w.use(o.Value)
			w.out.Node = append(w.out.Node, &Node{OpType: "Identity", Name: name, DocString: markOutput, Input: []string{w.name(o.Value)}, Output: []string{name}})
		}
		w.out.Output = append(w.out.Output, w.declare(name, o.Value.Type))
	}
	w.initialisers(g, isMain)
	return w.out, nil
}

// nameOutputs gives the results that leave the names they leave under; direct tells for which outputs that is enough.
func (w *writer) nameOutputs(g *graph.Graph, isMain bool) (direct []bool, err error) {
	for _, o := range g.Outputs {
		if isMain && w.taken[o.Name] {
			return nil, fmt.Errorf("output %q has the name of an input or a parameter", o.Name)
		}
	}
	for _, o := range g.Outputs {
		w.taken[o.Name] = w.taken[o.Name] || isMain
	}
	direct = make([]bool, len(g.Outputs))
	for i, o := range g.Outputs {
		if o.Value.Kind != graph.Result || w.names[o.Value] != "" {
			continue
		}
		direct[i] = true
		w.names[o.Value] = o.Name
		if !isMain {
			w.names[o.Value] = w.unique(o.Name)
		}
		w.leaves[w.names[o.Value]] = true
	}
	return direct, nil
}

// use notes that constant v, if it is one, must be written.
func (w *writer) use(v *graph.Value) {
	if v != nil && v.Kind == graph.Constant {
		w.constants[v] = true
	}
}

// initialisers writes the parameters and the constants in use, in the program's order.
func (w *writer) initialisers(g *graph.Graph, isMain bool) {
	for _, v := range g.Params {
		w.initialiser(v, markParameter, isMain)
	}
	for _, v := range slices.Concat(g.Constants, w.added) {
		if w.constants[v] {
			w.initialiser(v, markConstant, isMain)
		}
	}
}

// initialiser writes v's numbers, with a mark if the reader's rule would take them for something else.
func (w *writer) initialiser(v *graph.Value, mark string, isMain bool) {
	t := TensorOf(w.name(v), v.Data)
	if isParameter(t, v.Data, isMain) != (mark == markParameter) {
		t.DocString = mark
	}
	w.out.Initializer = append(w.out.Initializer, t)
}

// node lowers and writes a node.
func (w *writer) node(n *graph.Node) error {
	c := &conversion{op: n.Op, name: n.Name, version: w.profile.Opset, in: slices.Clone(n.In), attrs: maps.Clone(n.Attrs), outputs: len(n.Out), constant: w.addConstant}
	if c.attrs == nil {
		c.attrs = graph.Attrs{}
	}
	if n.Domain == "" {
		if err := w.lower(c); err != nil {
			return err
		}
	}
	out := &Node{OpType: c.op, Domain: n.Domain, Name: n.Name}
	for _, v := range c.in {
		w.use(v)
		out.Input = append(out.Input, w.name(v))
	}
	for _, v := range n.Out {
		name := w.name(v)
		out.Output = append(out.Output, name)
		if !w.leaves[name] {
			w.out.ValueInfo = append(w.out.ValueInfo, w.declare(name, v.Type))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.attrs)) {
		a, err := w.attribute(name, c.attrs[name])
		if err != nil {
			return err
		}
		out.Attribute = append(out.Attribute, a)
	}
	w.out.Node = append(w.out.Node, out)
	return nil
}

// lower applies the operator's changes for the profile.
func (w *writer) lower(c *conversion) error {
	r, ok := versions[c.op]
	if !ok {
		return fmt.Errorf("operator %s has no row in the table of versions", c.op)
	}
	if c.version < r.since {
		return w.profile.missing("operator "+c.op, r.since)
	}
	err := c.run(r.write)
	if n := (needs{}); errors.As(err, &n) {
		return w.profile.missing(n.what, n.since)
	}
	return err
}

// addConstant is a constant that lowering needs.
func (w *writer) addConstant(name string, list []int) *graph.Value {
	data := make([]int64, len(list))
	for i, v := range list {
		data[i] = int64(v)
	}
	t := tensor.Of(data, len(data))
	v := &graph.Value{Name: name, Kind: graph.Constant, Type: graph.TypeOf(t), Data: t}
	w.added = append(w.added, v)
	return v
}

func (w *writer) attribute(name string, v any) (*Attribute, error) {
	a := &Attribute{Name: name}
	switch v := v.(type) {
	case float32:
		a.Type, a.F, a.zeros = FloatAttribute, v, bit(2)
	case int64:
		a.Type, a.I, a.zeros = IntAttribute, v, bit(3)
	case string:
		a.Type, a.S = StringAttribute, []byte(v)
	case tensor.Tensor:
		a.Type, a.T = TensorAttribute, TensorOf("", v)
	case []int64:
		a.Type, a.Ints = IntsAttribute, v
	case []float32:
		a.Type, a.Floats = FloatsAttribute, v
	case []string:
		a.Type = StringsAttribute
		for _, s := range v {
			a.Strings = append(a.Strings, []byte(s))
		}
	case *graph.Graph:
		sub, err := w.graph(v, false)
		if err != nil {
			return nil, err
		}
		a.Type, a.G = GraphAttribute, sub
	default:
		return nil, fmt.Errorf("attribute %s holds a %T", name, v)
	}
	return a, nil
}

func (w *writer) declare(name string, t graph.Type) *ValueInfo {
	return &ValueInfo{Name: name, Type: typeMessage(t)}
}

func typeMessage(t graph.Type) *Type {
	tt := &TensorType{ElemType: int32(graph.Code(t.DType))}
	if t.Shape != nil {
		tt.Shape = &Shape{}
	}
	for _, d := range t.Shape {
		dim := &Dimension{}
		if n, ok := d.Fixed(); ok {
			dim.Value = new(int64(n))
		} else if d.Known() {
			dim.Param = new(d.String())
		}
		tt.Shape.Dim = append(tt.Shape.Dim, dim)
	}
	return &Type{Tensor: tt}
}

// writeFunction writes a function's body; its constants become nodes, as a function has no initialisers.
func writeFunction(f *graph.Function, p Profile) (*Function, error) {
	w := newWriter(p)
	for _, v := range f.Body.Inputs {
		w.names[v], w.taken[v.Name] = v.Name, true
	}
	body, err := w.graph(f.Body, true)
	if err != nil {
		return nil, err
	}
	out := &Function{Name: f.Name, Domain: f.Domain, DocString: f.Body.Doc, OpsetImport: []*OperatorSetID{{Version: int64(p.Opset)}}}
	out.OpsetImport[0].zeros = bit(1)
	for _, t := range body.Initializer {
		t.DocString = ""
		a := &Attribute{Name: "value", Type: TensorAttribute, T: t}
		out.Node = append(out.Node, &Node{OpType: "Constant", Name: t.Name, Output: []string{t.Name}, Attribute: []*Attribute{a}})
	}
	out.Node = append(out.Node, body.Node...)
	for _, v := range body.Input {
		out.Input = append(out.Input, v.Name)
	}
	for _, v := range body.Output {
		out.Output = append(out.Output, v.Name)
	}
	out.ValueInfo = append(body.Input, body.ValueInfo...)
	domains := map[string]bool{}
	for n := range f.Body.Walk() {
		if n.Domain != "" && !domains[n.Domain] {
			domains[n.Domain] = true
			out.OpsetImport = append(out.OpsetImport, &OperatorSetID{Domain: n.Domain, Version: 1})
		}
	}
	return out, nil
}
