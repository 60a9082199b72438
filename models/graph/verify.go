package graph

import (
	"errors"
	"fmt"

	"fmtool/models/tensor"
)

// Verify checks that the graph is a program: every node follows the producers of its inputs and fits its operator's row, every value has one
// producer, one name and an element type, subgraphs list all they use from outside, outputs exist, functions are closed and do not call themselves.
func (g *Graph) Verify() error {
	v := verifier{main: g, names: map[string]bool{}}
	if err := v.functions(); err != nil {
		return err
	}
	return v.graph(g, nil)
}

type verifier struct {
	main  *Graph
	names map[string]bool
}

// graph checks one graph; outer holds the values its captures may name.
func (v *verifier) graph(g *Graph, outer map[*Value]bool) error {
	if outer != nil && len(g.Params) > 0 {
		return fmt.Errorf("graph: %s: a subgraph has parameters; they belong to the main graph", g.Name)
	}
	have := map[*Value]bool{}
	define := func(x *Value, kind Kind) error {
		switch {
		case x == nil:
			return fmt.Errorf("graph: %s: a nil value", g.Name)
		case x.Kind != kind:
			return fmt.Errorf("graph: %s: value %s is in the wrong list", g.Name, x.Name)
		case have[x]:
			return fmt.Errorf("graph: %s: value %s is defined twice", g.Name, x.Name)
		}
		have[x] = true
		if kind == Captured { // it keeps its outer name
			return nil
		}
		if x.Name == "" || v.names[x.Name] {
			return fmt.Errorf("graph: %s: the name %q is empty or taken", g.Name, x.Name)
		}
		v.names[x.Name] = true
		return nil
	}
	var err error
	for _, list := range []struct {
		values []*Value
		kind   Kind
	}{{g.Inputs, Input}, {g.Params, Param}, {g.Constants, Constant}} {
		for _, x := range list.values {
			err = errors.Join(err, define(x, list.kind))
		}
	}
	for _, c := range g.Captures {
		if !outer[c.Outer] {
			return fmt.Errorf("graph: %s: captures a value that is not outside it", g.Name)
		}
		err = errors.Join(err, define(c.Inner, Captured))
	}
	if err != nil {
		return err
	}
	for _, n := range g.Nodes {
		if err := v.node(g, n, have, define); err != nil {
			return err
		}
	}
	return v.outputs(g, have)
}

func (v *verifier) node(g *Graph, n *Node, have map[*Value]bool, define func(*Value, Kind) error) error {
	for i, x := range n.In {
		if x != nil && !have[x] {
			return fmt.Errorf("graph: %s: input %d (%s) is not computed before it", n.Name, i, x.Name)
		}
	}
	if n.Domain == "" {
		op, err := Lookup(n.Op)
		if err == nil {
			err = op.check(n)
		}
		if err != nil {
			return fmt.Errorf("%w (node %s)", err, n.Name)
		}
	} else if f := v.main.Function(n.Domain, n.Op); f == nil {
		return fmt.Errorf("graph: %s: no function %s of domain %s", n.Name, n.Op, n.Domain)
	} else if err := f.takes(len(n.In), len(n.Out)); err != nil {
		return fmt.Errorf("%w (node %s)", err, n.Name)
	}
	for _, name := range sortedAttrs(n.Attrs) {
		if sub, ok := n.Attrs[name].(*Graph); ok {
			if err := v.graph(sub, have); err != nil {
				return err
			}
		}
	}
	for i, x := range n.Out {
		if x == nil || x.Node != n || x.Index != i {
			return fmt.Errorf("graph: %s: output %d does not belong to it", n.Name, i)
		}
		if x.Type.DType == tensor.Invalid {
			return fmt.Errorf("graph: %s: output %d has no element type", n.Name, i)
		}
		if err := define(x, Result); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) outputs(g *Graph, have map[*Value]bool) error {
	seen := map[string]bool{}
	for _, o := range g.Outputs {
		if o.Value == nil || !have[o.Value] {
			return fmt.Errorf("graph: %s: output %s is not computed", g.Name, o.Name)
		}
		if o.Name == "" || seen[o.Name] {
			return fmt.Errorf("graph: %s: two outputs %q", g.Name, o.Name)
		}
		seen[o.Name] = true
	}
	return nil
}

// functions checks each body on its own, and that no chain of calls comes back to where it began.
func (v *verifier) functions() error {
	state := map[*Function]int{} // 1: being visited, 2: done
	var visit func(f *Function) error
	visit = func(f *Function) error {
		switch state[f] {
		case 1:
			return fmt.Errorf("graph: function %s calls itself", f.Name)
		case 2:
			return nil
		}
		state[f] = 1
		if len(f.Body.Params)+len(f.Body.Captures) > 0 {
			return fmt.Errorf("graph: function %s has parameters or captures; hand them in as inputs", f.Name)
		}
		body := verifier{main: v.main, names: map[string]bool{}}
		if err := body.graph(f.Body, nil); err != nil {
			return fmt.Errorf("function %s: %w", f.Name, err)
		}
		for n := range f.Body.Walk() {
			if callee := v.main.Function(n.Domain, n.Op); n.Domain != "" && callee != nil {
				if err := visit(callee); err != nil {
					return err
				}
			}
		}
		state[f] = 2
		return nil
	}
	seen := map[string]bool{}
	for _, f := range v.main.Functions {
		if key := f.Domain + "." + f.Name; seen[key] || f.Domain == "" {
			return fmt.Errorf("graph: two functions %s, or one without a domain", f.Name)
		} else {
			seen[key] = true
		}
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}
