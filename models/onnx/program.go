package onnx

import (
	"errors"
	"fmt"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// maxNodes bounds what functions that call functions can blow up to.
const maxNodes = 1 << 19

// Graph converts the model to a program in canonical form. An operator, domain or version that is not read, a value that is no tensor, and a node
// that does not fit its inputs are errors that name the node.
//
// Functions whose inputs have declared types, as FromGraph writes them, stay functions; others are replaced by their nodes wherever they are called.
func (m *Model) Graph() (*graph.Graph, error) {
	r, err := newReader(m)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	g, err := r.program()
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	return g, nil
}

// unread is a part of the format that is valid and not read: errors.Is reports errors.ErrUnsupported.
type unread struct{ what string }

func (u unread) Error() string        { return u.what }
func (u unread) Is(target error) bool { return target == errors.ErrUnsupported }

func notRead(format string, args ...any) error { return unread{fmt.Sprintf(format, args...)} }

// newReader prepares to read the main graph.
func newReader(m *Model) (*reader, error) {
	if m.IRVersion < oldestIR || m.IRVersion > newestIR {
		return nil, notRead("IR version %d; versions %d to %d are read", m.IRVersion, oldestIR, newestIR)
	}
	if m.Main == nil {
		return nil, errors.New("the model has no graph")
	}
	opset, err := imports(m.OpsetImport)
	if err != nil {
		return nil, err
	}
	r := &reader{model: m, b: graph.NewBuilder(m.Main.Name), opset: opset, env: newScope(nil), shared: newShared(m)}
	r.main = r.b
	return r, nil
}

// imports is the versions of the operator sets by domain; ONNX's own is "".
func imports(list []*OperatorSetID) (map[string]int, error) {
	versions := map[string]int{}
	for _, o := range list {
		versions[domain(o.Domain)] = int(o.Version)
	}
	v, ok := versions[""]
	if ok && (v < oldestOpset || v > newestOpset) {
		return nil, notRead("opset %d; %d to %d are read", v, oldestOpset, newestOpset)
	}
	return versions, nil
}

func domain(d string) string {
	if d == "ai.onnx" {
		return ""
	}
	return d
}

// reader builds one graph, or one function's body, from named values.
type reader struct {
	model  *Model
	b      *graph.Builder
	main   *graph.Builder // of the outermost graph: parameters live there
	opset  map[string]int
	env    *scope
	call   *Node // of the function being replaced by its nodes; nil outside
	inside *Function
	*shared
}

// shared is what all readers of a model have in common.
type shared struct {
	nodes     int // so far
	depth     int // of calls
	functions map[[3]string]*Function
	kept      map[*Function]*graph.Function
}

// scope is the values of a graph by name; those of the graph around it are seen too.
type scope struct {
	values map[string]*graph.Value
	outer  *scope
}

func newScope(outer *scope) *scope { return &scope{map[string]*graph.Value{}, outer} }

func (s *scope) find(name string) (*graph.Value, bool) {
	for ; s != nil; s = s.outer {
		if v, ok := s.values[name]; ok {
			return v, true
		}
	}
	return nil, false
}

func (r *reader) program() (*graph.Graph, error) {
	if err := r.keepFunctions(); err != nil {
		return nil, err
	}
	if err := r.inputs(r.model.Main); err != nil {
		return nil, err
	}
	if err := r.body(r.model.Main); err != nil {
		return nil, err
	}
	for _, o := range r.model.Main.Output {
		v, err := r.value(o.Name)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", o.Name, err)
		}
		r.b.Output(o.Name, v)
	}
	g, err := r.b.Graph()
	if err != nil {
		return nil, err
	}
	g.Doc = r.model.Main.DocString
	return g, nil
}

// inputs adds the inputs of the main graph that no initialiser gives a value.
func (r *reader) inputs(g *Graph) error {
	given := map[string]bool{}
	for _, t := range g.Initializer {
		given[t.Name] = true
	}
	for _, in := range g.Input {
		if given[in.Name] {
			continue
		}
		t, err := typeOf(in.Type)
		if err != nil {
			return fmt.Errorf("input %q: %w", in.Name, err)
		}
		v := r.b.Input(in.Name, t.DType, t.Shape...)
		v.Type.Shape = t.Shape // nil: unknown rank
		if err := r.define(in.Name, v); err != nil {
			return err
		}
	}
	return nil
}

// body adds the initialisers and nodes of g.
func (r *reader) body(g *Graph) error {
	if len(g.SparseInitializer) > 0 {
		return notRead("graph %q has sparse initialisers, which are not read", g.Name)
	}
	for _, t := range g.Initializer {
		data, err := t.value()
		if err != nil {
			return fmt.Errorf("initialiser %q: %w", t.Name, err)
		}
		var v *graph.Value
		if isParameter(t, data, r.b == r.main) {
			v = r.main.Param(t.Name, data)
		} else {
			v = r.b.NamedConst(t.Name, data)
		}
		if err := r.define(t.Name, v); err != nil {
			return err
		}
	}
	for _, n := range g.Node {
		if err := r.node(n); err != nil {
			return fmt.Errorf("node %q (%s): %w", nodeName(n), n.OpType, err)
		}
	}
	return r.b.Err()
}

// The doc strings that mark an initialiser which is not what the rule of isParameter takes it for, and a node that only gives an output its name.
const (
	markConstant  = "constant"
	markParameter = "parameter"
	markOutput    = "output"
)

// isParameter: floating-point numbers of rank ≥ 1 in the main graph, unless marked.
func isParameter(t *Tensor, data tensor.Tensor, mainGraph bool) bool {
	switch t.DocString {
	case markConstant:
		return false
	case markParameter:
		return true
	}
	return mainGraph && data.DType().IsFloat() && data.Rank() > 0
}

// nodeName is the node's name or, without one, its first output's.
func nodeName(n *Node) string {
	if n.Name != "" || len(n.Output) == 0 {
		return n.Name
	}
	return n.Output[0]
}

func (r *reader) define(name string, v *graph.Value) error {
	if _, taken := r.env.find(name); taken {
		return fmt.Errorf("the name %q is given to two values", name)
	}
	r.env.values[name] = v
	return r.b.Err()
}

// value is the value called name; "" is an omitted one.
func (r *reader) value(name string) (*graph.Value, error) {
	if name == "" {
		return nil, nil
	}
	v, ok := r.env.find(name)
	if !ok {
		return nil, fmt.Errorf("no value %q is computed before it", name)
	}
	return v, nil
}

func (r *reader) node(n *Node) error {
	if r.nodes++; r.nodes > maxNodes {
		return fmt.Errorf("more than %d nodes, functions counted at each call", maxNodes)
	}
	in := make([]*graph.Value, len(n.Input))
	for i, name := range n.Input {
		v, err := r.value(name)
		if err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
		in[i] = v
	}
	out, err := r.apply(n, in)
	if err != nil {
		return err
	}
	if err := r.b.Err(); err != nil {
		return err
	}
	for i, name := range n.Output {
		if name == "" || i >= len(out) {
			continue
		}
		if out[i] == nil {
			return fmt.Errorf("output %q is not computed", name)
		}
		if err := r.define(name, out[i]); err != nil {
			return err
		}
	}
	return nil
}

// apply adds what computes the node's outputs.
func (r *reader) apply(n *Node, in []*graph.Value) ([]*graph.Value, error) {
	if f := r.function(n); f != nil {
		return r.callFunction(f, n, in)
	}
	if d := domain(n.Domain); d != "" {
		return nil, notRead("operator %s of domain %s is not in the table of operators, and the model has no such function", n.OpType, d)
	}
	if n.OpType == "Identity" && n.DocString == markOutput && len(in) == 1 {
		return in, nil
	}
	version, ok := r.opset[""]
	if !ok && len(r.opset) > 0 {
		return nil, errors.New("the model imports no opset of ONNX's own operators")
	}
	kind, err := lookup(n.OpType, max(version, 1))
	if err != nil {
		return nil, err
	}
	attrs, err := r.attributes(n, in)
	if err != nil {
		return nil, err
	}
	c := &conversion{op: n.OpType, name: nodeName(n), version: max(version, 1), in: in, attrs: attrs, outputs: wanted(n), b: r.b}
	if c.version < 6 {
		delete(c.attrs, "consumed_inputs") // said which inputs may be overwritten
	}
	if err := c.run(kind.read); err != nil || c.out != nil {
		return c.out, err
	}
	return r.b.Node(&graph.Node{Op: c.op, Name: c.name, In: c.in, Attrs: c.attrs}, c.outputs), nil
}

// wanted is the number of outputs up to the last that has a name; at least one.
func wanted(n *Node) int {
	count := len(n.Output)
	for count > 1 && n.Output[count-1] == "" {
		count--
	}
	return max(count, 1)
}
