package onnx

import (
	"math"
	"slices"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// survey walks a model in the order of execution, with every named length replaced by a number, and follows types and shapes as far as the operators'
// rows, the rules of foreign.go and the file's own declarations tell. What it cannot tell it leaves open; it never fails.
type survey struct {
	*shared
	model    *Model
	lengths  map[string]int64
	named    map[string]bool // dimensions that inputs and outputs name
	elements map[string]bool
	gaps     map[missingKernel]bool
	once     *tally
	step     *tally // one step of every loop
	loops    []LoopCost
	visited  int
	cut      bool // more nodes than are walked
}

// maxVisits bounds the nodes walked, functions counted at each call.
const maxVisits = maxNodes

// maxWalkDepth bounds graphs in graphs and calls in calls.
const maxWalkDepth = 64

func newSurvey(m *Model, lengths map[string]int64) *survey {
	return &survey{shared: newShared(m), model: m, lengths: lengths, named: map[string]bool{}, elements: map[string]bool{}, gaps: map[missingKernel]bool{},
		once: newTally(), step: newTally()}
}

// frame is where nodes stand: a graph, or a function's body at one call.
type frame struct {
	values   map[string]known
	outer    *frame
	declared map[string]*Type
	opset    map[string]int
	call     *Node
	inside   *Function
	tally    *tally
	depth    int
}

// known is what is known of a value: the code of its element type, 0 if not even that, and what shape rules read.
type known struct {
	code int32
	graph.Known
}

func (f *frame) find(name string) known {
	for ; f != nil; f = f.outer {
		if v, ok := f.values[name]; ok {
			return v
		}
	}
	return known{}
}

func (s *survey) run() {
	g := s.model.Main
	if g == nil {
		return
	}
	versions := map[string]int{}
	for _, o := range s.model.OpsetImport {
		versions[domain(o.Domain)] = int(o.Version)
	}
	f := &frame{values: map[string]known{}, declared: declaredTypes(g), opset: versions, tally: s.once}
	for _, v := range slices.Concat(g.Input, g.Output) {
		for _, d := range dimsOf(v.Type) {
			if d.Param != nil {
				s.named[d.length().Name] = true
			}
		}
	}
	for _, in := range g.Input {
		f.values[in.Name] = s.declaredAs(in.Type, 1)
	}
	s.body(g, f)
	for _, list := range [][]*ValueInfo{g.Input, g.Output, g.ValueInfo} {
		for _, v := range list {
			s.use(s.declaredAs(v.Type, 1).code)
		}
	}
}

func (s *survey) use(code int32) {
	if code != 0 && len(s.elements) < 64 {
		s.elements[ElementName(code)] = true
	}
}

func declaredTypes(g *Graph) map[string]*Type {
	out := map[string]*Type{}
	for _, list := range [][]*ValueInfo{g.ValueInfo, g.Output} {
		for _, v := range list {
			out[v.Name] = v.Type
		}
	}
	return out
}

func dimsOf(t *Type) []*Dimension {
	if t == nil || t.Tensor == nil || t.Tensor.Shape == nil {
		return nil
	}
	return t.Tensor.Shape.Dim
}

// declaredAs is a declared type with lengths in place of names. open is taken for a dimension that says nothing, -1 to leave it open.
func (s *survey) declaredAs(t *Type, open int) known {
	if t == nil || t.Tensor == nil {
		return known{}
	}
	k := known{code: t.Tensor.ElemType}
	k.DType, _ = dtypeOf(k.code) //nolint:errcheck // a type that programs do not have stays Invalid
	if t.Tensor.Shape == nil {
		return k
	}
	k.Shape = graph.Shape{}
	for _, d := range dimsOf(t) {
		k.Shape = append(k.Shape, s.length(d, open))
	}
	return k
}

func (s *survey) length(d *Dimension, open int) graph.Dim {
	l := d.length()
	n, given := s.lengths[l.Name]
	if !given {
		n = 1
	}
	switch v, fixed := l.Fixed(); {
	case fixed:
		return graph.Fix(v)
	case l.Known() && (given || s.named[l.Name]) && n >= 0 && n <= math.MaxInt32:
		return graph.Fix(l.Times*int(n) + l.Plus)
	case open >= 0:
		return graph.Fix(open)
	}
	return graph.Unknown
}

// body walks the initialisers and nodes of a graph.
func (s *survey) body(g *Graph, f *frame) {
	for _, t := range g.Initializer {
		f.values[t.Name] = initialValue(t)
		s.use(t.DataType)
	}
	for _, sparse := range g.SparseInitializer {
		if v := sparse.Values; v != nil {
			k := initialValue(v)
			k.Shape, k.Data, k.Ints = fixedShape(sparse.Dims), tensor.Tensor{}, nil
			f.values[v.Name] = k
			s.use(v.DataType)
		}
	}
	s.nodes(g.Node, f)
}

// maxFollowed is the number of elements of a constant that shape rules may read.
const maxFollowed = 64

func initialValue(t *Tensor) known {
	k := known{code: t.DataType}
	k.DType, _ = dtypeOf(t.DataType) //nolint:errcheck // a type that programs do not have stays Invalid
	n, ok := elements(t.Dims)
	if !ok {
		return k
	}
	k.Shape = fixedShape(t.Dims)
	if n <= maxFollowed {
		if v, err := t.value(); err == nil {
			k.Data = v
		}
	}
	return k
}

func fixedShape(dims []int64) graph.Shape {
	s := graph.Shape{}
	for _, d := range dims {
		s = append(s, graph.Fix(int(d)))
	}
	return s
}

func (s *survey) nodes(list []*Node, f *frame) {
	if f.depth > maxWalkDepth {
		s.cut = true
		return
	}
	for _, n := range list {
		if s.visited++; s.visited > maxVisits {
			s.cut = true
			return
		}
		in := make([]known, len(n.Input))
		for i, name := range n.Input {
			if name != "" {
				in[i] = f.find(name)
			}
		}
		for i, v := range s.declaredAll(n, s.node(n, in, f), f) {
			if n.Output[i] != "" {
				f.values[n.Output[i]] = v
				s.use(v.code)
			}
		}
	}
}

// declaredFor fills in what was not inferred from the file's declaration.
func (s *survey) declaredFor(v known, t *Type) known {
	if t == nil || v.code != 0 && v.Shape != nil && v.Shape.Known() {
		return v
	}
	d := s.declaredAs(t, -1)
	if v.code != 0 && d.code != v.code {
		return v
	}
	if d.Shape == nil || v.Shape != nil && !d.Shape.Known() {
		d.Shape = v.Shape
	}
	return d
}

// declaredAll is declaredFor of all outputs.
func (s *survey) declaredAll(n *Node, out []known, f *frame) []known {
	all := make([]known, len(n.Output))
	copy(all, out)
	for i, name := range n.Output {
		all[i] = s.declaredFor(all[i], f.declared[name])
	}
	return all
}

// node is what the node gives; its cost is added to the frame's tally.
func (s *survey) node(n *Node, in []known, f *frame) []known {
	if fn := s.functions[[3]string{domain(n.Domain), n.OpType, n.Overload}]; fn != nil {
		return s.function(fn, n, in, f)
	}
	if domain(n.Domain) == "" {
		if walk := control[n.OpType]; walk != nil {
			return walk(s, n, in, f)
		}
	}
	out := s.declaredAll(n, s.infer(n, in, f), f)
	s.note(n, in, out, f)
	f.tally.add(n, in, out)
	for _, a := range n.Attribute { // of operators with graphs that no row of control knows
		for _, g := range a.subgraphs() {
			s.walk(g, nil, f, s.step)
		}
	}
	return out
}

// note keeps the kernels that the node's first input, or else its first output, has none of.
func (s *survey) note(n *Node, in, out []known, f *frame) {
	if domain(n.Domain) != "" {
		return
	}
	code := int32(0)
	for _, k := range append(append([]known{}, in...), out...) {
		if code = k.code; code != 0 && !(n.OpType == "Where" && ElementName(code) == "bool") {
			break
		}
	}
	if k, ok := gap(n.OpType, ElementName(code), int64(f.opset[""])); ok && len(s.gaps) < 64 {
		s.gaps[k] = true
	}
}

// infer applies the operator's row, else the rules of operators that have none.
func (s *survey) infer(n *Node, in []known, f *frame) []known {
	if out := s.byRow(n, in, f); out != nil {
		fold(n, in, out)
		return out
	}
	return foreignTypes(n, in)
}

// byRow reads the node as Model.Graph does, alone: nil if it cannot.
func (s *survey) byRow(n *Node, in []known, f *frame) []known {
	if _, ok := versions[n.OpType]; !ok || domain(n.Domain) != "" {
		return nil
	}
	b := graph.NewBuilder("")
	values := make([]*graph.Value, len(in))
	for i, k := range in {
		if n.Input[i] == "" {
			continue
		}
		if k.DType == tensor.Invalid {
			return nil
		}
		values[i] = &graph.Value{Name: n.Input[i], Kind: graph.Captured, Type: k.Type, Data: k.Data, Ints: k.Ints}
	}
	r := &reader{model: s.model, b: b, main: b, opset: f.opset, env: newScope(nil), call: f.call, inside: f.inside, shared: s.shared}
	out, err := r.apply(n, values)
	if err != nil || b.Err() != nil {
		return nil
	}
	kept := make([]known, len(out))
	for i, v := range out {
		if v == nil {
			continue
		}
		kept[i] = known{int32(graph.Code(v.Type.DType)), graph.Known{Type: v.Type, Ints: v.Ints}}
		if (v.Kind == graph.Constant || v.Kind == graph.Captured) && v.Data.Len() <= maxFollowed {
			kept[i].Data = v.Data
		}
	}
	return kept
}
