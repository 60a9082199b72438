package runtime

import (
	"math"

	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/runtime/solver"
)

// SDE says how a Sampler draws with noise on the way. For every g(t) the equation
//
//	dx = (u_t(x) + g²/2 ∇log p_t(x)) dt + g dW
//
// has the marginals p_t of the path that dx = u dt has [SO21, AL23]: noise pushes rows about, the score pulls them back, and errors made early are forgotten. With
// g² = ρ(t)·β and the score −E[x0 | x_t]/β the drift is u − ρ/2 E[x0 | x_t], which stays finite where β = 0. The last step is that of the equation without
// noise, so that none is left in the samples.
type SDE struct {
	Diffusion Diffusion
	Method    solver.Noisy // the zero value is Euler–Maruyama
}

func (e SDE) method() solver.Noisy {
	if e.Method.Name == "" {
		return solver.EulerMaruyama
	}
	return e.Method
}

// Diffusion is how much noise is added at which time: a row of the table of forms. The zero value is beta:1.
type Diffusion struct {
	row *flow.Entry[form]
	p   []float64
}

// form is ρ(t) = g²/β of a scale p₀, the time and the path there.
type form func(p []float64, t float64, c flow.Coeffs) float64

// least is the β below which the constant form fades out, for the score to stay finite.
const least = 0.02

var scales = [][2]float64{{0, 100}}

var forms = []flow.Entry[form]{
	{Name: "beta", Default: []float64{1}, Bounds: scales, Value: func(p []float64, _ float64, _ flow.Coeffs) float64 { return p[0] }},                          // g² = p β
	{Name: "beta-squared", Default: []float64{1}, Bounds: scales, Value: func(p []float64, _ float64, c flow.Coeffs) float64 { return p[0] * c.Beta }},         // g² = p β²
	{Name: "constant", Default: []float64{1}, Bounds: scales, Value: func(p []float64, _ float64, c flow.Coeffs) float64 { return p[0] / max(c.Beta, least) }}, // g² = p
	{Name: "decreasing", Default: []float64{1}, Bounds: scales, Value: func(p []float64, t float64, _ flow.Coeffs) float64 {
		h := (1 + math.Cos(math.Pi*t)) / 2 // g² = p β (1 + cos πt)²/4
		return p[0] * h * h
	}},
	{Name: "sine", Default: []float64{1}, Bounds: scales, Value: func(p []float64, t float64, _ flow.Coeffs) float64 {
		s := math.Sin(math.Pi * t) // g² = p β sin² πt: none at the ends
		return p[0] * s * s
	}},
}

// DiffusionNames are the rows of the table.
func DiffusionNames() []string { return flow.Names(forms) }

// ParseDiffusion returns the diffusion of a text, as in beta:0.5.
func ParseDiffusion(text string) (d Diffusion, err error) {
	d.row, d.p, err = flow.Lookup("diffusion", text, forms)
	return d, err
}

// Rho is ρ(t) = g²/β on a schedule.
func (d Diffusion) Rho(t float64, c flow.Coeffs) float64 {
	if d.row == nil {
		return forms[0].Value(forms[0].Default, t, c)
	}
	return d.row.Value(d.p, t, c)
}

// chance is the noise of the rows from first on, along a grid of times.
func (e SDE) chance(s Sampler, first uint64, times []float64) solver.Chance {
	spec, last := s.Field.Spec(), len(times)-2
	stream := noise.New(s.Seed, noise.SDE)
	g2 := func(t float64) float64 {
		c := spec.Schedule.At(min(t, spec.TimeMax))
		return e.Diffusion.Rho(t, c) * c.Beta
	}
	return solver.Chance{
		Variance: func(k int) float64 {
			if k == last {
				return 0
			}
			return (times[k+1] - times[k]) * (g2(times[k]) + g2(times[k+1])) / 2
		},
		Draw: func(dst []float32, k int) { stream.Sub(uint32(k)).Rows(dst, first, spec.Dim()) },
	}
}

// drift turns the velocity u at x into u − ρ/2 E[x0 | x_t], in place.
func (e SDE) drift(spec flow.Spec, u, x []float32, t float64) error {
	half := e.Diffusion.Rho(t, spec.Schedule.At(min(t, spec.TimeMax))) / 2
	a, b, err := fromVelocity(spec, t, flow.Noise)
	if err != nil {
		return err
	}
	a, b = -half*a, 1-half*b
	for i, v := range u {
		u[i] = float32(a*float64(x[i]) + b*float64(v))
	}
	return nil
}
