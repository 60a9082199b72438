package models

import (
	"fmt"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/nn"
	"fmtool/models/tensor"
)

// Given is the architecture of a network that is there as a graph, such as a velocity file's: inputs x, t and those of the condition, output velocity.
// No file of weights can hold it.
type Given struct {
	graph *graph.Graph
}

// FromGraph is the model of a velocity field that is there as a graph, which it shares.
func FromGraph(spec flow.Spec, g *graph.Graph) (*Model, error) {
	m := &Model{Spec: spec, Arch: &Given{g}, Weights: map[string]tensor.Tensor{}}
	for _, p := range g.Params {
		m.Weights[p.Name] = p.Data
	}
	_, err := VelocityGraph(m)
	return m, err
}

// Kind is "given", which NewArchitecture does not know.
func (*Given) Kind() string { return "given" }

// For is the same network: it leaves nothing open.
func (g *Given) For(flow.Spec) Architecture { return g }

// Check refuses a graph that takes or gives something else than the spec's field.
func (g *Given) Check(spec flow.Spec) error {
	want := 2
	switch spec.Condition.Kind {
	case flow.Labels:
		want = 3
	case flow.Vector:
		want = 4
	}
	if len(g.graph.Inputs) != want || len(g.graph.Outputs) != 1 {
		return fmt.Errorf("models: a graph of %d inputs and %d outputs, want %d and 1 for a velocity field", len(g.graph.Inputs), len(g.graph.Outputs), want)
	}
	return nil
}

// Build adds the graph's nodes.
func (g *Given) Build(n *nn.Net, _ flow.Spec, in Inputs) *graph.Value {
	args := []*graph.Value{in.X, in.T}
	for _, v := range []*graph.Value{in.Y, in.Drop} {
		if v != nil {
			args = append(args, v)
		}
	}
	return n.Inline(g.graph, args...)[0]
}

// PhaseBound is not known of a graph: that of the spec holds.
func (*Given) PhaseBound() float64 { return 0 }
