package onnx

import (
	"errors"
	"fmt"

	"fmtool/models/graph"
)

// attributes converts the node's attributes; in a function's body, references are looked up in the call.
func (r *reader) attributes(n *Node, in []*graph.Value) (graph.Attrs, error) {
	attrs := graph.Attrs{}
	for _, a := range n.Attribute {
		from := a
		if a.RefAttrName != "" {
			if from = r.referred(a.RefAttrName); from == nil {
				continue // the call leaves it to the operator's default
			}
		}
		if _, twice := attrs[a.Name]; twice {
			return nil, fmt.Errorf("attribute %s stands twice", a.Name)
		}
		v, err := r.attribute(from, n, in)
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", a.Name, err)
		}
		attrs[a.Name] = v
	}
	return attrs, nil
}

// referred is the attribute that the call of the function gives, or the function's default.
func (r *reader) referred(name string) *Attribute {
	if r.call == nil {
		return nil
	}
	for _, list := range [][]*Attribute{r.call.Attribute, r.inside.AttributeProto} {
		for _, a := range list {
			if a.Name == name {
				return a
			}
		}
	}
	return nil
}

func (r *reader) attribute(a *Attribute, n *Node, in []*graph.Value) (any, error) {
	switch a.kind() {
	case FloatAttribute:
		return a.F, nil
	case IntAttribute:
		return a.I, nil
	case StringAttribute:
		return string(a.S), nil
	case TensorAttribute:
		if a.T == nil {
			return nil, errors.New("no tensor")
		}
		return a.T.value()
	case GraphAttribute:
		if a.G == nil {
			return nil, errors.New("no graph")
		}
		return r.subgraph(a.G, n, in)
	case FloatsAttribute:
		return append([]float32{}, a.Floats...), nil
	case IntsAttribute:
		return append([]int64{}, a.Ints...), nil
	case StringsAttribute:
		list := []string{}
		for _, s := range a.Strings {
			list = append(list, string(s))
		}
		return list, nil
	}
	return nil, notRead("lists of tensors or graphs, sparse tensors and types are not read")
}

// kind is the attribute's type; files of IR version 1 leave it to the field that is set.
func (a *Attribute) kind() AttributeType {
	if a.Type != UndefinedAttribute {
		return a.Type
	}
	for _, k := range []struct {
		set  bool
		kind AttributeType
	}{
		{a.T != nil, TensorAttribute}, {a.G != nil, GraphAttribute}, {a.S != nil, StringAttribute}, {len(a.Floats) > 0, FloatsAttribute},
		{len(a.Ints) > 0, IntsAttribute}, {len(a.Strings) > 0, StringsAttribute}, {a.F != 0, FloatAttribute},
	} {
		if k.set {
			return k.kind
		}
	}
	return IntAttribute
}

// subgraph converts a body or branch. It sees the values outside; an input without a declared type has that of the value a Loop hands in.
func (r *reader) subgraph(g *Graph, n *Node, in []*graph.Value) (sub *graph.Graph, err error) {
	sub = r.b.Sub(g.Name, func(b *graph.Builder) {
		inner := *r
		inner.b, inner.env = b, newScope(r.env)
		for i, v := range g.Input {
			t, typeErr := typeOf(v.Type)
			if typeErr != nil && i < len(in) && in[i] != nil && n.OpType == "Loop" {
				t, typeErr = graph.Type{DType: in[i].Type.DType}, nil
			}
			if typeErr != nil {
				err = fmt.Errorf("graph %q: input %q: %w", g.Name, v.Name, typeErr)
				return
			}
			if err = inner.define(v.Name, b.SubInput(v.Name, t)); err != nil {
				return
			}
		}
		if err = inner.body(g); err != nil {
			return
		}
		for _, o := range g.Output {
			var v *graph.Value
			if v, err = inner.value(o.Name); err != nil || v == nil {
				err = errors.Join(err, fmt.Errorf("graph %q: output %q is not computed", g.Name, o.Name))
				return
			}
			b.Output(o.Name, v)
		}
	})
	return sub, err
}
