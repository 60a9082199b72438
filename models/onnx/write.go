package onnx

import (
	"errors"
	"fmt"
	"maps"
	"slices"

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
// where that name is an output's. Each value has its type and shape written beside it: named dimensions by name, unknown ones left open. (An output of
// unknown rank has no shape to write; engines take that, ONNX's checker does not.) The same program and metadata give the same bytes. What the profile cannot say is an error that names the operator and a profile that can.
func FromGraph(g *graph.Graph, p Profile, meta map[string]string) (*Model, error) {
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	if err := g.Verify(); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	m := &Model{
		IRVersion: int64(p.IR), ProducerName: ProducerName, ProducerVersion: ProducerVersion,
		OpsetImport: []*OperatorSetID{{Version: int64(p.Opset)}},
	}
	m.OpsetImport[0].zeros = bit(1) // the domain "", said explicitly
	m.SetMetadata(meta)
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

// functionTypes is the IR version since which functions declare types. In older files those of the inputs, which readers pass over, let Model.Graph keep the function.
const functionTypes = 10

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
	if out.ValueInfo = body.Input; p.IR >= functionTypes {
		out.ValueInfo = append(out.ValueInfo, body.ValueInfo...)
	}
	domains := map[string]bool{}
	for n := range f.Body.Walk() {
		if n.Domain != "" && !domains[n.Domain] {
			domains[n.Domain] = true
			out.OpsetImport = append(out.OpsetImport, &OperatorSetID{Domain: n.Domain, Version: 1})
		}
	}
	return out, nil
}
