package runtime_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/solver"
)

// closed is the closed-form field of a mixture in two dimensions.
type closed struct {
	m    *flow.Mixture
	spec flow.Spec
}

func (c *closed) Spec() flow.Spec { return c.spec }

func (c *closed) Velocity(_ context.Context, dst, x, t, _ tensor.Tensor) error {
	u, xi := make([]float64, 2), make([]float64, 2)
	for i := range x.Dim(0) {
		at := float64(t.Float32()[min(i, t.Len()-1)])
		for d := range xi {
			xi[d] = float64(x.Float32()[2*i+d])
		}
		c.m.Velocity(u, xi, min(max(at, c.spec.TimeMin), c.spec.TimeMax))
		for d := range u {
			dst.Float32()[2*i+d] = float32(u[d])
		}
	}
	return nil
}

func parse(t *testing.T, name string) flow.Schedule {
	t.Helper()
	s, err := flow.ParseSchedule(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closedOn(t *testing.T, name string) *closed {
	t.Helper()
	s := parse(t, name)
	m, err := flow.NewMixture(s, 2, []float64{1, 0, -1, 0.5, 0, -1}, []float64{0.3, 0.5, 0.2}, []float64{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	spec := spec(flow.Condition{Kind: flow.Unconditional}, 2)
	spec.Schedule, spec.TimeMax = s, s.Defects().TimeMax
	return &closed{m, spec}
}

// apart is the root mean square distance of the endpoints of two fields from the same noise.
func apart(t *testing.T, a, b runtime.VelocityField, steps int) float64 {
	t.Helper()
	const n = 64
	var ends [2]tensor.Tensor
	for i, f := range []runtime.VelocityField{a, b} {
		ends[i] = tensor.New(tensor.Float32, n, 2)
		s := runtime.Sampler{Field: f, Method: solver.Heun, Steps: steps, Seed: 4}
		if _, err := s.Sample(t.Context(), ends[i], tensor.Tensor{}); err != nil {
			t.Fatal(err)
		}
	}
	sum := 0.0
	for j, v := range ends[0].Float32() {
		d := float64(v-ends[1].Float32()[j]) / float64(a.Spec().Normaliser.Scale[0])
		sum += d * d
	}
	return math.Sqrt(sum / n)
}

// The same field sampled under other schedules ends at the same points, within an error of the solver that falls as the steps grow: by more than
// half when they double, for Heun's method of order 2 and fields without defects at the ends.
func TestScheduleAfterTraining(t *testing.T) {
	for _, from := range []string{"linear", "cosine"} {
		field := closedOn(t, from)
		for _, to := range []string{"linear", "cosine", "cosmap", "polynomial:2", "points:0,0,1;0.4,0.5,0.7;1,1,0"} {
			if from == to {
				continue
			}
			other, err := runtime.Reschedule(field, parse(t, to))
			if err != nil {
				t.Fatal(err)
			}
			var e [3]float64
			for i, steps := range []int{25, 50, 200} {
				e[i] = apart(t, field, other, steps)
			}
			t.Logf("%s as %s: endpoints %.1e, %.1e, %.1e apart after 25, 50, 200 steps", from, to, e[0], e[1], e[2])
			if e[1] > e[0]/2 || e[2] > e[1]/4 || e[2] > 1e-3 {
				t.Errorf("%s as %s: endpoints %.1e, %.1e, %.1e apart after 25, 50, 200 steps", from, to, e[0], e[1], e[2])
			}
		}
	}
}

// A rescheduled field says what it is, is the field itself on its own schedule, takes a time for each row, and may write over x.
func TestRescheduledField(t *testing.T) {
	field := closedOn(t, "linear")
	if same, err := runtime.Reschedule(field, flow.Linear); err != nil || same != runtime.VelocityField(field) {
		t.Errorf("its own schedule: %v, %v", same, err)
	}
	other, err := runtime.Reschedule(field, parse(t, "vp"))
	if err != nil {
		t.Fatal(err)
	}
	if s := other.Spec(); s.Schedule.Name() != "vp" || s.TimeMax != 0.999 || s.Prediction != flow.Velocity || s.Check() != nil {
		t.Errorf("it says %+v", s)
	}
	want := closedOn(t, "vp")
	x, times := tensor.Of([]float32{0.3, -0.4, 1, 1}, 2, 2), tensor.Of([]float32{0.3, 0.8}, 2, 1)
	u, v := tensor.New(tensor.Float32, 2, 2), tensor.New(tensor.Float32, 2, 2)
	if err := other.Velocity(t.Context(), u, x, times, tensor.Tensor{}); err != nil {
		t.Fatal(err)
	}
	if err := want.Velocity(t.Context(), v, x, times, tensor.Tensor{}); err != nil {
		t.Fatal(err)
	}
	for i, w := range v.Float32() {
		if math.Abs(float64(u.Float32()[i]-w)) > 2e-6*(1+math.Abs(float64(w))) {
			t.Errorf("element %d: %g, closed form %g", i, u.Float32()[i], w)
		}
	}
	if err := other.Velocity(t.Context(), x, x, times, tensor.Tensor{}); err != nil || fmt.Sprint(x.Float32()) != fmt.Sprint(u.Float32()) {
		t.Errorf("over x: %v, %v, want %v", x.Float32(), err, u.Float32())
	}
	if err := other.Velocity(t.Context(), u, x, tensor.New(tensor.Float32, 3, 1), tensor.Tensor{}); err == nil {
		t.Error("three times for two rows accepted")
	}
	field.spec.Sigma = 0.1
	if _, err := runtime.Reschedule(field, parse(t, "vp")); err == nil || !strings.Contains(err.Error(), "path noise") {
		t.Errorf("with path noise: %v", err)
	}
}

// A model that predicts x1, noise or score is sampled from t = 0 to 1 by every method without a NaN, on every schedule: outside the times it was
// trained at it takes those of the nearest.
func TestEveryPredictionIsSampled(t *testing.T) {
	for _, name := range flow.Schedules() {
		for _, q := range []flow.Quantity{flow.Velocity, flow.X1, flow.Noise, flow.Score} {
			s := spec(flow.Condition{Kind: flow.Unconditional}, 1)
			s.Schedule, s.Prediction = parse(t, name), q
			s.TimeMin, s.TimeMax = flow.Interval(s.Schedule, q, q)
			m := openGraph(t, half(t), s)
			for _, method := range solver.Methods {
				dst := tensor.New(tensor.Float32, 8, 1)
				if _, err := (runtime.Sampler{Field: m, Method: method, Steps: 10, Seed: 1}).Sample(t.Context(), dst, tensor.Tensor{}); err != nil {
					t.Fatalf("%s, %v, %s: %v", name, q, method.Name, err)
				}
				for _, v := range dst.Float32() {
					if !(math.Abs(float64(v)) < 1e9) {
						t.Errorf("%s, %v, %s: sample %g", name, q, method.Name, v)
					}
				}
			}
			for at, held := range map[float32]float64{-1: s.TimeMin, 0: s.TimeMin, 1: s.TimeMax} {
				u, v := tensor.New(tensor.Float32, 1, 1), tensor.New(tensor.Float32, 1, 1)
				x := tensor.Full(float32(1), 1, 1)
				err := m.Velocity(t.Context(), u, x, tensor.Full(at, 1, 1), tensor.Tensor{})
				other := m.Velocity(t.Context(), v, x, tensor.Full(float32(held), 1, 1), tensor.Tensor{})
				if err != nil || other != nil || u.Float32()[0] != v.Float32()[0] {
					t.Errorf("%s, %v: at %g %g, at %g %g (%v, %v)", name, q, at, u.Float32()[0], held, v.Float32()[0], err, other)
				}
			}
		}
	}
}

// Euler's method takes n evaluations, at t = 0, h, … and no others, also of a field that is trained from a later time on.
func TestEvaluationsOfEuler(t *testing.T) {
	var at []float32
	f := recorder{closedOn(t, "linear"), &at}
	f.spec.TimeMin, f.spec.TimeMax = flow.Interval(flow.Linear, flow.Noise, flow.Noise)
	if _, err := (runtime.Sampler{Field: f, Steps: 5}).Sample(t.Context(), tensor.New(tensor.Float32, 3, 2), tensor.Tensor{}); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(at); got != "[0 0.2 0.4 0.6 0.8]" {
		t.Errorf("evaluations at %s", got)
	}
}

type recorder struct {
	*closed
	at *[]float32
}

func (r recorder) Velocity(ctx context.Context, dst, x, t, y tensor.Tensor) error {
	*r.at = append(*r.at, t.Float32()[0])
	return r.closed.Velocity(ctx, dst, x, t, y)
}

// A sampler steps along the grid of its model, unless it is given another; n steps are n evaluations on any.
func TestSamplerTakesTheModelsGrid(t *testing.T) {
	carried, err := flow.ParseGrid("shift:3")
	if err != nil {
		t.Fatal(err)
	}
	even, once := flow.Grid{}, carried.WithShift(3)
	for name, c := range map[string]struct {
		grid *flow.Grid
		want string
	}{"the model's": {nil, "[0 0.1 0.25 0.5]"}, "even": {&even, "[0 0.25 0.5 0.75]"}, "the model's shift once more": {&once, "[0 0.1 0.25 0.5]"}} {
		var at []float32
		f := recorder{closedOn(t, "linear"), &at}
		f.spec.Grid = carried
		stats, err := (runtime.Sampler{Field: f, Steps: 4, Grid: c.grid}).Sample(t.Context(), tensor.New(tensor.Float32, 3, 2), tensor.Tensor{})
		if got := fmt.Sprint(at); err != nil || got != c.want || stats.Evaluations != 4 {
			t.Errorf("%s: %d evaluations at %s, want %s (%v)", name, stats.Evaluations, got, c.want, err)
		}
	}
	close, err := flow.ParseGrid("beta:0.05,0.05")
	if err != nil {
		t.Fatal(err)
	}
	s := runtime.Sampler{Field: closedOn(t, "linear"), Steps: 100, Grid: &close}
	if _, err := s.Sample(t.Context(), tensor.New(tensor.Float32, 3, 2), tensor.Tensor{}); err == nil || !strings.Contains(err.Error(), "fewer steps") {
		t.Errorf("steps at one time: %v", err)
	}
}
