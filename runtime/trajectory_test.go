package runtime_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/solver"
)

// A trajectory has a frame at each time, begins at the noise and ends at the samples; breaking off ends it; its evaluations are counted.
func TestTrajectory(t *testing.T) {
	m := open(t, spec(flow.Condition{Kind: flow.Labels, Classes: 3}, 2, 3))
	y := tensor.Of([]int64{0, 1, 2, 3, 1}, 5)
	for name, s := range map[string]runtime.Sampler{
		"euler":  {Steps: 4},
		"ab2":    {Steps: 4, Method: solver.AB2},
		"sde":    {Steps: 4, SDE: &runtime.SDE{}},
		"heun":   {Steps: 4, Method: solver.Heun},
		"dopri5": {Steps: 4, Adaptive: &solver.Adaptive{RTol: 1e-6, ATol: 1e-6}},
	} {
		s.Field, s.Seed, s.Offset = m, 9, 3
		samples, first := tensor.New(tensor.Float32, 5, 2, 3), tensor.New(tensor.Float32, 5, 2, 3)
		stats, err := s.Sample(t.Context(), samples, y)
		if err != nil {
			t.Fatal(err)
		}
		noise := s
		noise.Field, noise.SDE = still{m}, nil
		if _, err := noise.Sample(t.Context(), first, y); err != nil {
			t.Fatal(err)
		}
		var times []float64
		var last []float32
		evaluations := 0
		for f, err := range s.Trajectory(t.Context(), 5, y) {
			if err != nil {
				t.Fatal(err)
			}
			if times = append(times, f.T); f.T == 0 && !slices.Equal(f.X.Float32(), first.Float32()) {
				t.Errorf("%s: begins at %v, want %v", name, f.X.Float32(), first.Float32())
			}
			last, evaluations = slices.Clone(f.X.Float32()), f.Evaluations
		}
		worst := 0.0
		for i, v := range samples.Float32() {
			worst = max(worst, math.Abs(float64(v-last[i])))
		}
		if s.Adaptive == nil && (worst != 0 || evaluations != stats.Evaluations) || worst > 1e-3 || fmt.Sprint(times) != "[0 0.25 0.5 0.75 1]" {
			t.Errorf("%s: ends %g off after %d evaluations, want %d, at times %v", name, worst, evaluations, stats.Evaluations, times)
		}
		frames := 0
		for _, err := range s.Trajectory(t.Context(), 5, y) {
			if frames++; err != nil || frames == 2 {
				break
			}
		}
		if frames != 2 {
			t.Errorf("%s: %d frames", name, frames)
		}
	}
	for _, err := range (runtime.Sampler{Field: m}).Trajectory(t.Context(), 4, y) {
		if err == nil {
			t.Error("5 labels for 4 rows accepted")
		}
	}
}
