package models

import (
	"encoding/json"
	"fmt"
	"sort"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/nn"
	"fmtool/models/noise"
	"fmtool/models/tensor"
)

// Inputs are what a velocity network reads.
type Inputs struct {
	X    *graph.Value // float32 [N D...], model space
	T    *graph.Value // float32 [T 1], T = N or 1
	Y    *graph.Value // labels int64 [N] or vectors float32 [N C]; nil: unconditional
	Drop *graph.Value // float32 [N 1] beside vectors: 1 puts the learned null row in y's place
}

// Architecture is the formula of a velocity network. Its fields are what YAML and JSON files may set; the zero value of each is a good choice.
type Architecture interface {
	// Kind is the architecture's name in files.
	Kind() string
	// For returns the architecture with each setting that is zero replaced by a choice that suits the spec.
	For(spec flow.Spec) Architecture
	// Check refuses settings that make no network for the spec.
	Check(spec flow.Spec) error
	// Build adds the network for samples of the spec and returns u [N D...].
	Build(n *nn.Net, spec flow.Spec, in Inputs) *graph.Value
	// PhaseBound is the largest phase of its time features, in radians.
	PhaseBound() float64
}

// kinds are the architectures by name.
var kinds = map[string]func() Architecture{
	"mlp": func() Architecture { return &MLP{} },
}

// NewArchitecture returns the architecture of a kind with every setting at its default.
func NewArchitecture(kind string) (Architecture, error) {
	if f := kinds[kind]; f != nil {
		return f(), nil
	}
	var names []string
	for name := range kinds {
		names = append(names, name)
	}
	sort.Strings(names)
	return nil, flow.Unknown("architecture", kind, names)
}

// Model is a velocity field: meaning, formula, numbers.
type Model struct {
	Spec    flow.Spec
	Arch    Architecture
	Weights map[string]tensor.Tensor // float32, by parameter name
}

// New returns a model with fresh weights of a stream, usually noise.New(seed, noise.Weights). It sets the spec's phase bound and the architecture's
// settings that are zero.
func New(spec flow.Spec, arch Architecture, s noise.Stream) (*Model, error) {
	arch = arch.For(spec)
	spec.PhaseBound = arch.PhaseBound()
	g, err := velocity(spec, arch, nn.Fresh(s))
	if err != nil {
		return nil, err
	}
	m := &Model{spec, arch, map[string]tensor.Tensor{}}
	for _, p := range g.Params {
		m.Weights[p.Name] = p.Data
	}
	return m, nil
}

// VelocityGraph is the graph that samplers and exports use: inputs x [batch D...], t [T 1], then y [batch] or y [batch C] and y_drop [batch 1] if the
// model is conditional; output velocity [batch D...], whatever the network predicts, at times held to those it was trained at. VelocitySpec says what it
// means. The graph shares the model's weights. Weights that do not fit the architecture are an error.
func VelocityGraph(m *Model) (*graph.Graph, error) {
	g, err := velocity(m.Spec, m.Arch, nn.Stored(m.Weights))
	if err != nil {
		return nil, err
	}
	for name := range m.Weights {
		if g.Param(name) == nil {
			return nil, fmt.Errorf("models: the %s network has no parameter %s", m.Arch.Kind(), name)
		}
	}
	return g, nil
}

// VelocitySpec says what the numbers of VelocityGraph mean: those of the model, for a velocity.
func (m *Model) VelocitySpec() flow.Spec {
	s := m.Spec
	s.Prediction = flow.Velocity
	return s
}

func velocity(spec flow.Spec, arch Architecture, from nn.Source) (*graph.Graph, error) {
	b := graph.NewBuilder("velocity")
	in := NewInputs(b, spec, graph.Sym("batch"), graph.Sym(graph.TimeDim))
	b.Scope("path", func() { in.T = Times(b, spec, in.T) })
	u := Build(b, spec, arch, from, in)
	b.Scope("path", func() { u = AsVelocity(b, spec, in.X, in.T, u) })
	b.Output("velocity", u)
	return b.Graph()
}

// NewInputs adds the inputs x, t and those of the condition to a graph, for n rows and t times, one where the spec's field has one for all rows.
func NewInputs(b *graph.Builder, spec flow.Spec, n, t graph.Dim) Inputs {
	if spec.SharedTime {
		t = graph.Fix(1)
	}
	dims := append(graph.Shape{n}, graph.ShapeOf(spec.Dims...)...)
	in := Inputs{X: b.Input("x", tensor.Float32, dims...), T: b.Input("t", tensor.Float32, t, graph.Fix(1))}
	in.Y, in.Drop = NewCondition(b, spec, n)
	return in
}

// NewCondition adds the inputs of the spec's condition alone; they are nil where there is none.
func NewCondition(b *graph.Builder, spec flow.Spec, n graph.Dim) (y, drop *graph.Value) {
	switch spec.Condition.Kind {
	case flow.Labels:
		y = b.Input("y", tensor.Int64, n)
	case flow.Vector:
		y = b.Input("y", tensor.Float32, n, graph.Fix(spec.Condition.Width))
		drop = b.Input("y_drop", tensor.Float32, n, graph.Fix(1))
	}
	return y, drop
}

// Build adds the network under the scope "net" and returns what it predicts, of x's shape: the velocity, or the spec's other quantity.
func Build(b *graph.Builder, spec flow.Spec, arch Architecture, from nn.Source, in Inputs) (u *graph.Value) {
	if err := spec.Check(); err != nil {
		return b.Fail(err)
	}
	if err := arch.Check(spec); err != nil {
		return b.Fail(err)
	}
	b.Scope("net", func() { u = arch.Build(nn.New(b, from), spec, in) })
	return u
}

// Parameters is the number of weights.
func (m *Model) Parameters() int {
	n := 0
	for _, w := range m.Weights {
		n += w.Len()
	}
	return n
}

// describe is the architecture as JSON with its kind.
func describe(a Architecture) (string, error) {
	settings, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("models: %w", err)
	}
	text, err := json.Marshal(map[string]json.RawMessage{"kind": json.RawMessage(fmt.Sprintf("%q", a.Kind())), "settings": settings})
	return string(text), err
}
