package native

import (
	"context"
	"fmt"
	"slices"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// interpret runs a graph node by node, with every number known to the shape rules. Results are allocated as they come.
func (p *Plan) interpret(ctx context.Context, in, out []tensor.Tensor) error {
	names := map[string]int{}
	env := map[*graph.Value]tensor.Tensor{}
	for v, t := range p.fixed {
		env[v] = t
	}
	for i, v := range p.g.Inputs {
		if err := p.accepts(v, in[i], names); err != nil {
			return err
		}
		env[v] = in[i].Convert(v.Type.DType)
	}
	x := &interpreter{p}
	if err := x.nodes(ctx, p.g, env); err != nil {
		return err
	}
	for i, o := range p.g.Outputs {
		have := env[o.Value]
		if t := out[i]; t.IsZero() {
			continue
		} else if !slices.Equal(t.Shape(), have.Shape()) || !takes(have.DType(), t.DType()) {
			return fmt.Errorf("native: output %s is %v, given %v", o.Name, have, t)
		}
		transfer(out[i], have)
	}
	for v, param := range p.next {
		tensor.Copy(param, env[v])
	}
	return nil
}

type interpreter struct{ p *Plan }

// nodes runs the nodes of g in env, which holds its inputs, parameters, constants and captures.
func (x *interpreter) nodes(ctx context.Context, g *graph.Graph, env map[*graph.Value]tensor.Tensor) error {
	for _, n := range g.Nodes {
		if err := ctx.Err(); err != nil {
			return err
		}
		value := func(v *graph.Value) tensor.Tensor { return env[v] }
		var out []tensor.Tensor
		var err error
		switch n.Op {
		case "Loop":
			out, err = x.loop(ctx, n, env)
		case "If":
			out, err = x.branch(ctx, n, env)
		default:
			out, err = evaluate(n, value)
		}
		if err != nil {
			return err
		}
		for i, v := range n.Out {
			env[v] = out[i]
		}
	}
	return nil
}

// graph runs a subgraph: its own environment, its captures taken from outside.
func (x *interpreter) graph(ctx context.Context, g *graph.Graph, in []tensor.Tensor, outer map[*graph.Value]tensor.Tensor) ([]tensor.Tensor, error) {
	env := captured(g, outer)
	for i, v := range g.Inputs {
		env[v] = in[i]
	}
	if err := x.nodes(ctx, g, env); err != nil {
		return nil, err
	}
	out := make([]tensor.Tensor, len(g.Outputs))
	for i, o := range g.Outputs {
		out[i] = env[o.Value]
	}
	return out, nil
}

// captured is the environment a subgraph starts with.
func captured(g *graph.Graph, outer map[*graph.Value]tensor.Tensor) map[*graph.Value]tensor.Tensor {
	env := map[*graph.Value]tensor.Tensor{}
	for _, v := range g.Constants {
		env[v] = v.Data
	}
	for _, c := range g.Captures {
		env[c.Inner] = outer[c.Outer]
	}
	return env
}

func (x *interpreter) branch(ctx context.Context, n *graph.Node, env map[*graph.Value]tensor.Tensor) ([]tensor.Tensor, error) {
	cond := env[n.In[0]]
	if err := single("condition", cond, n); err != nil {
		return nil, err
	}
	name := "else_branch"
	if cond.Bool()[0] {
		name = "then_branch"
	}
	return x.graph(ctx, n.Graph(name), nil, env)
}

// single checks that t, the node's trip count or condition, has one element.
func single(what string, t tensor.Tensor, n *graph.Node) error {
	if t.Len() != 1 {
		return fmt.Errorf("native: %s: %s %v, want one element (%s)", n.Op, what, t, n.Name)
	}
	return nil
}

func (x *interpreter) loop(ctx context.Context, n *graph.Node, env map[*graph.Value]tensor.Tensor) ([]tensor.Tensor, error) {
	g := n.Graph("body")
	trips := int64(1<<63 - 1)
	if v := n.Input(0); v != nil {
		if err := single("trip count", env[v], n); err != nil {
			return nil, err
		}
		trips = env[v].Convert(tensor.Int64).Int64()[0]
	}
	cond := true
	if v := n.Input(1); v != nil {
		if err := single("condition", env[v], n); err != nil {
			return nil, err
		}
		cond = env[v].Bool()[0]
	}
	state := make([]tensor.Tensor, len(n.In)-2)
	for i := range state {
		state[i] = env[n.In[2+i]].Clone()
	}
	scanned := make([][]tensor.Tensor, len(g.Outputs)-1-len(state))
	bodies := x.bodies(g, env)
	for k := int64(0); k < trips && cond; k++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in := append([]tensor.Tensor{tensor.Scalar(k), tensor.Scalar(cond)}, state...)
		for i, v := range g.Inputs[:2] { // some writers declare them as vectors of one
			if len(v.Type.Shape) == 1 {
				in[i] = in[i].Reshape(1)
			}
		}
		out, err := bodies.iterate(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("%w (%s, iteration %d)", err, n.Name, k)
		}
		if err := single("condition", out[0], n); err != nil {
			return nil, err
		}
		cond = out[0].Bool()[0]
		for i := range state {
			state[i] = out[1+i].Clone()
		}
		for i, parts := range scanned {
			row := out[1+len(state)+i]
			if k > 0 && !slices.Equal(row.Shape(), parts[0].Shape()) {
				return nil, fmt.Errorf("native: Loop: scanned value %d is %v after %v (%s, iteration %d)", i, row, parts[0], n.Name, k)
			}
			scanned[i] = append(parts, row.Clone())
		}
	}
	for i, parts := range scanned {
		state = append(state, stack(parts, g.Outputs[1+len(n.In)-2+i].Value.Type))
	}
	return state[:len(n.Out)], nil
}

// stack joins the values of a scanned output along a new first dimension; without any iteration it is empty.
func stack(parts []tensor.Tensor, t graph.Type) tensor.Tensor {
	shape := make([]int, len(t.Shape))
	for i, d := range t.Shape {
		shape[i] = max(d.Plus, 0)
	}
	if len(parts) > 0 {
		shape = parts[0].Shape()
	}
	out := tensor.New(t.DType, append([]int{len(parts)}, shape...)...)
	size := tensor.Size(shape)
	for i, p := range parts {
		tensor.Copy(out.Slice(i*size, (i+1)*size), p)
	}
	return out
}
