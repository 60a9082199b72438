package train_test

import (
	"context"
	"math"
	"testing"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
	"fmtool/train"
)

// finite is a model trained on 256 points and the closed-form marginal field of the same points, both in model space.
type finite struct {
	model  *models.Model
	field  *flow.Mixture
	points []float64 // [256 2]
}

func trainOnPoints(t *testing.T) finite {
	t.Helper()
	c := train.Default()
	c.Steps, c.HeldOut, c.Unconditional, c.Rate.Peak, c.Log, c.Checkpoint = 3000, 0, true, 5e-3, 500, 3000
	set := load(t, "moons:n=256,noise=0.05")
	m, _, err := train.LoadRun(run(t, c, set), false)
	if err != nil {
		t.Fatal(err)
	}
	encoded := make([]float32, len(set.Rows))
	m.Spec.Normaliser.Encode(encoded, set.Rows)
	f := finite{model: m, points: make([]float64, len(encoded))}
	for i, v := range encoded {
		f.points[i] = float64(v)
	}
	if f.field, err = flow.NewMixture(m.Spec.Schedule, 2, f.points, nil, nil); err != nil {
		t.Fatal(err)
	}
	return f
}

// draw is one of the algorithm's draws and what the fields say there.
type draw struct {
	t                           float64
	x, conditional, marginal, u [2]float64
	variance                    float64 // tr Var[conditional | x]
}

// draws are n independent draws of t, y, x0.
func (f finite) draws(t *testing.T, n int) []draw {
	t.Helper()
	s := noise.New(11, noise.Probe)
	times, x0, x := make([]float32, n), make([]float32, 2*n), make([]float32, 2*n)
	s.Sub(0).Uniforms(times, 0)
	s.Sub(1).Normals(x0, 0)
	out := make([]draw, n)
	for i := range out {
		d := &out[i]
		d.t = float64(times[i])
		k := s.Sub(2).Intn(uint64(i), 256)
		y, z := f.points[2*k:2*k+2], []float64{float64(x0[2*i]), float64(x0[2*i+1])}
		c := f.model.Spec.Schedule.At(d.t)
		c.Xt(d.x[:], y, z)
		c.Target(d.conditional[:], y, z)
		f.field.Velocity(d.marginal[:], d.x[:], d.t)
		d.variance = f.field.VelocityVariance(d.x[:], d.t)
		x[2*i], x[2*i+1] = float32(d.x[0]), float32(d.x[1])
	}
	p := compile(t, f.model)
	u := tensor.New(tensor.Float32, n, 2)
	if err := p.Run(context.Background(), []tensor.Tensor{tensor.Of(x, n, 2), tensor.Of(times, n, 1)}, []tensor.Tensor{u}); err != nil {
		t.Fatal(err)
	}
	for i := range out {
		out[i].u = [2]float64{float64(u.Float32()[2*i]), float64(u.Float32()[2*i+1])}
	}
	return out
}

func compile(t *testing.T, m *models.Model) *native.Plan {
	t.Helper()
	g, err := models.VelocityGraph(m)
	if err != nil {
		t.Fatal(err)
	}
	p, err := native.Compile(g, native.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func square(a, b [2]float64) float64 {
	return (a[0]-b[0])*(a[0]-b[0]) + (a[1]-b[1])*(a[1]-b[1])
}

// meanError is the mean and its standard error.
func meanError(v []float64) (mean, deviation float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		deviation += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(deviation) / float64(len(v))
}

// The trained field is the closed-form marginal field of the data, and the two losses differ by the variance of the conditional velocities:
// L_FM = L_CFM − E tr Var[u_{t,y} | x_t], within 3 standard errors; without the variance term it does not hold.
func TestFieldAndLossAgainstClosedForm(t *testing.T) {
	f := trainOnPoints(t)
	draws := f.draws(t, 20000)
	var wrong, size [10]float64
	with, without := make([]float64, len(draws)), make([]float64, len(draws))
	for i, d := range draws {
		bin := min(int(10*d.t), 9)
		wrong[bin] += square(d.u, d.marginal)
		size[bin] += square(d.marginal, [2]float64{})
		without[i] = square(d.u, d.conditional) - square(d.u, d.marginal)
		with[i] = without[i] - d.variance
	}
	for bin := range wrong {
		e := math.Sqrt(wrong[bin] / size[bin])
		t.Logf("t from 0.%d: relative L2 error %.3f", bin, e)
		if bin < 8 && e > 0.15 {
			t.Errorf("t from 0.%d: relative L2 error %.3f, want at most 0.15", bin, e)
		}
	}
	mean, deviation := meanError(with)
	t.Logf("L_CFM − L_FM − E tr Var = %.4f ± %.4f", mean, deviation)
	if math.Abs(mean) > 3*deviation {
		t.Errorf("L_CFM − L_FM − E tr Var = %.4f ± %.4f, want 0", mean, deviation)
	}
	if mean, deviation := meanError(without); math.Abs(mean) < 10*deviation {
		t.Errorf("L_CFM − L_FM = %.4f ± %.4f: the test would pass without the variance term", mean, deviation)
	}
}
