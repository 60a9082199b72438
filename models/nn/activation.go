package nn

import (
	"math"

	"fmtool/models/flow"
	"fmtool/models/graph"
)

// Activation is a row of the table of nonlinear functions.
type Activation struct {
	Name string
	// Gain is 1/E[f(z)²] over standard normal z: weights of variance Gain/in after f keep the variance of the layers at 1.
	Gain  float64
	apply func(b *graph.Builder, x *graph.Value) *graph.Value
}

// Activations is the table. GELU is the exact form with the error function, as x/√2 and not x·√½: the form that onnxruntime computes as one operator.
var Activations = []Activation{
	{"silu", 2.8117, func(b *graph.Builder, x *graph.Value) *graph.Value { return b.Mul(x, b.Sigmoid(x)) }},
	{"gelu", 2.3512, func(b *graph.Builder, x *graph.Value) *graph.Value {
		return b.Mul(b.Scale(x, 0.5), b.Shift(b.Op("Erf", nil, b.Div(x, b.Scalar(x.Type.DType, math.Sqrt2))), 1))
	}},
	{"tanh", 2.5362, operator("Tanh")},
	{"relu", 2, operator("Relu")},
	{"selu", 1, operator("Selu")},
}

func operator(name string) func(b *graph.Builder, x *graph.Value) *graph.Value {
	return func(b *graph.Builder, x *graph.Value) *graph.Value { return b.Op(name, nil, x) }
}

// Apply is f(x), elementwise.
func (a Activation) Apply(b *graph.Builder, x *graph.Value) (y *graph.Value) {
	b.Scope(a.Name, func() { y = a.apply(b, x) })
	return y
}

// ParseActivation returns the row of a name; the error for an unknown one proposes the nearest.
func ParseActivation(name string) (Activation, error) {
	var names []string
	for _, a := range Activations {
		if a.Name == name {
			return a, nil
		}
		names = append(names, a.Name)
	}
	return Activation{}, flow.Unknown("activation", name, names)
}
