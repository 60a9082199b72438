package runtime_test

import (
	"context"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime"
)

// exactField is the closed-form velocity of a mixture and its divergence in float64, on any schedule, by way of the quantity that a network would predict. As E[x1 | x] has the Jacobian (α/β²) Cov[x1 |
// x] and the score is (α E[x1 | x] − x)/β², with c = α/β² tr Cov[x1 | x]
//
//	∇·u = α̇ c − β̇ (α c − D)/β.
type exactField struct {
	m         *flow.Mixture
	s         flow.Spec
	predicted flow.Quantity
}

func (f exactField) Spec() flow.Spec                { return f.s }
func (f exactField) Divergence() runtime.Divergence { return runtime.Divergence{} }

func (f exactField) VelocityDivergence(_ context.Context, u, div, x, t, _, _ tensor.Tensor) error {
	at := min(max(t.Float64()[0], 1e-6), min(f.s.TimeMax, 0.999)) // the quotients have limits at α = 0 and β = 0
	c := f.s.Schedule.At(at)
	for i := range div.Float64() {
		row := x.Float64()[2*i : 2*i+2]
		f.m.Velocity(u.Float64()[2*i:2*i+2], row, at)
		k := c.Alpha / (c.Beta * c.Beta) * f.m.At(row, at).TraceX1
		div.Float64()[i] = c.DAlpha*k - c.DBeta*(c.Alpha*k-2)/c.Beta
	}
	for _, way := range [][2]flow.Quantity{{flow.Velocity, f.predicted}, {f.predicted, flow.Velocity}} {
		b, a := c.Convert(way[0], way[1]) // a u + b x, of which the divergence is a ∇·u + b D
		for i, v := range x.Float64() {
			u.Float64()[i] = a*u.Float64()[i] + b*v
		}
		for i := range div.Float64() {
			div.Float64()[i] = a*div.Float64()[i] + 2*b
		}
	}
	return nil
}

// Log-densities on every schedule, whatever is predicted, are the closed form's of the data to 1e-3 nats. Schedules that stop short of t = 1 hold their last velocity, which
// costs a little; vp starts from data that shows through at t = 0, by α₀ = 0.0066, which is not N(0, I).
func TestLikelihoodOnEverySchedule(t *testing.T) {
	limits := map[string]float64{"vp": 3e-2, "linear-vp": 3e-3}
	for _, name := range flow.Schedules() {
		limit := 1e-3
		if limits[name] > 0 {
			limit = limits[name]
		}
		for _, q := range []flow.Quantity{flow.Velocity, flow.X1, flow.Noise, flow.Score} {
			f, r := offOn(t, name, q)
			t.Logf("%s, %v: off by %.1e nats forward, %.1e in reverse", name, q, f, r)
			if !(f <= limit && r <= limit) {
				t.Errorf("%s, %v: off by %g nats forward, %g in reverse, want at most %g", name, q, f, r, limit)
			}
		}
	}
}

// offOn is by how much log-densities on a schedule are off, forward and in reverse.
func offOn(t *testing.T, schedule string, q flow.Quantity) (forward, reverse float64) {
	s := spec(flow.Condition{Kind: flow.Unconditional}, 2)
	s.Schedule = parse(t, schedule)
	s.TimeMax = s.Schedule.Defects().TimeMax
	m, err := flow.NewMixture(s.Schedule, 2, mixed.means, mixed.sigmas, mixed.weights)
	if err != nil {
		t.Fatal(err)
	}
	l := runtime.Likelihood{Field: exactField{m, s, q}, Steps: 400}
	rows := tensor.New(tensor.Float32, 30, 2)
	there, err := l.Sample(t.Context(), rows, tensor.Tensor{}, 7, 0)
	if err != nil {
		t.Fatal(err)
	}
	back, err := l.Data(t.Context(), rows, tensor.Tensor{})
	if err != nil {
		t.Fatal(err)
	}
	data := s // of the data itself, whatever the path
	data.Schedule = flow.Linear
	want := mixed.truth(t, data, rows.Float32())
	return worst(there.Log, want), worst(back.Log, want)
}
