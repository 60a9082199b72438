package models

import (
	"math"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// coefficients are a schedule's values [T 1] as parts of a graph, flow.Coeffs.
type coefficients struct{ alpha, beta, dAlpha, dBeta *graph.Value }

// formulas are the rows of flow's table of schedules as graphs, and its points. left is 1 − t, which float32 gives exactly where t ≥ ½: each α
// keeps its relative accuracy as it vanishes at t = 0, each β as it vanishes at t = 1, for conversions divide by them.
var formulas = map[string]func(b *graph.Builder, s flow.Schedule, p []float64, t, left *graph.Value) coefficients{
	"linear": func(b *graph.Builder, _ flow.Schedule, _ []float64, t, left *graph.Value) coefficients {
		one := b.Scalar(tensor.Float32, 1)
		return coefficients{t, left, one, b.Neg(one)}
	},
	"cosine": func(b *graph.Builder, _ flow.Schedule, _ []float64, t, left *graph.Value) coefficients {
		s, c := b.Op("Sin", nil, b.Scale(t, math.Pi/2)), b.Op("Sin", nil, b.Scale(left, math.Pi/2))
		return coefficients{s, c, b.Scale(c, math.Pi/2), b.Scale(s, -math.Pi/2)}
	},
	"cosmap": func(b *graph.Builder, _ flow.Schedule, _ []float64, t, left *graph.Value) coefficients {
		s, c := b.Op("Sin", nil, b.Scale(t, math.Pi/2)), b.Op("Sin", nil, b.Scale(left, math.Pi/2))
		sum := b.Add(s, c)
		slope := b.Div(b.Scalar(tensor.Float32, math.Pi/2), b.Mul(sum, sum))
		return coefficients{b.Div(s, sum), b.Div(c, sum), slope, b.Neg(slope)}
	},
	"polynomial": func(b *graph.Builder, _ flow.Schedule, p []float64, t, _ *graph.Value) coefficients {
		n := p[0]
		slope := b.Scale(b.Op("Pow", nil, t, b.Scalar(tensor.Float32, n-1)), n)
		logs := b.Op("Log", nil, b.Op("Max", nil, t, b.Scalar(tensor.Float32, 1e-30)))
		return coefficients{b.Op("Pow", nil, t, b.Scalar(tensor.Float32, n)), lessExp(b, b.Scale(logs, -n)), slope, b.Neg(slope)}
	},
	"vp": func(b *graph.Builder, _ flow.Schedule, _ []float64, _, left *graph.Value) coefficients {
		const quadratic, linear = (flow.VPMax - flow.VPMin) / 4, flow.VPMin / 2
		half := b.Mul(left, b.Shift(b.Scale(left, quadratic), linear))
		alpha, beta := b.Op("Exp", nil, b.Neg(half)), b.Op("Sqrt", nil, lessExp(b, b.Scale(half, 2)))
		dAlpha := b.Mul(alpha, b.Shift(b.Scale(left, 2*quadratic), linear))
		return coefficients{alpha, beta, dAlpha, b.Neg(b.Div(b.Mul(alpha, dAlpha), beta))}
	},
	"linear-vp": func(b *graph.Builder, _ flow.Schedule, _ []float64, t, left *graph.Value) coefficients {
		beta := b.Op("Sqrt", nil, b.Mul(left, b.Shift(t, 1)))
		return coefficients{t, beta, b.Scalar(tensor.Float32, 1), b.Neg(b.Div(t, beta))}
	},
	"sqrt": func(b *graph.Builder, _ flow.Schedule, _ []float64, t, left *graph.Value) coefficients {
		beta := b.Op("Sqrt", nil, left)
		return coefficients{t, beta, b.Scalar(tensor.Float32, 1), b.Div(b.Scalar(tensor.Float32, -0.5), beta)}
	},
	"points": pointsGraph,
}

// lessExp is 1 − e^(−v) for v ≥ 0, without the difference of near numbers: 2h/(1 + h) with h = tanh(v/2).
func lessExp(b *graph.Builder, v *graph.Value) *graph.Value {
	h := b.Op("Tanh", nil, b.Scale(v, 0.5))
	return b.Div(b.Scale(h, 2), b.Shift(h, 1))
}

// pointsGraph is the piecewise cubics through points at times: α summed up from t = 0, β from t = 1.
func pointsGraph(b *graph.Builder, s flow.Schedule, times []float64, t, left *graph.Value) coefficients {
	n := len(times)
	alpha, beta, dAlpha, dBeta, back := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i, ti := range times {
		c, r := s.At(ti), n-1-i
		alpha[i], dAlpha[i] = c.Alpha, c.DAlpha
		beta[r], dBeta[r], back[r] = c.Beta, -c.DBeta, 1-ti // in the time that is left
	}
	var c coefficients
	c.alpha, c.dAlpha = cubics(b, times, alpha, dAlpha, t)
	c.beta, c.dBeta = cubics(b, back, beta, dBeta, left)
	c.dBeta = b.Neg(c.dBeta)
	return c
}

// cubics is the function with values v (0 at the first) and slopes d at times, and its slope, at t [T 1]. On piece k it adds c₁ s + c₂ s² + c₃ s³
// and its slope 2 c₂ s + 3 c₃ s², with s = t − times[k] held to the piece: earlier pieces have given all they have, later ones nothing.
func cubics(b *graph.Builder, times, v, d []float64, t *graph.Value) (f, slope *graph.Value) {
	n := len(times) - 1
	start, length := make([]float32, n), make([]float32, n)
	c := [3][]float32{make([]float32, n), make([]float32, n), make([]float32, n)}
	for k := range n {
		h := times[k+1] - times[k]
		mean := (v[k+1] - v[k]) / h
		start[k], length[k] = float32(times[k]), float32(h)
		c[0][k], c[1][k], c[2][k] = float32(d[k]), float32((3*mean-2*d[k]-d[k+1])/h), float32((d[k]+d[k+1]-2*mean)/(h*h))
	}
	column := func(c []float32) *graph.Value { return b.Const(tensor.Of(c, n, 1)) }
	s := b.Subtract(t, b.Const(tensor.Of(start, 1, n)))
	s = b.Op("Min", nil, b.Op("Max", nil, s, b.Scalar(tensor.Float32, 0)), b.Const(tensor.Of(length, 1, n)))
	square := b.Mul(s, s)
	quadratic, cubic := b.MatMul(square, column(c[1])), b.MatMul(b.Mul(square, s), column(c[2]))
	f = b.Add(b.MatMul(s, column(c[0])), b.Add(quadratic, cubic))
	slope = b.Shift(b.Add(b.Scale(b.MatMul(s, column(c[1])), 2), b.Scale(b.MatMul(square, column(c[2])), 3)), d[0])
	return f, slope
}

// Times is t within the times that a model was trained at.
func Times(b *graph.Builder, spec flow.Spec, t *graph.Value) *graph.Value {
	if spec.TimeMin > 0 {
		t = b.Op("Max", nil, t, b.Scalar(tensor.Float32, spec.TimeMin))
	}
	if spec.TimeMax < 1 {
		t = b.Op("Min", nil, t, b.Scalar(tensor.Float32, spec.TimeMax))
	}
	return t
}

// AsVelocity is the velocity that follows from a network's prediction q [N D...] at x [N D...] and t [T 1], flow.Coeffs.Convert as a graph:
//
//	x1     u = α̇ q + (β̇/β)(x − α q)
//	noise  u = β̇ q + (α̇/α)(x − β q)
//	score  the noise is −β q
func AsVelocity(b *graph.Builder, spec flow.Spec, x, t, q *graph.Value) *graph.Value {
	if spec.Prediction == flow.Velocity {
		return q
	}
	c := NewPath(b, spec, t)
	own, other, dOwn, dOther := c.alpha, c.beta, c.dAlpha, c.dBeta
	switch spec.Prediction {
	case flow.Score:
		q = b.Neg(b.Mul(other, q))
		fallthrough
	case flow.Noise:
		own, other, dOwn, dOther = other, own, dOther, dOwn
	}
	return b.Add(b.Mul(dOwn, q), b.Mul(b.Div(dOther, other), b.Subtract(x, b.Mul(own, q))))
}
