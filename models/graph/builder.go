package graph

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fmtool/models/tensor"
)

// Builder makes a Graph. It keeps the first error; after one, every call returns a placeholder and does nothing, so that a network is written without
// checks and Graph reports what went wrong and where.
type Builder struct {
	g     *Graph
	outer *Builder // of a subgraph's builder
	scope []string
	names map[string]int    // how often each base name was used
	own   map[*Value]bool   // the values this graph defines
	seen  map[*Value]*Value // captures by outer value
	err   error

	flat bool                            // replace calls of functions by their nodes
	elem func(tensor.DType) tensor.DType // replacement of element types in copies
}

// NewBuilder starts an empty graph.
func NewBuilder(name string) *Builder {
	return &Builder{g: &Graph{Name: name}, names: map[string]int{}, own: map[*Value]bool{}, seen: map[*Value]*Value{}}
}

// Err is the first error.
func (b *Builder) Err() error { return b.err }

// Fail records an error, if it is the first, with the current scope. It returns a placeholder.
func (b *Builder) Fail(err error) *Value {
	if b.err == nil {
		if len(b.scope) > 0 {
			err = fmt.Errorf("%s: %w", strings.Join(b.scope, "/"), err)
		}
		b.err = err
	}
	return &Value{Name: "error", Type: Type{DType: tensor.Float32}}
}

// Scope runs build with name added to the path of the nodes, such as "layer1".
func (b *Builder) Scope(name string, build func()) {
	b.scope = append(b.scope, name)
	build()
	b.scope = b.scope[:len(b.scope)-1]
}

// Path is name below the current scope, as nodes are named: "net/layer1/name".
func (b *Builder) Path(name string) string {
	return strings.Join(append(b.scope[:len(b.scope):len(b.scope)], name), "/")
}

// Input adds an input. Its name must be new.
func (b *Builder) Input(name string, d tensor.DType, dims ...Dim) *Value {
	v := &Value{Name: name, Kind: Input, Type: Type{d, append(Shape{}, dims...)}}
	if !b.claim(name) {
		return b.Fail(fmt.Errorf("graph: %q names two values", name))
	}
	b.g.Inputs = append(b.g.Inputs, v)
	b.own[v] = true
	return v
}

// SubInput adds an input of a subgraph, under a name made unique; the caller of the body gives it by position.
func (b *Builder) SubInput(name string, t Type) *Value {
	v := &Value{Name: b.unique(name), Kind: Input, Type: t}
	b.g.Inputs = append(b.g.Inputs, v)
	b.own[v] = true
	return v
}

// Param adds a parameter with its initial numbers, or returns the one that has that name already if type and shape agree. Parameters belong to the
// main graph, so a subgraph that uses one captures it.
func (b *Builder) Param(name string, initial tensor.Tensor) *Value {
	if b.outer != nil {
		return b.main().Param(name, initial)
	}
	if v := b.g.Param(name); v != nil {
		if v.Type.String() != TypeOf(initial).String() {
			return b.Fail(fmt.Errorf("graph: parameter %s is %v and %v", name, v.Type, initial))
		}
		return v
	}
	if !b.claim(name) {
		return b.Fail(fmt.Errorf("graph: %q names two values", name))
	}
	v := &Value{Name: name, Kind: Param, Type: TypeOf(initial), Data: initial}
	b.g.Params = append(b.g.Params, v)
	b.own[v] = true
	return v
}

// Const adds a constant.
func (b *Builder) Const(t tensor.Tensor) *Value { return b.NamedConst("const", t) }

// NamedConst adds a constant with a telling name, made unique.
func (b *Builder) NamedConst(name string, t tensor.Tensor) *Value {
	v := &Value{Name: b.unique(b.Path(name)), Kind: Constant, Type: TypeOf(t), Data: t, Ints: smallInts(t)}
	b.g.Constants = append(b.g.Constants, v)
	b.own[v] = true
	return v
}

// Scalar adds a rank-0 constant of type d.
func (b *Builder) Scalar(d tensor.DType, v float64) *Value {
	return b.Const(tensor.Scalar(v).Convert(d))
}

// Ints adds a constant int64 vector, the form of shapes and axes.
func (b *Builder) Ints(list ...int) *Value {
	data := make([]int64, len(list))
	for i, v := range list {
		data[i] = int64(v)
	}
	return b.Const(tensor.Of(data, len(data)))
}

// Op applies an operator with one output.
func (b *Builder) Op(op string, attrs Attrs, in ...*Value) *Value {
	return b.OpN(op, attrs, 1, in...)[0]
}

// OpN applies an operator with n outputs. A nil input is an omitted one.
func (b *Builder) OpN(op string, attrs Attrs, n int, in ...*Value) []*Value {
	return b.add(&Node{Op: op, In: in, Attrs: attrs}, n)
}

// Call applies a function of the graph.
func (b *Builder) Call(f *Function, in ...*Value) []*Value {
	b.addFunction(f)
	return b.add(&Node{Op: f.Name, Domain: f.Domain, In: in}, len(f.Body.Outputs))
}

func (b *Builder) addFunction(f *Function) {
	g := b.main().g
	switch have := g.Function(f.Domain, f.Name); have {
	case nil:
		g.Functions = append(g.Functions, f)
	case f:
	default:
		b.Fail(fmt.Errorf("graph: two functions %s of domain %s", f.Name, f.Domain))
	}
}

// Node adds a node that has its attributes, inputs and, unlike Op's, its own name; a nil input is an omitted one.
func (b *Builder) Node(n *Node, outputs int) []*Value { return b.add(n, outputs) }

// add completes a node: checks it, infers its outputs' types and appends it.
func (b *Builder) add(n *Node, outputs int) []*Value {
	if n.Name == "" {
		n.Name = strings.ToLower(n.Op)
	}
	n.Name = b.unique(b.Path(n.Name))
	n.In = slices.Clone(n.In) // the list is the caller's
	n.Out = make([]*Value, outputs)
	for i := range n.Out {
		name := n.Name
		if i > 0 {
			name = b.unique(n.Name + "." + strconv.Itoa(i))
		}
		n.Out[i] = &Value{Name: name, Node: n, Index: i, Type: Type{DType: tensor.Float32}}
	}
	if b.err != nil {
		return n.Out
	}
	for i, v := range n.In {
		if v != nil {
			n.In[i] = b.local(v)
		}
	}
	if err := b.main().g.InferNode(n); err != nil {
		b.Fail(err)
		return n.Out
	}
	b.g.Nodes = append(b.g.Nodes, n)
	for _, v := range n.Out {
		b.own[v] = true
	}
	return n.Out
}

// Sub builds a subgraph. Outer values used inside become captures by themselves.
func (b *Builder) Sub(name string, build func(sub *Builder)) *Graph {
	sub := NewBuilder(name)
	sub.outer = b
	sub.scope = append([]string(nil), b.scope...)
	build(sub)
	if sub.err != nil && b.err == nil {
		b.err = fmt.Errorf("%s: %w", name, sub.err)
	}
	return sub.g
}

// local returns v as this graph sees it: itself, or the capture of an outer value.
func (b *Builder) local(v *Value) *Value {
	if b.outer == nil || b.own[v] {
		return v
	}
	if in := b.seen[v]; in != nil {
		return in
	}
	outer := b.outer.local(v)
	in := &Value{Name: outer.Name, Kind: Captured, Type: outer.Type, Data: outer.constant(), Ints: outer.Ints}
	b.g.Captures = append(b.g.Captures, Capture{outer, in})
	b.own[in] = true
	b.seen[v] = in
	return in
}

// Output lets v leave as name.
func (b *Builder) Output(name string, v *Value) {
	b.g.Outputs = append(b.g.Outputs, Output{name, b.local(v)})
}

// Graph returns the finished graph, verified.
func (b *Builder) Graph() (*Graph, error) {
	if b.err != nil {
		return nil, b.err
	}
	if len(b.g.Outputs) == 0 {
		return nil, errors.New("graph: no output")
	}
	return b.g, b.g.Verify()
}

func (b *Builder) main() *Builder {
	for b.outer != nil {
		b = b.outer
	}
	return b
}

// claim reserves a name that users see; false if it is taken.
func (b *Builder) claim(name string) bool {
	b.main().names[name]++
	return b.main().names[name] == 1
}

// unique returns base, or base_2, base_3, … if it is taken. ONNX forbids shadowing, so subgraphs share the main graph's names.
func (b *Builder) unique(base string) string {
	names := b.main().names
	for name := base; ; {
		names[base]++
		if names[base] > 1 {
			name = base + "_" + strconv.Itoa(names[base])
		}
		if name == base {
			return name
		}
		if names[name] == 0 {
			names[name]++
			return name
		}
	}
}

// maxInts is how many elements of an integer value are followed.
const maxInts = 64

// smallInts returns the elements of an integer tensor of rank 0 or 1 with at most maxInts elements.
func smallInts(t tensor.Tensor) []Dim {
	if !t.DType().IsInteger() || t.Rank() > 1 || t.Len() > maxInts {
		return nil
	}
	out := make([]Dim, t.Len())
	for i, v := range t.Convert(tensor.Int64).Int64() {
		out[i] = Fix(int(v))
	}
	return out
}
