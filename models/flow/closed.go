package flow

import (
	"fmt"
	"math"
)

// Mixture is a data distribution Σ w_k N(m_k, s_k² I) whose paths have closed forms. A finite data set is the mixture of its points with s = 0 and equal
// weights, a Gaussian the mixture of one. With x_t = α x1 + β x0,
//
//	p_t(x) = Σ w_k N(x; α m_k, v_k I),  v_k = α² s_k² + β²,
//
// and given component k the data has mean m_k + (α s_k²/v_k)(x − α m_k) and variance s_k² β²/v_k a dimension.
type Mixture struct {
	schedule Schedule
	dim      int
	means    []float64 // [K, dim]
	sigmas   []float64 // [K]
	logW     []float64 // [K]
}

// NewMixture returns the mixture on a schedule's path. means is [K, dim]; sigmas and weights are [K]; nil sigmas are zeros, nil weights equal.
// Numbers that are not finite, negative sigmas and weights that are not positive are errors.
func NewMixture(s Schedule, dim int, means, sigmas, weights []float64) (*Mixture, error) {
	k := len(means) / max(dim, 1)
	if dim < 1 || k == 0 || len(means) != k*dim || sigmas != nil && len(sigmas) != k || weights != nil && len(weights) != k {
		return nil, fmt.Errorf("flow: mixture of %d means in %d dimensions, %d sigmas, %d weights", len(means), dim, len(sigmas), len(weights))
	}
	finite := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
	for i, v := range means {
		if !finite(v) {
			return nil, fmt.Errorf("flow: mean %d of component %d is %g", i%dim, i/dim, v)
		}
	}
	for i, v := range sigmas {
		if !finite(v) || v < 0 {
			return nil, fmt.Errorf("flow: sigma of component %d is %g, want 0 or more", i, v)
		}
	}
	m := &Mixture{s, dim, means, sigmas, make([]float64, k)}
	if sigmas == nil {
		m.sigmas = make([]float64, k)
	}
	total := 0.0
	for i := range m.logW {
		w := 1.0
		if weights != nil {
			w = weights[i]
		}
		if !(w > 0) || !finite(w) {
			return nil, fmt.Errorf("flow: weight %g of component %d, want a positive number", w, i)
		}
		m.logW[i], total = math.Log(w), total+w
	}
	for i := range m.logW {
		m.logW[i] -= math.Log(total)
	}
	return m, nil
}

// Moments are what a mixture's path says of one point (x, t).
type Moments struct {
	LogDensity float64   // log p_t(x), nats
	X1         []float64 // E[x1 | x_t = x], [dim]
	Score      []float64 // ∇ log p_t(x) = −E[x0 | x_t = x]/β, [dim]
	TraceX1    float64   // tr Cov[x1 | x_t = x]
}

// At computes the moments at x [dim] and time t. It needs β_t > 0 or every s_k > 0: at t = 1 a finite data set has no density.
func (m *Mixture) At(x []float64, t float64) Moments {
	c := m.schedule.At(t)
	logs := make([]float64, len(m.logW))
	top := math.Inf(-1)
	for k := range logs {
		v := c.Alpha*c.Alpha*m.sigmas[k]*m.sigmas[k] + c.Beta*c.Beta
		square := 0.0
		for i, xi := range x {
			d := xi - c.Alpha*m.means[k*m.dim+i]
			square += d * d
		}
		logs[k] = m.logW[k] - square/(2*v) - float64(m.dim)/2*math.Log(2*math.Pi*v)
		top = max(top, logs[k])
	}
	total := 0.0
	for _, l := range logs {
		total += math.Exp(l - top)
	}
	out := Moments{LogDensity: top + math.Log(total), X1: make([]float64, m.dim), Score: make([]float64, m.dim)}
	second := 0.0
	for k := range logs {
		p := math.Exp(logs[k]-top) / total
		if p == 0 {
			continue
		}
		square, variance := m.component(k, x, c, p, out)
		second += p * (square + variance*float64(m.dim))
	}
	out.TraceX1 = second
	for _, v := range out.X1 {
		out.TraceX1 -= v * v
	}
	out.TraceX1 = max(out.TraceX1, 0)
	return out
}

// component adds p times component k's mean of x1 and score to sum and returns that mean's squared norm and the variance a dimension.
func (m *Mixture) component(k int, x []float64, c Coeffs, p float64, sum Moments) (square, variance float64) {
	s2 := m.sigmas[k] * m.sigmas[k]
	v := c.Alpha*c.Alpha*s2 + c.Beta*c.Beta
	for i := range sum.X1 {
		mk := m.means[k*m.dim+i]
		score := (c.Alpha*mk - x[i]) / v
		e := mk - c.Alpha*s2*score
		sum.X1[i] += p * e
		sum.Score[i] += p * score
		square += e * e
	}
	return square, s2 * c.Beta * c.Beta / v
}

// Velocity writes the marginal velocity field u_t(x) = E[α̇ x1 + β̇ x0 | x_t = x], at every point and time where At is defined.
func (m *Mixture) Velocity(dst, x []float64, t float64) {
	c, at := m.schedule.At(t), m.At(x, t)
	for i := range dst {
		dst[i] = c.DAlpha*at.X1[i] - c.DBeta*c.Beta*at.Score[i]
	}
}

// Score writes ∇ log p_t(x), at every point and time where At is defined.
func (m *Mixture) Score(dst, x []float64, t float64) { copy(dst, m.At(x, t).Score) }

// VelocityVariance is tr Var[u_{t,y}(x) | x_t = x] of the conditional velocities over the posterior of the data y, the term by which the conditional
// loss exceeds the marginal one. It needs β_t > 0.
func (m *Mixture) VelocityVariance(x []float64, t float64) float64 {
	_, b := m.schedule.At(t).Convert(X1, Velocity)
	return b * b * m.At(x, t).TraceX1
}
