package flow

import (
	"fmt"
	"math"
)

// Quantity is one of the four ways to say what a model knows of x_t.
type Quantity uint8

// The quantities; each is the conditional expectation given x_t = x.
const (
	Velocity Quantity = iota // u = α̇ x1 + β̇ x0
	X1                       // the data
	Noise                    // x0
	Score                    // ∇ log p_t(x) = −x0/β
)

var quantityNames = []string{"velocity", "x1", "noise", "score"}

func (q Quantity) String() string { return quantityNames[q] }

// ParseQuantity returns the quantity of a name.
func ParseQuantity(name string) (Quantity, error) {
	for i, n := range quantityNames {
		if n == name {
			return Quantity(i), nil
		}
	}
	return 0, Unknown("prediction", name, quantityNames)
}

// Row is the quantity as a combination of (x1, x0). The score's has no limit at β = 0.
func (c Coeffs) Row(q Quantity) [2]float64 {
	switch q {
	case Velocity:
		return [2]float64{c.DAlpha, c.DBeta}
	case X1:
		return [2]float64{1, 0}
	case Noise:
		return [2]float64{0, 1}
	}
	return [2]float64{0, -1 / c.Beta}
}

// Convert returns a, b such that to = a·x + b·from at these coefficients. With x = α x1 + β x0 and from = p x1 + q x0, it solves
// a·(α, β) + b·(p, q) = (r, s), the row of to; the score goes by way of the noise, −β times it, which keeps its limit at β = 0. Where from says
// nothing that x does not say, the result is infinite or NaN: Interval is where it is not.
//
// Two values of from that differ by d are values of to that differ by b·d: the exact weight between their squared errors is b².
func (c Coeffs) Convert(from, to Quantity) (a, b float64) {
	switch {
	case from == to:
		return 0, 1
	case from == Score:
		a, b = c.Convert(Noise, to)
		return a, -c.Beta * b
	case to == Score:
		a, b = c.Convert(from, Noise)
		return -a / c.Beta, -b / c.Beta
	}
	f, t := c.Row(from), c.Row(to)
	det := c.Alpha*f[1] - c.Beta*f[0]
	return (t[0]*f[1] - t[1]*f[0]) / det, (c.Alpha*t[1] - c.Beta*t[0]) / det
}

// Xt writes x_t = α x1 + β x0. Slices have one length; dst may be an operand.
func (c Coeffs) Xt(dst, x1, x0 []float64) {
	for i := range dst {
		dst[i] = c.Alpha*x1[i] + c.Beta*x0[i]
	}
}

// Target writes the regression target u = α̇ x1 + β̇ x0, finite wherever the coefficients are.
func (c Coeffs) Target(dst, x1, x0 []float64) {
	for i := range dst {
		dst[i] = c.DAlpha*x1[i] + c.DBeta*x0[i]
	}
}

// Conditional writes the same velocity from x_t, α̇ x1 + (β̇/β)(x_t − α x1). It has no limit at β = 0 and serves to check Target.
func (c Coeffs) Conditional(dst, x1, xt []float64) {
	for i := range dst {
		dst[i] = c.DAlpha*x1[i] + c.DBeta/c.Beta*(xt[i]-c.Alpha*x1[i])
	}
}

// checkFinite refuses NaN and infinite numbers.
func checkFinite(what string, v []float32) error {
	for i, x := range v {
		if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("flow: %s [%d] is %g", what, i, x)
		}
	}
	return nil
}
