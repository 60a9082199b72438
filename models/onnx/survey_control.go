package onnx

import (
	"maps"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// control are the operators that run graphs.
var control = map[string]func(*survey, *Node, []known, *frame) []known{}

func init() { // the functions lead back to the table
	control["Loop"], control["Scan"], control["If"] = (*survey).loop, (*survey).scan, (*survey).branch
}

// LoopCost is what a loop of a model costs.
type LoopCost struct {
	Name  string  `json:"name"`
	Step  float64 `json:"flops_step"` // graphs within, once; loops within apart
	Steps int64   `json:"steps"`      // -1: known at run time
}

// walk follows a graph inside f, with given inputs where f has more to say than the graph's own declarations, and returns its outputs.
func (s *survey) walk(g *Graph, given []known, f *frame, t *tally) []known {
	inner := &frame{values: map[string]known{}, outer: f, declared: declaredTypes(g), opset: f.opset, call: f.call, inside: f.inside, tally: t,
		depth: f.depth + 1}
	for i, in := range g.Input {
		v := known{}
		if i < len(given) {
			v = given[i]
		}
		inner.values[in.Name] = s.declaredFor(v, in.Type)
	}
	s.body(g, inner)
	out := make([]known, len(g.Output))
	for i, o := range g.Output {
		out[i] = s.declaredFor(inner.find(o.Name), o.Type)
	}
	return out
}

// graphOf is a graph attribute of the node, an empty graph if it is missing.
func (n *Node) graphOf(name string) *Graph {
	for _, a := range n.Attribute {
		if a.Name == name && a.G != nil {
			return a.G
		}
	}
	return &Graph{}
}

// function follows a function's body at one call.
func (s *survey) function(fn *Function, n *Node, in []known, f *frame) []known {
	opset := map[string]int{}
	for _, o := range fn.OpsetImport {
		opset[domain(o.Domain)] = int(o.Version)
	}
	call := *n
	call.Attribute = nil
	for _, a := range n.Attribute { // what the call itself refers to is known by now
		if a.RefAttrName != "" {
			from := (&reader{call: f.call, inside: f.inside}).referred(a.RefAttrName)
			if from == nil {
				continue
			}
			named := *from
			named.Name = a.Name
			a = &named
		}
		call.Attribute = append(call.Attribute, a)
	}
	body := &frame{values: map[string]known{}, declared: map[string]*Type{}, opset: opset, call: &call, inside: fn, tally: f.tally, depth: f.depth + 1}
	for i, name := range fn.Input {
		if i < len(in) {
			body.values[name] = in[i]
		}
	}
	s.nodes(fn.Node, body)
	out := make([]known, len(fn.Output))
	for i, name := range fn.Output {
		out[i] = body.find(name)
	}
	return out
}

// loop follows one step of a Loop: (count, condition, carried…) → (carried…, stacked…).
func (s *survey) loop(n *Node, in []known, f *frame) []known {
	given := []known{scalarOf(tensor.Int64), scalarOf(tensor.Bool)}
	for _, k := range in[min(2, len(in)):] {
		k.Data, k.Ints = tensor.Tensor{}, nil // what it holds in the first step alone
		given = append(given, k)
	}
	steps := int64(-1)
	if len(in) > 0 && in[0].Data.DType() == tensor.Int64 && in[0].Data.Len() == 1 {
		steps = max(in[0].Data.Int64()[0], 0)
	}
	out := s.stepped(n, given, f, steps)
	out = out[min(1, len(out)):]
	for i := range out {
		if i >= len(given)-2 {
			out[i] = stacked(out[i], steps)
		}
	}
	return out
}

// scan follows one step of a Scan: (states…, sequences…) → (states…, stacked…), sequences cut along their first dimension.
func (s *survey) scan(n *Node, in []known, f *frame) []known {
	sequences := 0
	for _, a := range n.Attribute {
		if a.Name == "num_scan_inputs" && a.I > 0 && a.I <= int64(len(in)) {
			sequences = int(a.I)
		}
	}
	states, steps := len(in)-sequences, int64(-1)
	given := append([]known{}, in...)
	for i := range given {
		given[i].Data, given[i].Ints = tensor.Tensor{}, nil
		if k := &given[i]; i >= states && len(k.Shape) > 0 {
			if v, ok := k.Shape[0].Fixed(); ok {
				steps = int64(v)
			}
			k.Shape = k.Shape[1:]
		}
	}
	out := s.stepped(n, given, f, steps)
	for i := range out {
		if i >= states {
			out[i] = stacked(out[i], steps)
		}
	}
	return out
}

// stepped follows one step of a loop's body and keeps what it costs.
func (s *survey) stepped(n *Node, given []known, f *frame, steps int64) []known {
	t := newTally()
	at := len(s.loops)
	s.loops = append(s.loops, LoopCost{Name: short(nodeName(n)), Steps: steps})
	out := s.walk(n.graphOf("body"), given, f, t)
	s.loops[at].Step = t.total()
	s.step.merge(t)
	return out
}

// branch follows both branches of an If and counts the dearer one.
func (s *survey) branch(n *Node, _ []known, f *frame) []known {
	then, other := newTally(), newTally()
	a, b := s.walk(n.graphOf("then_branch"), nil, f, then), s.walk(n.graphOf("else_branch"), nil, f, other)
	if other.total() > then.total() {
		then.flops = maps.Clone(other.flops)
	}
	maps.Copy(then.open, other.open)
	f.tally.merge(then)
	for i := range a {
		if i >= len(b) || a[i].code != b[i].code {
			a[i] = known{}
		} else if a[i].Shape.String() != b[i].Shape.String() {
			a[i] = known{code: a[i].code, Known: graph.Known{Type: graph.Type{DType: a[i].DType}}}
		}
		a[i].Data, a[i].Ints = tensor.Tensor{}, nil
	}
	return a
}

func scalarOf(d tensor.DType) known {
	return known{int32(graph.Code(d)), graph.Known{Type: graph.Type{DType: d, Shape: graph.Shape{}}}}
}

// stacked is a value of every step along a new first dimension.
func stacked(k known, steps int64) known {
	k.Data, k.Ints = tensor.Tensor{}, nil
	if k.Shape == nil {
		return k
	}
	first := graph.Unknown
	if steps >= 0 && steps < maxFollowed {
		first = graph.Fix(int(steps))
	}
	k.Shape = append(graph.Shape{first}, k.Shape...)
	return k
}
