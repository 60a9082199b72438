package export

import (
	"slices"
	"strings"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// firstStage is the path of the first stage of the first step in a graph of steps without a Loop.
const firstStage = "step.0/stage.0/"

// firstCopy is the velocity in a graph without functions: the nodes of its first step's first stage, which evaluates the field at the start and at a
// constant time, made a program of x, t and the condition. It is nil if the graph has no such nodes.
func (d *described) firstCopy(g *graph.Graph) (*graph.Graph, error) {
	g, err := g.Flatten()
	if err != nil {
		return nil, err
	}
	made, used := map[*graph.Value]bool{}, map[*graph.Value]bool{}
	var nodes, others []*graph.Node
	for _, n := range g.Nodes {
		if !strings.HasPrefix(n.Name, firstStage) || strings.HasPrefix(n.Name, firstStage+"guidance/") {
			others = append(others, n)
			continue
		}
		nodes = append(nodes, n)
		for _, v := range n.Out {
			made[v] = true
		}
	}
	if len(nodes) == 0 {
		return nil, nil
	}
	for _, n := range others {
		for _, v := range n.In {
			used[v] = used[v] || made[v]
		}
	}
	ports := d.copyInputs(nodes, made)
	if ports == nil {
		return nil, nil
	}
	g.Nodes, g.Inputs, g.Outputs = nodes, ports, nil
	g.Constants = slices.DeleteFunc(g.Constants, func(v *graph.Value) bool { return v == ports[1] })
	for v, leaves := range used {
		if leaves {
			g.Outputs = append(g.Outputs, graph.Output{Name: "velocity", Value: v})
		}
	}
	if len(g.Outputs) != 1 {
		return nil, nil
	}
	g.Prune()
	return g.Clone()
}

// copyInputs are what the nodes take from outside, beside weights and constants: x, t, which is a constant, and the condition in its order; nil if
// that is not so.
func (d *described) copyInputs(nodes []*graph.Node, made map[*graph.Value]bool) []*graph.Value {
	var x, t *graph.Value
	var condition []*graph.Value
	for _, n := range nodes {
		for _, v := range n.In {
			switch {
			case v == nil || made[v] || v.Kind == graph.Param || v == x || v == t || slices.Contains(condition, v):
			case v.Kind == graph.Constant:
				if v.Name == firstStage+"t" {
					t = v
				}
			case v.Name == "y" || v.Name == "y_drop" || strings.HasPrefix(v.Name, "guidance/"):
				condition = append(condition, v)
			case x == nil:
				x = v
			default:
				return nil
			}
		}
	}
	if x == nil || t == nil || len(condition) != len(d.conditionInputs()) {
		return nil
	}
	slices.SortFunc(condition, func(a, b *graph.Value) int { return strings.Compare(a.Name, b.Name) }) // y, y_drop; concat, concat_2
	batch := graph.Sym("batch")
	x.Type.Shape = sampleShape(d.spec, batch)
	for i, v := range condition {
		if v.Type.Shape = (graph.Shape{batch}); d.spec.Condition.Kind == flow.Vector {
			v.Type.Shape = graph.Shape{batch, graph.Fix([]int{d.spec.Condition.Width, 1}[i])}
		}
	}
	ports := append([]*graph.Value{x, t}, condition...)
	for i, name := range []string{"x", "t", "y", "y_drop"}[:len(ports)] {
		ports[i].Name, ports[i].Kind, ports[i].Data = name, graph.Input, tensor.Tensor{}
	}
	return ports
}
