package models

import (
	"fmt"
	"math"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// Path is a spec's schedule at times as parts of a graph, [N 1...] each or a scalar, so that they broadcast over samples.
type Path struct {
	b *graph.Builder
	coefficients
}

// NewPath adds the schedule at times t [N 1]. A schedule from elsewhere, which has no formula, is an error.
func NewPath(b *graph.Builder, spec flow.Spec, t *graph.Value) Path {
	name, p, ok := flow.Formula(spec.Schedule)
	formula := formulas[name]
	if !ok || formula == nil {
		v := b.Fail(fmt.Errorf("models: schedule %s has no formula that a graph could hold", spec.Schedule.Name()))
		return Path{b, coefficients{v, v, v, v}}
	}
	c := formula(b, spec.Schedule, p, t, b.Subtract(b.Scalar(tensor.Float32, 1), t))
	column := func(v *graph.Value) *graph.Value {
		if len(spec.Dims) == 1 || len(v.Type.Shape) == 0 {
			return v
		}
		return b.Reshape(v, b.Ints(append([]int{-1}, ones(len(spec.Dims))...)...))
	}
	return Path{b, coefficients{column(c.alpha), column(c.beta), column(c.dAlpha), column(c.dBeta)}}
}

// Alpha and Beta are the coefficients of x_t = α x1 + β x0.
func (p Path) Alpha() *graph.Value { return p.alpha }

// Beta is β, a standard deviation.
func (p Path) Beta() *graph.Value { return p.beta }

// Row is a quantity as a combination of (x1, x0), flow.Coeffs.Row as a graph.
func (p Path) Row(q flow.Quantity) [2]*graph.Value {
	zero, one := p.b.Scalar(tensor.Float32, 0), p.b.Scalar(tensor.Float32, 1)
	switch q {
	case flow.Velocity:
		return [2]*graph.Value{p.dAlpha, p.dBeta}
	case flow.X1:
		return [2]*graph.Value{one, zero}
	case flow.Noise:
		return [2]*graph.Value{zero, one}
	}
	return [2]*graph.Value{zero, p.b.Div(p.b.Scalar(tensor.Float32, -1), p.beta)}
}

// Gain is what a difference of one quantity is multiplied by to be one of another, the factor b of flow.Coeffs.Convert as a graph: with rows (p, q) of from
// and (r, s) of to it is (α s − β r)/(α q − β p), whose terms do not cancel as slopes of α and β have unlike signs; scores go by way of the noise.
func (p Path) Gain(from, to flow.Quantity) *graph.Value {
	b := p.b
	switch {
	case from == to:
		return b.Scalar(tensor.Float32, 1)
	case from == flow.Score:
		return b.Neg(b.Mul(p.beta, p.Gain(flow.Noise, to)))
	case to == flow.Score:
		return b.Neg(b.Div(p.Gain(from, flow.Noise), p.beta))
	}
	return b.Div(p.against(to), p.against(from))
}

// against is α s − β r for the row (r, s) of a quantity.
func (p Path) against(q flow.Quantity) *graph.Value {
	switch q {
	case flow.X1:
		return p.b.Neg(p.beta)
	case flow.Noise:
		return p.alpha
	}
	return p.b.Subtract(p.b.Mul(p.alpha, p.dBeta), p.b.Mul(p.beta, p.dAlpha))
}

// weights are the rows of flow's table of weights as graphs; α² and β² are given.
var weights = map[string]func(b *graph.Builder, p []float64, c Path, signal, noise *graph.Value) *graph.Value{
	"min-snr": func(b *graph.Builder, p []float64, _ Path, signal, noise *graph.Value) *graph.Value {
		return b.Op("Min", nil, b.Div(signal, b.Scale(noise, p[0])), b.Scalar(tensor.Float32, 1)) // +Inf at β = 0 is 1
	},
	"sigmoid": func(b *graph.Builder, p []float64, _ Path, signal, noise *graph.Value) *graph.Value {
		e := b.Scale(noise, math.Exp(p[0]))
		return b.Div(e, b.Add(signal, e))
	},
	"cosmap": func(b *graph.Builder, _ []float64, c Path, signal, noise *graph.Value) *graph.Value {
		sum := b.Add(c.alpha, c.beta)
		return b.Div(b.Scale(b.Mul(sum, sum), 2/math.Pi), b.Add(signal, noise))
	},
}

// Weight is a factor of the loss at the path's times, flow.Weight.At as a graph.
func (p Path) Weight(w flow.Weight) *graph.Value {
	name, numbers := w.Formula()
	formula := weights[name]
	if formula == nil {
		return p.b.Fail(fmt.Errorf("models: weight %s has no formula that a graph could hold", w))
	}
	return formula(p.b, numbers, p, p.b.Mul(p.alpha, p.alpha), p.b.Mul(p.beta, p.beta))
}
