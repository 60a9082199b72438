package nn

import (
	"math"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// PhaseBound is the largest phase of the time features at t = 1, in radians. Rounding a float32 phase p costs an error of p·2⁻²⁴ in its sine, so at 8π the
// features of all engines agree to 2e-6; the thousands usual elsewhere cost a hundred times that.
const PhaseBound = 8 * math.Pi

// lowest is the smallest frequency: over [0, 1] its sine rises and its cosine falls all the way.
const lowest = math.Pi / 2

// Frequencies returns n frequencies in geometric progression from π/2 to PhaseBound, rounded to float32.
func Frequencies(n int) []float32 {
	f := make([]float32, n)
	for k := range f {
		p := 0.0
		if n > 1 {
			p = float64(k) / float64(n-1)
		}
		f[k] = float32(lowest * math.Pow(PhaseBound/lowest, p))
	}
	return f
}

// TimeFeatures are sin(ω t) and cos(ω t) at n frequencies ω, [T 1] → [T 2n]. Their squares sum to n.
func (b *Net) TimeFeatures(t *graph.Value, n int) (y *graph.Value) {
	b.Scope("time", func() {
		phase := b.MatMul(t, b.NamedConst("frequencies", tensor.Of(Frequencies(n), 1, n)))
		y = b.Concat(1, b.Op("Sin", nil, phase), b.Op("Cos", nil, phase))
	})
	return y
}
