package onnx

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Limits bound a file that somebody else made. Zero fields take those of Default.
type Limits struct {
	Bytes   int  // of the file, data from elsewhere included
	Nodes   int  // with every function call replaced by its nodes
	Tensors int  // initialisers, and tensors in attributes
	Depth   int  // of graphs in graphs and functions in functions
	Foreign bool // operators of domains that no standard defines may stand in the file: it is to be looked at, not run
	Outside bool // numbers may lie in other files: they are not looked at
	Strict  bool // onnxruntime's own extensions are refused too, so that every operator has a public definition
}

// Default are the limits of files that are opened without further word; Untrusted those of files from strangers. Bytes is the most that a protobuf
// message can hold; what models of today have stays far below the rest.
var (
	Default   = Limits{Bytes: 1<<31 - 1, Nodes: 1 << 19, Tensors: 1 << 18, Depth: 32}
	Untrusted = Limits{Bytes: 256 << 20, Nodes: 1 << 16, Tensors: 1 << 15, Depth: 8, Strict: true}
)

// ErrExternal is wrapped by the error of Validate for a tensor whose numbers lie in another file.
var ErrExternal = errors.New("its numbers are in another file, which is not read; save the model with all data inside")

func (l Limits) filled() Limits {
	for _, f := range []struct {
		v         *int
		otherwise int
	}{{&l.Bytes, Default.Bytes}, {&l.Nodes, Default.Nodes}, {&l.Tensors, Default.Tensors}, {&l.Depth, Default.Depth}} {
		if *f.v == 0 {
			*f.v = f.otherwise
		}
	}
	return l
}

// Validate reads a file that is not to be trusted and holds it against the limits before any engine sees it: size, nodes, tensors, depth of graphs
// and calls, functions that call themselves, IR version and operator sets, names of operators, and for each tensor the product of its dimensions
// against the bytes given. Data outside the file are refused; Embed takes them in first. The bytes that were validated are what an engine is to be
// given, never the path they came from. It does not say that the file is valid ONNX (Check) or that an engine can run it.
func Validate(file []byte, l Limits) (*Model, error) {
	l = l.filled()
	if len(file) > l.Bytes {
		return nil, fmt.Errorf("onnx: the file has %d bytes, more than the %d allowed", len(file), l.Bytes)
	}
	m, err := Unmarshal(file)
	if err != nil {
		return nil, err
	}
	return m, m.Validate(l)
}

// Validate holds a model that was read against the limits, those on bytes apart.
func (m *Model) Validate(l Limits) error {
	v := &validator{limits: l.filled(), functions: newShared(m).functions, known: map[*Function]*extent{}, unknown: map[string]bool{}}
	if err := v.model(m); err != nil {
		return fmt.Errorf("onnx: %w", err)
	}
	return nil
}

type validator struct {
	limits    Limits
	functions map[[3]string]*Function
	known     map[*Function]*extent // nil: its body is being read
	tensors   int
	calls     int // functions whose bodies are being read
	unknown   map[string]bool
}

// extent is what a list of nodes comes to with all its calls and graphs.
type extent struct{ nodes, depth int }

func (v *validator) model(m *Model) error {
	if err := v.header(m); err != nil {
		return err
	}
	total := extent{}
	for _, f := range m.Functions {
		if _, err := v.function(f); err != nil {
			return err
		}
	}
	for _, g := range m.graphs() {
		e, err := v.graph(fmt.Sprintf("graph %q", short(g.Name)), g, 1)
		if err != nil {
			return err
		}
		if total.nodes += e.nodes; total.nodes > v.limits.Nodes {
			return v.tooMany("graph "+short(g.Name), total.nodes)
		}
	}
	if len(v.unknown) > 0 && !v.limits.Foreign {
		return fmt.Errorf("operators of no known set: %s; export the model with standard operators", some(v.unknown))
	}
	return nil
}

// graphs are the main graph and those of training.
func (m *Model) graphs() []*Graph {
	all := []*Graph{m.Main}
	for _, t := range m.TrainingInfo {
		all = append(all, t.Initialization, t.Algorithm)
	}
	return slices.DeleteFunc(all, func(g *Graph) bool { return g == nil })
}

func (v *validator) header(m *Model) error {
	if m.Main == nil {
		return errors.New("it holds no graph, so it is no ONNX model or a damaged one")
	}
	if m.IRVersion < 1 || m.IRVersion > newestIR {
		return fmt.Errorf("IR version %d; 1 to %d are known: write the model with an older IR version", m.IRVersion, newestIR)
	}
	for _, o := range m.OpsetImport {
		if domain(o.Domain) == "" && (o.Version < oldestOpset || o.Version > newestOpset) {
			return fmt.Errorf("opset %d; %d to %d are known: write the model with an older opset", o.Version, oldestOpset, newestOpset)
		}
	}
	return nil
}

func (v *validator) graph(where string, g *Graph, depth int) (extent, error) {
	if depth > v.limits.Depth {
		return extent{}, fmt.Errorf("%s: graphs nest more than %d deep", where, v.limits.Depth)
	}
	for _, t := range g.Initializer {
		if err := v.tensor(where, t); err != nil {
			return extent{}, err
		}
	}
	for _, s := range g.SparseInitializer {
		if err := v.sparse(where, s); err != nil {
			return extent{}, err
		}
	}
	for _, list := range [][]*ValueInfo{g.Input, g.Output, g.ValueInfo} {
		for _, value := range list {
			if err := declaredSize(value); err != nil {
				return extent{}, fmt.Errorf("%s: %w", where, err)
			}
		}
	}
	return v.nodes(where, g.Node, depth)
}

// nodes is the extent of a list of nodes at a depth.
func (v *validator) nodes(where string, list []*Node, depth int) (extent, error) {
	sum := extent{depth: 1}
	for i, n := range list {
		at := fmt.Sprintf("%s: node %d %q (%s)", tail(where), i, short(n.Name), short(n.OpType))
		e, err := v.node(at, n, depth)
		if err != nil {
			return sum, err
		}
		sum.nodes, sum.depth = sum.nodes+e.nodes, max(sum.depth, 1+e.depth)
		if sum.nodes > v.limits.Nodes {
			return sum, v.tooMany(where, sum.nodes)
		}
		if depth+sum.depth-1 > v.limits.Depth {
			return sum, fmt.Errorf("%s: graphs and calls nest more than %d deep", at, v.limits.Depth)
		}
	}
	return sum, nil
}

func (v *validator) tooMany(where string, n int) error {
	return fmt.Errorf("%s: %d nodes and more, with functions in place, above the %d allowed", where, n, v.limits.Nodes)
}

func (v *validator) node(at string, n *Node, depth int) (extent, error) {
	e := extent{nodes: 1}
	if f := v.functions[[3]string{domain(n.Domain), n.OpType, n.Overload}]; f != nil {
		inner, err := v.function(f)
		if err != nil {
			return e, err
		}
		e = extent{1 + inner.nodes, inner.depth}
	} else if !v.operator(n) {
		v.unknown[strings.TrimPrefix(short(n.Domain)+"."+short(n.OpType), ".")] = true
	}
	for _, a := range n.Attribute {
		inner, err := v.attribute(at+": attribute "+short(a.Name), a, depth)
		if err != nil {
			return e, err
		}
		e.nodes, e.depth = e.nodes+inner.nodes, max(e.depth, inner.depth)
	}
	return e, nil
}

// operator reports that an engine can know the node's operator.
func (v *validator) operator(n *Node) bool {
	d := domain(n.Domain)
	return standard[d][n.OpType] || extensions[d] && !v.limits.Strict
}

// function is the extent of a function's body. One that calls itself, through others too, is an error.
func (v *validator) function(f *Function) (extent, error) {
	where := fmt.Sprintf("function %s.%s", short(f.Domain), short(f.Name))
	if e, seen := v.known[f]; seen {
		if e == nil {
			return extent{}, fmt.Errorf("%s calls itself", where)
		}
		return *e, nil
	}
	v.known[f] = nil
	if v.calls++; v.calls > v.limits.Depth {
		return extent{}, fmt.Errorf("%s: graphs and calls nest more than %d deep", where, v.limits.Depth)
	}
	defer func() { v.calls-- }()
	if len(v.known) > v.limits.Tensors {
		return extent{}, fmt.Errorf("more than %d functions", v.limits.Tensors)
	}
	for _, a := range f.AttributeProto {
		if _, err := v.attribute(where+": attribute "+short(a.Name), a, 1); err != nil {
			return extent{}, err
		}
	}
	e, err := v.nodes(where, f.Node, 1)
	if err != nil {
		return e, err
	}
	v.known[f] = &e
	return e, nil
}

// attribute looks into the tensors and graphs of an attribute.
func (v *validator) attribute(at string, a *Attribute, depth int) (e extent, err error) {
	for _, t := range append(slices.Clone(a.Tensors), a.T) {
		if t != nil && err == nil {
			err = v.tensor(at, t)
		}
	}
	for _, s := range append(slices.Clone(a.SparseTensors), a.SparseTensor) {
		if s != nil && err == nil {
			err = v.sparse(at, s)
		}
	}
	for _, g := range append(slices.Clone(a.Graphs), a.G) {
		if g == nil || err != nil {
			continue
		}
		var inner extent
		inner, err = v.graph(at, g, depth+1)
		e.nodes, e.depth = e.nodes+inner.nodes, max(e.depth, inner.depth)
	}
	return e, err
}

// short keeps names from a file readable in an error.
func short(name string) string {
	if r := []rune(name); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return name
}

// tail keeps a path through many graphs readable.
func tail(where string) string {
	if r := []rune(where); len(r) > 200 {
		return "…" + string(r[len(r)-200:])
	}
	return where
}

// some lists the first names of a set.
func some(set map[string]bool) string {
	names := slices.Sorted(maps.Keys(set))
	if n := len(names); n > 8 {
		return strings.Join(names[:8], ", ") + fmt.Sprintf(" and %d more", n-8)
	}
	return strings.Join(names, ", ")
}
