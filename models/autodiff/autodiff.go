package autodiff

import (
	"fmt"
	"slices"
	"sort"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// VJP returns for each value of wrt the gradient Σ seed·∂y/∂wrt, of wrt's shape; seed has y's shape. A value that y does not depend on gets zeros.
func VJP(b *graph.Builder, y, seed *graph.Value, wrt ...*graph.Value) []*graph.Value {
	return vjp(b, []*graph.Value{y}, []*graph.Value{seed}, wrt)
}

// JVP returns Σ ∂y/∂wrt·tangent, of y's shape; each tangent has the shape of its wrt.
func JVP(b *graph.Builder, y *graph.Value, wrt, tangent []*graph.Value) *graph.Value {
	if len(wrt) != len(tangent) {
		return b.Fail(fmt.Errorf("autodiff: %d values and %d tangents", len(wrt), len(tangent)))
	}
	s := zeros(b, y) // the derivative of the linear map s → Jᵀs, wherever s stands, is J
	pulled := vjp(b, []*graph.Value{y}, []*graph.Value{s}, wrt)
	return vjp(b, pulled, tangent, []*graph.Value{s})[0]
}

// Ops are the operators of the table, sorted: those with a rule and those declared to have no derivative.
func Ops() []string {
	var names []string
	for name := range rules {
		names = append(names, name)
	}
	for name := range constant {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// pass is one reverse sweep.
type pass struct {
	b     *graph.Builder
	needs map[*graph.Value]bool // whether a value depends on wrt
	grads map[*graph.Value]*graph.Value
}

func vjp(b *graph.Builder, ys, seeds, wrt []*graph.Value) []*graph.Value {
	p := &pass{b, map[*graph.Value]bool{}, map[*graph.Value]*graph.Value{}}
	for _, v := range wrt {
		p.needs[v] = true
	}
	var order []*graph.Node
	visited := map[*graph.Node]bool{}
	for _, y := range ys {
		order = p.visit(y, visited, order)
	}
	for i, y := range ys {
		if p.needs[y] {
			p.add(y, seeds[i])
		}
	}
	for i := len(order) - 1; i >= 0 && b.Err() == nil; i-- {
		p.node(order[i])
	}
	out := make([]*graph.Value, len(wrt))
	for i, v := range wrt {
		if out[i] = p.grads[v]; out[i] == nil {
			out[i] = zeros(b, v)
		}
	}
	return out
}

// visit lists the nodes that v is computed by, each after its producers, and settles which values depend on wrt.
func (p *pass) visit(v *graph.Value, visited map[*graph.Node]bool, order []*graph.Node) []*graph.Node {
	n := v.Node
	if v.Kind != graph.Result || n == nil || visited[n] {
		return order
	}
	visited[n] = true
	depends := false
	for _, in := range reads(n) {
		order = p.visit(in, visited, order)
		depends = depends || p.needs[in]
	}
	for _, out := range n.Out {
		if depends && out.Type.DType.IsFloat() && !constant[n.Op] {
			p.needs[out] = true
		}
	}
	return append(order, n)
}

// reads are the values a node uses, those its subgraphs capture included.
func reads(n *graph.Node) []*graph.Value {
	var out []*graph.Value
	for _, v := range n.In {
		if v != nil {
			out = append(out, v)
		}
	}
	for _, sub := range n.Subgraphs() {
		for _, c := range sub.Captures {
			out = append(out, c.Outer)
		}
	}
	return out
}

// add accumulates a gradient, in the order of the sweep.
func (p *pass) add(v, g *graph.Value) {
	if g == nil || !p.needs[v] {
		return
	}
	if have := p.grads[v]; have != nil {
		g = p.b.Add(have, g)
	}
	p.grads[v] = g
}

// node pulls the gradients of a node's outputs back to its inputs.
func (p *pass) node(n *graph.Node) {
	used := false
	for _, v := range n.Out {
		used = used || p.grads[v] != nil
	}
	if !used || !slices.ContainsFunc(reads(n), func(v *graph.Value) bool { return p.needs[v] }) {
		return
	}
	p.b.Scope("grad", func() {
		if n.Op == "If" {
			p.branches(n)
			return
		}
		r := rules[n.Op]
		if r == nil || n.Domain != "" {
			p.b.Fail(fmt.Errorf("autodiff: %s: %s has no derivative here: unroll the loop, or inline the function (graph.Flatten)", n.Name, n.Op))
			return
		}
		c := &context{Builder: p.b, node: n, in: n.In, out: n.Out, g: make([]*graph.Value, len(n.Out)), p: p}
		for i, v := range n.Out {
			c.g[i] = p.grads[v]
		}
		for i, g := range r(c) {
			if g != nil {
				p.add(n.In[i], g)
			}
		}
	})
}

// context is what a rule sees: the node and the gradients of its outputs. A rule returns the gradients of its inputs, nil for none.
type context struct {
	*graph.Builder
	node    *graph.Node
	in, out []*graph.Value
	g       []*graph.Value
	p       *pass
}

// wants reports that the gradient of input i is needed.
func (c *context) wants(i int) bool { return i < len(c.in) && c.in[i] != nil && c.p.needs[c.in[i]] }

// like is a scalar of the node's float type.
func (c *context) like(v float64) *graph.Value { return c.Scalar(c.out[0].Type.DType, v) }

// shape is the shape of v as an int64 vector: a constant where it is fixed.
func shape(b *graph.Builder, v *graph.Value) *graph.Value {
	if s, ok := v.Type.Shape.Ints(); ok {
		return b.Ints(s...)
	}
	return b.Op("Shape", nil, v)
}

// zeros has the shape of v.
func zeros(b *graph.Builder, v *graph.Value) *graph.Value {
	return b.Op("ConstantOfShape", graph.Attrs{"value": tensor.New(tensor.Float64, 1).Convert(v.Type.DType)}, shape(b, v))
}

// reduceTo sums g over the dimensions along which v was stretched to g's shape.
func (c *context) reduceTo(g, v *graph.Value) *graph.Value { return reduceTo(c.Builder, g, v) }

func reduceTo(b *graph.Builder, g, v *graph.Value) *graph.Value {
	gs, vs := g.Type.Shape, v.Type.Shape
	if gs == nil || vs == nil {
		return b.Fail(fmt.Errorf("autodiff: %s: a shape of unknown rank cannot be pulled back", v.Name))
	}
	extra := len(gs) - len(vs)
	var lead, stretched []int
	for i, d := range gs {
		switch {
		case i < extra:
			lead = append(lead, i)
		case vs[i-extra] == d:
		case vs[i-extra].Is(1):
			stretched = append(stretched, i-extra)
		default:
			return b.Fail(fmt.Errorf("autodiff: %s: is %v a stretched %v? Give both the same named lengths (training graphs have T = batch)", v.Name, gs, vs))
		}
	}
	if lead != nil {
		g = b.ReduceSum(g, false, lead...)
	}
	if stretched != nil {
		g = b.ReduceSum(g, true, stretched...)
	}
	return g
}

// branches differentiates an If: another If with the same condition, whose branches hold the derivatives of the branches.
func (p *pass) branches(n *graph.Node) {
	var wrt []*graph.Value
	seen := map[*graph.Value]bool{}
	for _, v := range reads(n)[1:] {
		if p.needs[v] && !seen[v] {
			wrt, seen[v] = append(wrt, v), true
		}
	}
	side := func(name string) *graph.Graph {
		return p.b.Sub(name, func(sub *graph.Builder) {
			ys := sub.InlineBody(n.Graph(name))
			var have, seeds []*graph.Value
			for i, y := range ys {
				if g := p.grads[n.Out[i]]; g != nil {
					have, seeds = append(have, y), append(seeds, sub.Local(g))
				}
			}
			inner := make([]*graph.Value, len(wrt))
			for i, v := range wrt {
				inner[i] = sub.Local(v)
			}
			for i, g := range vjp(sub, have, seeds, inner) {
				sub.Output(fmt.Sprintf("%s.grad%d", name, i), g)
			}
		})
	}
	out := p.b.OpN("If", graph.Attrs{"then_branch": side("then_branch"), "else_branch": side("else_branch")}, len(wrt), n.In[0])
	for i, v := range wrt {
		p.add(v, out[i])
	}
}
