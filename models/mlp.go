package models

import (
	"cmp"
	"fmt"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/nn"
)

// MLP is a fully connected velocity network on flattened samples, with f the activation, e(t) the time features and c(y) the condition's embedding:
//
//	h₁ = f(x·Wx + (e(t)·Wt + c(y) + b))
//	hᵢ = f(hᵢ₋₁·Wᵢ + bᵢ)                       with Inject: … + e(t)·Wtᵢ + cᵢ(y), with Residual: … + hᵢ₋₁
//	u  = h_Depth·W + b
//
// The first layer is split so that one time serves a whole batch. The last layer starts at zero.
type MLP struct {
	Width      int    `json:"width" yaml:"width"`           // of the hidden layers; 0 means 64, or 256 for samples of more than 8 numbers
	Depth      int    `json:"depth" yaml:"depth"`           // number of hidden layers; 0 means 3, or 4 for samples of more than 8 numbers
	Activation string `json:"activation" yaml:"activation"` // a name of nn.Activations; "" means silu
	Features   int    `json:"features" yaml:"features"`     // frequencies of the time features; 0 means 16
	Inject     bool   `json:"inject" yaml:"inject"`         // every hidden layer sees time and condition, not the first alone
	Residual   bool   `json:"residual" yaml:"residual"`     // every hidden layer but the first adds to the one before
}

// Bounds of the settings, far above what is useful, so that a damaged file cannot ask for absurd memory.
const (
	maxWidth    = 1 << 14
	maxDepth    = 1 << 8
	maxFeatures = 1 << 10
)

// Kind is "mlp".
func (a *MLP) Kind() string { return "mlp" }

// PhaseBound is that of the time features.
func (a *MLP) PhaseBound() float64 { return nn.PhaseBound }

// few is the largest number of elements of a sample for which the small defaults do.
const few = 8

// For replaces zeros by what suits the spec.
func (a *MLP) For(spec flow.Spec) Architecture { return a.suited(spec) }

func (a MLP) suited(spec flow.Spec) *MLP {
	width, depth := 64, 3
	if spec.Dim() > few {
		width, depth = 256, 4
	}
	a.Width, a.Depth, a.Features = cmp.Or(a.Width, width), cmp.Or(a.Depth, depth), cmp.Or(a.Features, 16)
	a.Activation = cmp.Or(a.Activation, "silu")
	return &a
}

// Check refuses sizes out of bounds and unknown activations.
func (a *MLP) Check(spec flow.Spec) error {
	d := a.suited(spec)
	for _, s := range []struct {
		name       string
		value, max int
	}{{"width", d.Width, maxWidth}, {"depth", d.Depth, maxDepth}, {"features", d.Features, maxFeatures}} {
		if s.value < 1 || s.value > s.max {
			return fmt.Errorf("models: mlp: %s is %d, want 1 to %d", s.name, s.value, s.max)
		}
	}
	_, err := nn.ParseActivation(d.Activation)
	return err
}

// Build adds the network. See MLP for the formula.
func (a *MLP) Build(n *nn.Net, spec flow.Spec, in Inputs) *graph.Value {
	m := a.suited(spec)
	f, err := nn.ParseActivation(m.Activation)
	if err != nil {
		return n.Fail(err)
	}
	x, dim := in.X, spec.Dim()
	if len(spec.Dims) > 1 {
		x = n.Reshape(x, n.Ints(-1, dim))
	}
	c := m.context(n, spec, in)
	var h *graph.Value
	n.Scope("in", func() { h = f.Apply(n.Builder, n.Add(n.Product("x", x, m.Width, 1), c.bias(n))) })
	for i := 1; i < m.Depth; i++ {
		n.Scope(fmt.Sprintf("hidden.%d", i-1), func() { h = m.hidden(n, f, h, c) })
	}
	u := n.Linear("out", h, dim, 0)
	if len(spec.Dims) > 1 {
		u = n.Reshape(u, n.Ints(append([]int{-1}, spec.Dims...)...))
	}
	return u
}

// hidden is one layer, with its parameters in the current scope.
func (m *MLP) hidden(n *nn.Net, f nn.Activation, h *graph.Value, c context) *graph.Value {
	y := n.Product("h", h, m.Width, f.Gain)
	if m.Inject {
		y = n.Add(y, c.bias(n))
	} else {
		y = n.Add(y, n.Param("bias", 0, 1, m.Width))
	}
	y = f.Apply(n.Builder, y)
	if m.Residual {
		y = n.Add(h, y)
	}
	return y
}

// context is what layers see beside the sample.
type context struct {
	width, classes int
	time           *graph.Value // features [T 2n]
	label          *graph.Value // int64 [N] or nil
	vector         *graph.Value // [N C] or nil, null row chosen
}

func (m *MLP) context(n *nn.Net, spec flow.Spec, in Inputs) context {
	c := context{width: m.Width, classes: spec.Condition.Classes, time: n.TimeFeatures(in.T, m.Features)}
	switch spec.Condition.Kind {
	case flow.Labels:
		c.label = in.Y
	case flow.Vector:
		c.vector = n.Choose("null", in.Y, in.Drop)
	}
	return c
}

// bias is e(t)·Wt + c(y) + b, [T width] or [N width], with its parameters in the current scope.
func (c context) bias(n *nn.Net) *graph.Value {
	// The squares of 2n features sum to n: gain 2 gives their product with Wt variance 1.
	v := n.Add(n.Product("t", c.time, c.width, 2), n.Param("bias", 0, 1, c.width))
	switch {
	case c.label != nil:
		return n.Add(n.Embedding("y", c.label, c.classes+1, c.width, 1), v)
	case c.vector != nil:
		return n.Add(n.Product("y", c.vector, c.width, 1), v)
	}
	return v
}
