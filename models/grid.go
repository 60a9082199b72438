package models

import (
	"fmt"
	"math"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// quantiles are the rows of flow's table of distributions of times as graphs: the time below which a share q [1 1] of the probability lies, for 0 < q < 1.
var quantiles = map[string]func(b *graph.Builder, p []float64, q *graph.Value) *graph.Value{
	"uniform": func(_ *graph.Builder, _ []float64, q *graph.Value) *graph.Value { return q },
	"shift":   func(b *graph.Builder, p []float64, q *graph.Value) *graph.Value { return shifted(b, p[0], q) },
	"logit-normal": func(b *graph.Builder, p []float64, q *graph.Value) *graph.Value {
		z := inverseErf(b, b.Shift(b.Scale(q, 2), -1), b.Mul(b.Scale(q, 4), lacking(b, q)))
		return b.Sigmoid(b.Shift(b.Scale(z, p[1]*math.Sqrt2), p[0]))
	},
	"u-shaped": func(b *graph.Builder, p []float64, q *graph.Value) *graph.Value {
		z := b.Scale(b.Shift(b.Scale(q, 2), -1), math.Sinh(p[0]))
		size := b.Op("Abs", nil, z) // asinh |z| = ln(|z| + √(z² + 1))
		log := b.Op("Log", nil, b.Add(size, b.Op("Sqrt", nil, b.Shift(b.Mul(size, size), 1))))
		return b.Shift(b.Scale(b.Mul(b.Op("Sign", nil, z), log), 1/(2*p[0])), 0.5)
	},
}

// GridTime is the time of the share q [1 1] of a sampler's steps, flow.Grid.At as a graph: 0 at 0, 1 at 1.
func GridTime(b *graph.Builder, g flow.Grid, q *graph.Value) (t *graph.Value) {
	name, p := g.Times.Formula()
	formula := quantiles[name]
	if formula == nil {
		return b.Fail(fmt.Errorf("models: the quantiles of %s have no formula that a graph could hold; fix the number of steps, so that the times are constants", g.Times))
	}
	zero, one := b.Scalar(tensor.Float32, 0), b.Scalar(tensor.Float32, 1)
	if t = formula(b, p, q); name != "uniform" {
		t = b.Op("Where", nil, b.Op("Greater", nil, q, zero), t, zero)
		t = b.Op("Where", nil, b.Op("Less", nil, q, one), t, one)
	}
	if g.Shift != 0 {
		t = shifted(b, g.Shift, t)
	}
	return t
}

// lacking is 1 − q.
func lacking(b *graph.Builder, q *graph.Value) *graph.Value {
	return b.Subtract(b.Scalar(tensor.Float32, 1), q)
}

// shifted is t/(t + s(1 − t)).
func shifted(b *graph.Builder, s float64, t *graph.Value) *graph.Value {
	return b.Div(t, b.Add(t, b.Scale(lacking(b, t), s)))
}

// inverseErf is erf⁻¹(x), given left = 1 − x² too, in float32 by two polynomials in w = −ln(1 − x²), one for the middle and one for the ends [GI11].
func inverseErf(b *graph.Builder, x, left *graph.Value) *graph.Value {
	w := b.Neg(b.Op("Log", nil, left))
	middle := polynomial(b, b.Shift(w, -2.5), 2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164,
		0.246640727, 1.50140941)
	ends := polynomial(b, b.Shift(b.Op("Sqrt", nil, w), -3), -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
		0.00943887047, 1.00167406, 2.83297682)
	return b.Mul(x, b.Op("Where", nil, b.Op("Less", nil, w, b.Scalar(tensor.Float32, 5)), middle, ends))
}

// polynomial is Horner's rule, the highest coefficient first.
func polynomial(b *graph.Builder, w *graph.Value, c ...float64) *graph.Value {
	sum := b.Scalar(tensor.Float32, c[0])
	for _, ci := range c[1:] {
		sum = b.Shift(b.Mul(sum, w), ci)
	}
	return sum
}
