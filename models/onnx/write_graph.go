package onnx

import (
	"fmt"
	"slices"
	"strconv"

	"fmtool/models/graph"
)

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
