package graph

import (
	"fmt"
	"slices"

	"fmtool/models/tensor"
)

// InferNode checks a node against its operator's row and sets its outputs' types. Function calls are resolved in g, the main graph.
func (g *Graph) InferNode(n *Node) error {
	in := make([]Known, len(n.In))
	for i, v := range n.In {
		if v != nil {
			in[i] = Known{v.Type, v.constant(), v.Ints}
		}
	}
	out, err := g.infer(n, in)
	if err != nil {
		return err
	}
	for i, v := range n.Out {
		v.Type, v.Ints = out[i].Type, out[i].Ints
	}
	return nil
}

func (g *Graph) infer(n *Node, in []Known) ([]Known, error) {
	if n.Domain == "" {
		return Infer(n, in)
	}
	f := g.Function(n.Domain, n.Op)
	if f == nil {
		return nil, fmt.Errorf("graph: %s: no function %s of domain %s", n.Name, n.Op, n.Domain)
	}
	if g.expanded(f, map[*Function]int{}) > maxExpanded {
		return nil, fmt.Errorf("graph: function %s calls itself, or expands to more than %d nodes", f.Name, maxExpanded)
	}
	return f.infer(g, in, len(n.Out))
}

// maxExpanded bounds a call's nodes: a chain of functions that each call the next twice doubles them at every link.
const maxExpanded = 1 << 16

// expanded is the number of nodes that a call of f stands for; known holds what is counted already. It stops counting above maxExpanded.
func (g *Graph) expanded(f *Function, known map[*Function]int) int {
	if n, ok := known[f]; ok {
		return n
	}
	known[f] = maxExpanded + 1 // if it is met again while it is counted
	nodes := 0
	for n := range f.Body.Walk() {
		nodes++
		if callee := g.Function(n.Domain, n.Op); n.Domain != "" && callee != nil {
			nodes = min(nodes+g.expanded(callee, known), maxExpanded+1)
		}
	}
	known[f] = nodes
	return nodes
}

// Infer applies the shape rule of an operator node to what is known of its inputs. With every number known, as an engine knows them during
// a run, the shapes of all operators are exact.
func Infer(n *Node, in []Known) ([]Known, error) {
	op, err := Lookup(n.Op)
	if err != nil {
		return nil, err
	}
	if err := op.check(n); err != nil {
		return nil, err
	}
	for i, k := range in {
		if k.Ints == nil {
			in[i].Ints = smallInts(k.Data)
		}
	}
	c := Inference{Node: n, In: in, Out: make([]Known, len(n.Out))}
	if err := op.Infer(&c); err != nil {
		return nil, fmt.Errorf("graph: %s: %w", n.Op, err)
	}
	for i := range c.Out {
		if err := c.Out[i].settle(); err != nil {
			return nil, fmt.Errorf("graph: %s: %w", n.Op, err)
		}
	}
	return c.Out, nil
}

// maxElements bounds what one value may hold: lengths read from numbers in a file can ask for anything.
const maxElements = 1 << 31

// settle refuses a shape that no value can have, and forgets integers that the value cannot hold.
func (k *Known) settle() error {
	size := 1.0
	for _, d := range k.Shape {
		n, ok := d.Fixed()
		if ok && n < 0 {
			return fmt.Errorf("shape %v has a negative length", k.Shape)
		}
		if ok {
			size *= float64(n)
		}
	}
	if size > maxElements {
		return fmt.Errorf("shape %v has more than %d elements", k.Shape, maxElements)
	}
	if n, ok := k.Shape.Size().Fixed(); k.Ints != nil && (!ok || n != len(k.Ints) || len(k.Shape) > 1) {
		k.Ints = nil
	}
	for i, d := range k.Ints {
		if !holds(k.DType, d) {
			k.Ints = slices.Clone(k.Ints)
			k.Ints[i] = Unknown
		}
	}
	return nil
}

// holds reports that elements of type t can be the integer d: arithmetic wraps around where they cannot. A named length is taken to fit 32 bits.
func holds(t tensor.DType, d Dim) bool {
	n, fixed := d.Fixed()
	bits := 8 * t.Size()
	switch {
	case bits == 64:
		return t.IsSigned() || !fixed || n >= 0
	case !fixed:
		return bits == 32
	case t.IsSigned():
		return n >= -1<<(bits-1) && n < 1<<(bits-1)
	}
	return n >= 0 && n < 1<<bits
}

// check compares a node with the operator's arity and attributes.
func (op *Op) check(n *Node) error {
	for len(n.In) > op.MinIn && n.In[len(n.In)-1] == nil {
		n.In = n.In[:len(n.In)-1] // a trailing omitted input is none
	}
	if len(n.In) < op.MinIn || op.MaxIn >= 0 && len(n.In) > op.MaxIn {
		return fmt.Errorf("graph: %s: %d inputs, want %s", n.Op, len(n.In), span(op.MinIn, op.MaxIn))
	}
	for i := range op.MinIn {
		if n.In[i] == nil && n.Op != "Loop" { // Loop's trip count and condition may be absent
			return fmt.Errorf("graph: %s: input %d is missing", n.Op, i)
		}
	}
	if len(n.Out) < op.MinOut || op.MaxOut >= 0 && len(n.Out) > op.MaxOut {
		return fmt.Errorf("graph: %s: %d outputs, want %s", n.Op, len(n.Out), span(op.MinOut, op.MaxOut))
	}
	for name, v := range n.Attrs {
		kind, ok := op.Attrs[name]
		if !ok {
			return fmt.Errorf("graph: %s has no attribute %q", n.Op, name)
		}
		if have, ok := kindOf(v); !ok || have != kind {
			return fmt.Errorf("graph: %s: attribute %s holds a %T", n.Op, name, v)
		}
	}
	return nil
}

func span(lo, hi int) string {
	switch {
	case hi < 0:
		return fmt.Sprintf("at least %d", lo)
	case lo == hi:
		return fmt.Sprint(lo)
	}
	return fmt.Sprintf("%d to %d", lo, hi)
}

func kindOf(v any) (AttrKind, bool) {
	switch v.(type) {
	case int64:
		return IntAttr, true
	case float32:
		return FloatAttr, true
	case string:
		return StringAttr, true
	case tensor.Tensor:
		return TensorAttr, true
	case *Graph:
		return GraphAttr, true
	case []int64:
		return IntsAttr, true
	case []float32:
		return FloatsAttr, true
	case []string:
		return StringsAttr, true
	}
	return 0, false
}

// Function returns the function op of domain, nil if there is none.
func (g *Graph) Function(domain, op string) *Function {
	for _, f := range g.Functions {
		if f.Domain == domain && f.Name == op {
			return f
		}
	}
	return nil
}

// takes checks a call's number of inputs and outputs.
func (f *Function) takes(inputs, outputs int) error {
	if inputs != len(f.Body.Inputs) || outputs > len(f.Body.Outputs) {
		return fmt.Errorf("graph: function %s takes %d and gives %d, called with %d for %d", f.Name, len(f.Body.Inputs), len(f.Body.Outputs), inputs, outputs)
	}
	return nil
}

// infer runs the shape rules through a copy of the body, subgraphs included, made for the inputs of one call.
func (f *Function) infer(g *Graph, in []Known, outputs int) ([]Known, error) {
	if err := f.takes(len(in), outputs); err != nil {
		return nil, err
	}
	b, env := NewBuilder(f.Name), map[*Value]*Value{}
	b.g.Functions = g.Functions
	for i, v := range f.Body.Inputs {
		if in[i].DType != tensor.Invalid { // an omitted one is omitted in the body too
			env[v] = &Value{Name: v.Name, Kind: Captured, Type: in[i].Type, Data: in[i].Data, Ints: in[i].Ints}
		}
	}
	values := b.replay(g, f.Body, env)
	if b.err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, b.err)
	}
	out := make([]Known, outputs)
	for i, v := range values[:outputs] {
		if v == nil {
			return nil, fmt.Errorf("graph: function %s: output %d is an input that the call omits", f.Name, i)
		}
		out[i] = Known{v.Type, v.constant(), v.Ints}
	}
	return out, nil
}

// constant is the value's numbers if no run can change them.
func (v *Value) constant() tensor.Tensor {
	if v.Kind == Constant || v.Kind == Captured {
		return v.Data
	}
	return tensor.Tensor{}
}
