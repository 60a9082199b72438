package graph

import (
	"fmt"
	"iter"
	"sort"

	"fmtool/models/tensor"
)

// Walk yields the nodes of the graph and of its subgraphs, each subgraph's before the node that holds it. Function bodies are not entered.
func (g *Graph) Walk() iter.Seq[*Node] {
	return func(yield func(*Node) bool) { g.walk(yield) }
}

func (g *Graph) walk(yield func(*Node) bool) bool {
	for _, n := range g.Nodes {
		for _, name := range sortedAttrs(n.Attrs) {
			if sub, ok := n.Attrs[name].(*Graph); ok && !sub.walk(yield) {
				return false
			}
		}
		if !yield(n) {
			return false
		}
	}
	return true
}

func sortedAttrs(attrs Attrs) []string {
	names := make([]string, 0, len(attrs))
	for name := range attrs {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Prune removes the nodes and constants no output depends on, and parameters too. Inputs stay: they are the contract.
func (g *Graph) Prune() {
	live := map[*Value]bool{}
	for _, o := range g.Outputs {
		live[o.Value] = true
	}
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := g.Nodes[i]
		used := false
		for _, v := range n.Out {
			used = used || live[v]
		}
		if !used {
			g.Nodes = append(g.Nodes[:i], g.Nodes[i+1:]...)
			continue
		}
		for _, v := range n.In {
			live[v] = true
		}
		for _, a := range n.Attrs {
			if sub, ok := a.(*Graph); ok {
				sub.Prune()
				sub.Captures = keep(sub.Captures, func(c Capture) bool { return sub.uses(c.Inner) })
				for _, c := range sub.Captures {
					live[c.Outer] = true
				}
			}
		}
	}
	alive := func(v *Value) bool { return live[v] }
	g.Params, g.Constants = keep(g.Params, alive), keep(g.Constants, alive)
}

func keep[T any](list []T, ok func(T) bool) []T {
	var out []T
	for _, v := range list {
		if ok(v) {
			out = append(out, v)
		}
	}
	return out
}

func contains(list []*Value, v *Value) bool {
	for _, have := range list {
		if have == v {
			return true
		}
	}
	return false
}

// uses reports whether v is an output, feeds a node, or is captured by a node's subgraph.
func (g *Graph) uses(v *Value) bool {
	for _, o := range g.Outputs {
		if o.Value == v {
			return true
		}
	}
	for _, n := range g.Nodes {
		if contains(n.In, v) {
			return true
		}
		for _, a := range n.Attrs {
			if sub, ok := a.(*Graph); ok {
				for _, c := range sub.Captures {
					if c.Outer == v {
						return true
					}
				}
			}
		}
	}
	return false
}

// Inline adds the nodes of g to the builder, with in for its inputs, and returns what its outputs become. Parameters are shared by name.
func (b *Builder) Inline(g *Graph, in ...*Value) []*Value {
	if len(in) != len(g.Inputs) {
		return repeat(b.Fail(fmt.Errorf("graph: %s takes %d inputs, got %d", g.Name, len(g.Inputs), len(in))), len(g.Outputs))
	}
	env := map[*Value]*Value{}
	for i, v := range g.Inputs {
		env[v] = in[i]
	}
	if !b.main().flat {
		for _, f := range g.Functions {
			b.addFunction(f)
		}
	}
	return b.replay(g, g, env)
}

func repeat(v *Value, n int) []*Value {
	out := make([]*Value, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// replay copies constants, parameters and nodes of g into the builder; env maps the values known so far, main holds the functions.
func (b *Builder) replay(main, g *Graph, env map[*Value]*Value) []*Value {
	for _, v := range g.Params {
		env[v] = b.main().Param(v.Name, b.retyped(v.Data))
	}
	for _, v := range g.Constants {
		env[v] = b.NamedConst(v.Name, b.retyped(v.Data))
	}
	for _, n := range g.Nodes {
		in := make([]*Value, len(n.In))
		for i, v := range n.In {
			in[i] = env[v]
		}
		for i, v := range b.again(main, n, in, env) {
			env[n.Out[i]] = v
		}
	}
	out := make([]*Value, len(g.Outputs))
	for i, o := range g.Outputs {
		out[i] = env[o.Value]
	}
	return out
}

// again applies node n to new inputs; a call of a function is replaced by the function's nodes if the builder flattens.
func (b *Builder) again(main *Graph, n *Node, in []*Value, env map[*Value]*Value) []*Value {
	if n.Domain == "" || !b.main().flat {
		return b.add(&Node{Op: n.Op, Domain: n.Domain, Name: n.Name, In: in, Attrs: b.copyAttrs(main, n, env)}, len(n.Out))
	}
	f := main.Function(n.Domain, n.Op)
	if f == nil || len(in) != len(f.Body.Inputs) || len(n.Out) > len(f.Body.Outputs) {
		return repeat(b.Fail(fmt.Errorf("graph: %s: no function %s of domain %s for %d inputs", n.Name, n.Op, n.Domain, len(in))), len(n.Out))
	}
	inner := map[*Value]*Value{}
	for i, v := range f.Body.Inputs {
		inner[v] = in[i]
	}
	return b.replay(main, f.Body, inner)[:len(n.Out)]
}

// copyAttrs copies attributes; subgraphs are rebuilt so that their captures point into this builder's graph.
func (b *Builder) copyAttrs(main *Graph, n *Node, env map[*Value]*Value) Attrs {
	if n.Op == "ConstantOfShape" && n.Tensor("value").IsZero() { // its default is a float32 zero
		return Attrs{"value": b.retyped(tensor.New(tensor.Float32, 1))}
	}
	if n.Attrs == nil {
		return nil
	}
	out := Attrs{}
	for _, name := range sortedAttrs(n.Attrs) {
		switch v := n.Attrs[name].(type) {
		case *Graph:
			out[name] = b.copySub(main, v, env)
		case tensor.Tensor:
			out[name] = b.retyped(v)
		default:
			out[name] = v
		}
	}
	if n.Op == "Cast" {
		if d, err := DTypeOf(n.Int("to", 0)); err == nil {
			out["to"] = int64(Code(b.dtype(d)))
		}
	}
	return out
}

func (b *Builder) copySub(main, g *Graph, env map[*Value]*Value) *Graph {
	return b.Sub(g.Name, func(sub *Builder) {
		inner := map[*Value]*Value{}
		for _, c := range g.Captures {
			inner[c.Inner] = env[c.Outer]
		}
		for _, v := range g.Inputs {
			inner[v] = sub.SubInput(v.Name, Type{b.dtype(v.Type.DType), v.Type.Shape})
		}
		for i, v := range sub.replay(main, g, inner) {
			sub.Output(g.Outputs[i].Name, v)
		}
	})
}

// Clone returns an independent copy that shares only the tensors.
func (g *Graph) Clone() (*Graph, error) { return g.copy(NewBuilder(g.Name)) }

// Flatten returns a copy in which every function call is replaced by the function's nodes.
func (g *Graph) Flatten() (*Graph, error) {
	b := NewBuilder(g.Name)
	b.flat = true
	return g.copy(b)
}

// Retype returns a copy whose values have the element types that elem gives for those of g: inputs, parameters, constants and the targets of Cast.
func (g *Graph) Retype(elem func(tensor.DType) tensor.DType) (*Graph, error) {
	b := NewBuilder(g.Name)
	b.elem = elem
	return g.copy(b)
}

func (g *Graph) copy(b *Builder) (*Graph, error) {
	b.g.Doc = g.Doc
	in := make([]*Value, len(g.Inputs))
	for i, v := range g.Inputs {
		in[i] = b.Input(v.Name, b.dtype(v.Type.DType), v.Type.Shape...)
	}
	for i, v := range b.Inline(g, in...) {
		b.Output(g.Outputs[i].Name, v)
	}
	return b.Graph()
}

// dtype is the element type that the copy uses for d.
func (b *Builder) dtype(d tensor.DType) tensor.DType {
	if elem := b.main().elem; elem != nil {
		return elem(d)
	}
	return d
}

func (b *Builder) retyped(t tensor.Tensor) tensor.Tensor {
	if d := b.dtype(t.DType()); d != t.DType() && !t.IsZero() {
		return t.Convert(d)
	}
	return t
}

// InlineBody adds the nodes of a subgraph of this builder's graph, with in for its inputs, and returns what its outputs become. Captures are
// the outer values themselves.
func (b *Builder) InlineBody(g *Graph, in ...*Value) []*Value {
	env := map[*Value]*Value{}
	for i, v := range g.Inputs {
		env[v] = in[i]
	}
	for _, c := range g.Captures {
		env[c.Inner] = b.local(c.Outer)
	}
	return b.replay(b.main().g, g, env)
}

// Local is v as this builder's graph sees it: v itself, or in a subgraph its capture.
func (b *Builder) Local(v *Value) *Value { return b.local(v) }

// Subgraphs returns the subgraphs among a node's attributes, by name.
func (n *Node) Subgraphs() []*Graph {
	var out []*Graph
	for _, name := range sortedAttrs(n.Attrs) {
		if g, ok := n.Attrs[name].(*Graph); ok {
			out = append(out, g)
		}
	}
	return out
}
