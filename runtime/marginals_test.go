package runtime

import (
	"context"
	"fmt"
	"math"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime/solver"
	"fmtool/train/metric"
)

// path is a mixture of three Gaussians of different widths in two dimensions on a schedule, in closed form.
type path struct {
	spec    flow.Spec
	mixture *flow.Mixture
}

var (
	means   = []float64{2, 0, -1, 1.5, -1, -2}
	sigmas  = []float64{0.3, 0.6, 0.2}
	weights = []float64{0.5, 0.3, 0.2}
)

func newPath(t *testing.T, schedule string) path {
	t.Helper()
	s, err := flow.ParseSchedule(schedule)
	if err != nil {
		t.Fatal(err)
	}
	m, err := flow.NewMixture(s, 2, means, sigmas, weights)
	if err != nil {
		t.Fatal(err)
	}
	spec := flow.Spec{Dims: []int{2}, Schedule: s, TimeMax: s.Defects().TimeMax,
		Normaliser: flow.Normaliser{Kind: "none", Mean: []float32{0}, Scale: []float32{1}}, Condition: flow.Condition{Kind: flow.Unconditional}}
	return path{spec, m}
}

// truth draws rows of p_t.
func (p path) truth(at float64, rows int, seed uint64) []float32 {
	c := p.spec.Schedule.At(min(at, p.spec.TimeMax))
	z, n, u := make([]float32, 2*rows), make([]float32, 2*rows), make([]float32, rows)
	noise.New(seed, noise.Data).Sub(1).Normals(z, 0)
	noise.New(seed, noise.Data).Sub(2).Normals(n, 0)
	noise.New(seed, noise.Data).Sub(3).Uniforms(u, 0)
	for i := range z {
		k, left := 0, float64(u[i/2])
		for ; k < 2 && left > weights[k]; k++ {
			left -= weights[k]
		}
		x1 := means[2*k+i%2] + sigmas[k]*float64(z[i])
		n[i] = float32(c.Alpha*x1 + c.Beta*float64(n[i]))
	}
	return n
}

// at follows the equation to the times and calls see there. sign −1 turns the score's pull round.
func (p path) at(t *testing.T, e SDE, rows, steps int, sign float32, see func(at float64, x []float32)) {
	t.Helper()
	w := solver.NewWalk(e.method(), 2*rows)
	noise.New(1, noise.Sampling).Rows(w.State(), 0, 2)
	u, one, v := make([]float32, 2*rows), make([]float64, 2), make([]float64, 2)
	drift := func(_ context.Context, dst, x []float32, at float32) error {
		for i := range rows {
			one[0], one[1] = float64(x[2*i]), float64(x[2*i+1])
			p.mixture.Velocity(v, one, min(float64(at), 0.9999, p.spec.TimeMax))
			dst[2*i], dst[2*i+1] = float32(v[0]), float32(v[1])
		}
		copy(u, dst)
		if at > 0.99 { // the last step
			return nil
		}
		err := e.drift(p.spec, dst, x, float64(at))
		for i := range dst {
			dst[i] = u[i] + sign*(dst[i]-u[i])
		}
		return err
	}
	grid := solver.Grid(steps)
	c := e.chance(Sampler{Field: only{p.spec}, Seed: 5}, 0, grid)
	if err := w.Run(t.Context(), drift, c, grid, func(k int) {
		if at := grid[k+1]; math.Mod(4*at, 1) == 0 {
			see(at, w.State())
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// only has a spec.
type only struct{ spec flow.Spec }

func (o only) Spec() flow.Spec { return o.spec }

func (only) Velocity(context.Context, tensor.Tensor, tensor.Tensor, tensor.Tensor, tensor.Tensor) error {
	panic("no field")
}

// off is how far rows are from p_t: the differences of means and of covariances in standard errors, and the energy distance over its sampling floor.
func (p path) off(t *testing.T, at float64, x []float32) (mean, covariance, energy float64) {
	t.Helper()
	const large = 50_000
	many := p.truth(at, large, 2)
	m, s := moments(many)
	have, cov := moments(x)
	n := float64(len(x) / 2)
	for i := range 2 {
		mean = max(mean, math.Abs(have[i]-m[i])/math.Sqrt(s[2*i+i]*(1/n+1./large)))
		for j := range 2 {
			covariance = max(covariance, math.Abs(cov[2*i+j]-s[2*i+j])/(math.Sqrt(s[2*i+i]*s[2*j+j])*math.Sqrt(2/n)))
		}
	}
	floor, truth := 0.0, p.truth(at, len(x)/2, 3)
	for seed := range uint64(4) {
		d, err := metric.Energy(p.truth(at, len(x)/2, 10+seed), truth, 2)
		if err != nil {
			t.Fatal(err)
		}
		floor = max(floor, math.Abs(d))
	}
	d, err := metric.Energy(x, truth, 2)
	if err != nil {
		t.Fatal(err)
	}
	return mean, covariance, math.Abs(d) / floor
}

func moments(x []float32) (mean [2]float64, cov [4]float64) {
	n := float64(len(x) / 2)
	for i, v := range x {
		mean[i%2] += float64(v) / n
	}
	for r := 0; r < len(x); r += 2 {
		for i := range 4 {
			cov[i] += (float64(x[r+i/2]) - mean[i/2]) * (float64(x[r+i%2]) - mean[i%2]) / (n - 1)
		}
	}
	return mean, cov
}

// Every form of noise has the marginals of the path at t = 1/4, 1/2, 3/4 and 1, on schedules with an end and without; with the score's pull turned round they
// are missed by far.
func TestNoiseKeepsTheMarginals(t *testing.T) {
	const rows = 1500
	for _, c := range []struct {
		schedule, diffusion string
		method              solver.Noisy
		steps               int
	}{
		{"linear", "beta:2", solver.EulerMaruyama, 400}, {"linear", "beta", solver.StochasticHeun, 100}, {"linear", "beta-squared:3", solver.StochasticHeun, 100},
		{"linear", "constant", solver.StochasticHeun, 200}, {"linear", "decreasing:4", solver.StochasticHeun, 100}, {"linear", "sine:4", solver.StochasticHeun, 100},
		{"cosine", "beta:2", solver.StochasticHeun, 100}, {"vp", "sine:2", solver.StochasticHeun, 200},
	} {
		p := newPath(t, c.schedule)
		d, err := ParseDiffusion(c.diffusion)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprint(c.schedule, " ", c.diffusion, " ", c.method.Name)
		p.at(t, SDE{d, c.method}, rows, c.steps, 1, func(at float64, x []float32) {
			mean, cov, energy := p.off(t, at, x)
			t.Logf("%s at %.2f: means off by %.1f standard errors, covariances by %.1f, energy distance %.2f of the floor", name, at, mean, cov, energy)
			if !(mean < 4 && cov < 4 && energy < 3) {
				t.Errorf("%s at %.2f: means off by %.1f standard errors, covariances by %.1f, energy distance %.2f of the floor", name, at, mean, cov, energy)
			}
		})
	}
	p := newPath(t, "linear")
	d, _ := ParseDiffusion("beta")
	p.at(t, SDE{Diffusion: d}, rows, 100, -1, func(at float64, x []float32) {
		if _, cov, energy := p.off(t, at, x); at == 0.5 && (cov < 8 || energy < 10) {
			t.Errorf("with the pull turned round covariances are off by %.1f standard errors, the energy distance is %.1f of the floor: the test sees nothing", cov, energy)
		}
	})
}
