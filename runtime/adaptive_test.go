package runtime_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/solver"
)

// With steps of their own, too, rows depend on seed, number and condition alone, bit for bit: not on the batch, nor on the rows around them.
func TestAdaptiveSamplesAreIndependent(t *testing.T) {
	m := open(t, spec(flow.Condition{Kind: flow.Labels, Classes: 3}, 2, 3))
	y := make([]int64, 50)
	for i := range y {
		y[i] = int64(i % 4)
	}
	draw := func(a *solver.Adaptive, batch, from, n int) ([]float32, runtime.Stats) {
		t.Helper()
		dst := tensor.New(tensor.Float32, n, 2, 3)
		stats, err := runtime.Sampler{Field: m, Adaptive: a, Seed: 9, Offset: uint64(from), Batch: batch}.Sample(t.Context(), dst, tensor.Of(y[from:from+n], n))
		if err != nil {
			t.Fatal(err)
		}
		return dst.Float32(), stats
	}
	for _, method := range []solver.Tableau{solver.Bosh3, solver.Dopri5} {
		a := &solver.Adaptive{Method: method, RTol: 1e-4, ATol: 1e-4}
		whole, stats := draw(a, 50, 0, 50)
		if cut, other := draw(a, 7, 0, 50); !slices.Equal(whole, cut) || other.Evaluations != stats.Evaluations {
			t.Errorf("%s: the batch changes the samples", method.Name)
		}
		if part, _ := draw(a, 50, 20, 5); !slices.Equal(whole[20*6:25*6], part) {
			t.Errorf("%s: rows 20…24 differ when drawn alone", method.Name)
		}
		if !(stats.Mean > 4 && stats.Mean < float64(stats.Evaluations)) {
			t.Errorf("%s: %+v", method.Name, stats)
		}
		fine := tensor.New(tensor.Float32, 50, 2, 3)
		if _, err := (runtime.Sampler{Field: m, Method: solver.RK4, Steps: 200, Seed: 9}).Sample(t.Context(), fine, tensor.Of(y, 50)); err != nil {
			t.Fatal(err)
		}
		for i, v := range fine.Float32() {
			if d := math.Abs(float64(v - whole[i])); d > 20*2*1e-4*(1+math.Abs(float64(v))) { // the scale of the data is 2
				t.Errorf("%s: number %d is %g, by 200 steps of order 4 %g", method.Name, i, whole[i], v)
			}
		}
	}
}

// Encoding takes samples back to the noise they came from, by given steps and by chosen ones.
func TestEncodeReturnsTheNoise(t *testing.T) {
	m := open(t, spec(flow.Condition{Kind: flow.Unconditional}, 2))
	for name, s := range map[string]runtime.Sampler{
		"rk4":    {Method: solver.RK4, Steps: 100},
		"ab2":    {Method: solver.AB2, Steps: 2000},
		"dopri5": {Adaptive: &solver.Adaptive{RTol: 1e-6, ATol: 1e-6}},
	} {
		s.Field, s.Batch = m, 8
		samples, noise, again := tensor.New(tensor.Float32, 20, 2), tensor.New(tensor.Float32, 20, 2), tensor.New(tensor.Float32, 20, 2)
		if _, err := s.Sample(t.Context(), samples, tensor.Tensor{}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Encode(t.Context(), noise, samples, tensor.Tensor{}); err != nil {
			t.Fatal(err)
		}
		s.Field = still{m}
		if _, err := s.Sample(t.Context(), again, tensor.Tensor{}); err != nil { // the noise itself, in data units
			t.Fatal(err)
		}
		for i, z := range noise.Float32() {
			if want := (again.Float32()[i] - 10) / 2; math.Abs(float64(z-want)) > 2e-3 {
				t.Errorf("%s: number %d of the noise is %g, want %g", name, i, z, want)
			}
		}
	}
	s := runtime.Sampler{Field: m}
	if _, err := s.Encode(t.Context(), tensor.New(tensor.Float32, 2, 2), tensor.New(tensor.Float32, 3, 2), tensor.Tensor{}); err == nil || !strings.Contains(err.Error(), "[3 2]") {
		t.Errorf("3 rows into 2: %v", err)
	}
}

// A tolerance that cannot be met is an error that says where.
func TestAdaptiveSamplerErrors(t *testing.T) {
	s := runtime.Sampler{Field: open(t, spec(flow.Condition{Kind: flow.Unconditional}, 2)), Adaptive: &solver.Adaptive{MaxEvaluations: 5}}
	if _, err := s.Sample(t.Context(), tensor.New(tensor.Float32, 2, 2), tensor.Tensor{}); err == nil || !strings.Contains(err.Error(), "of at most 5") {
		t.Errorf("5 evaluations: %v", err)
	}
}

// still is a field that moves nothing.
type still struct{ runtime.VelocityField }

func (still) Velocity(_ context.Context, dst, _, _, _ tensor.Tensor) error {
	clear(dst.Float32())
	return nil
}
