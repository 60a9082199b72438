package flow_test

import (
	"math"
	"testing"

	"fmtool/models/flow"
)

// bimodal is a density q of the data in one dimension and the mixture that it is.
func bimodal(t *testing.T, s flow.Schedule) (q func(y float64) float64, m *flow.Mixture) {
	t.Helper()
	means, sigmas, weights := []float64{-1.2, 0.7, 2}, []float64{0.4, 0.25, 0.6}, []float64{0.5, 0.3, 0.2}
	m, err := flow.NewMixture(s, 1, means, sigmas, weights)
	if err != nil {
		t.Fatal(err)
	}
	return func(y float64) (q float64) {
		for k, w := range weights {
			z := (y - means[k]) / sigmas[k]
			q += w * math.Exp(-z*z/2) / (sigmas[k] * math.Sqrt(2*math.Pi))
		}
		return q
	}, m
}

// posterior is the definition of log p_t(x) and E[x1 | x_t = x] as integrals over the data, by the trapezoidal rule, whose error for such
// integrands falls faster than any power of the step.
func posterior(q func(float64) float64, c flow.Coeffs, x float64) (logp, x1 float64) {
	const h = 1. / 512
	var p, py float64
	for i := -8 * 512; i <= 8*512; i++ {
		y := float64(i) * h
		z := (x - c.Alpha*y) / c.Beta
		w := q(y) * math.Exp(-z*z/2)
		p, py = p+w, py+w*y
	}
	return math.Log(p * h / (c.Beta * math.Sqrt(2*math.Pi))), py / p
}

// From N(0, 1) to a mixture, on every schedule: log-density, posterior mean, score and velocity are the integrals that define them, and each
// follows from each of the four predictions, to 1e-10.
func TestMixtureAgainstIntegrals(t *testing.T) {
	worst := 0.0
	near := func(got, want float64) bool {
		e := math.Abs(got-want) / (1 + math.Abs(want))
		worst = max(worst, e)
		return e <= 1e-10
	}
	for name, s := range schedules(t) {
		q, m := bimodal(t, s)
		for _, ratio := range []float64{0.05, 0.5, 1, 3, 10} { // α/β, by which schedules are at like points of the path
			at := flow.RatioTime(s, flow.Coeffs{Alpha: ratio, Beta: 1})
			c := s.At(at)
			for _, x := range []float64{-1.5, -0.1, 0.8} {
				logp, x1 := posterior(q, c, x)
				x0 := (x - c.Alpha*x1) / c.Beta
				want := map[flow.Quantity]float64{flow.X1: x1, flow.Noise: x0, flow.Score: -x0 / c.Beta, flow.Velocity: c.DAlpha*x1 + c.DBeta*x0}
				u, score, moments := make([]float64, 1), make([]float64, 1), m.At([]float64{x}, at)
				m.Velocity(u, []float64{x}, at)
				m.Score(score, []float64{x}, at)
				for what, pair := range map[string][2]float64{"log p": {moments.LogDensity, logp}, "x1": {moments.X1[0], x1},
					"score": {score[0], want[flow.Score]}, "velocity": {u[0], want[flow.Velocity]}} {
					if !near(pair[0], pair[1]) {
						t.Errorf("%s at t = %.3f, x = %g: %s is %.14g, the integral %.14g", name, at, x, what, pair[0], pair[1])
					}
				}
				for from, v := range want {
					for to, w := range want {
						if a, b := c.Convert(from, to); !near(a*x+b*v, w) {
							t.Errorf("%s at t = %.3f, x = %g: %v from %v is %.14g, want %.14g", name, at, x, to, from, a*x+b*v, w)
						}
					}
				}
			}
		}
	}
	t.Logf("largest error %.1e", worst)
}

// From N(0, 1) to N(m, s²), where p_t is N(α m, v), v = α² s² + β²: posterior mean m + (α s²/v)(x − α m), score (α m − x)/v and velocity, from each
// prediction wherever Interval says that it gives a velocity, the ends of the path included, to 1e-10.
func TestGaussianFromEveryPrediction(t *testing.T) {
	const mean, sigma, x = 0.8, 0.6, 0.3
	for name, s := range schedules(t) {
		for _, from := range []flow.Quantity{flow.Velocity, flow.X1, flow.Noise, flow.Score} {
			lo, hi := flow.Interval(s, from, from)
			for i := range 11 {
				at := lo + (hi-lo)*float64(i)/10
				c := s.At(at)
				v := c.Alpha*c.Alpha*sigma*sigma + c.Beta*c.Beta
				x1, score := mean+c.Alpha*sigma*sigma/v*(x-c.Alpha*mean), (c.Alpha*mean-x)/v
				want := map[flow.Quantity]float64{flow.X1: x1, flow.Score: score, flow.Noise: -c.Beta * score,
					flow.Velocity: c.DAlpha*x1 - c.DBeta*c.Beta*score}
				a, b := c.Convert(from, flow.Velocity)
				if got := a*x + b*want[from]; !(math.Abs(got-want[flow.Velocity]) <= 1e-10*(1+math.Abs(want[flow.Velocity]))) {
					t.Errorf("%s at t = %g: velocity from %v is %.14g, want %.14g", name, at, from, got, want[flow.Velocity])
				}
				if i == 0 || i == 10 {
					continue // a velocity need not give x1 and score where it vanishes
				}
				for to, w := range want {
					if a, b := c.Convert(from, to); !(math.Abs(a*x+b*want[from]-w) <= 1e-10*(1+math.Abs(w))) {
						t.Errorf("%s at t = %g: %v from %v is %.14g, want %.14g", name, at, to, from, a*x+b*want[from], w)
					}
				}
			}
		}
	}
}

// The score has its limit at the data: where β = 0 it gives the velocity and E[x1], as the noise does.
func TestScoreAtTheData(t *testing.T) {
	c := flow.Linear.At(1)
	for to, want := range map[flow.Quantity][2]float64{flow.X1: {1, 0}, flow.Velocity: {1, 0}} {
		if a, b := c.Convert(flow.Score, to); a != want[0] || b != want[1] {
			t.Errorf("%v from score at t = 1: %g x + %g s, want %v", to, a, b, want)
		}
	}
}
