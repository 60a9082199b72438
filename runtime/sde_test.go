package runtime_test

import (
	"strings"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/solver"
)

// Rows drawn with noise on the way depend on seed and number alone, not on the batch or where a job is cut; a form's scale matters, and a scale of 0 is the
// equation without noise.
func TestRowsOfSDE(t *testing.T) {
	m := open(t, spec(flow.Condition{Kind: flow.Unconditional}, 3))
	draw := func(diffusion string, method solver.Noisy, offset uint64, rows, batch int) []float32 {
		d, err := runtime.ParseDiffusion(diffusion)
		if err != nil {
			t.Fatal(err)
		}
		x := tensor.New(tensor.Float32, rows, 3)
		s := runtime.Sampler{Field: m, Steps: 20, Seed: 4, Offset: offset, Batch: batch, SDE: &runtime.SDE{Diffusion: d, Method: method}}
		stats, err := s.Sample(t.Context(), x, tensor.Tensor{})
		if err != nil {
			t.Fatal(err)
		}
		if want := 20 * method.Stages(); stats.Evaluations != want {
			t.Errorf("%s takes %d evaluations, want %d", method.Name, stats.Evaluations, want)
		}
		return x.Float32()
	}
	same := func(x, y []float32) bool {
		for i := range x {
			if x[i] != y[i] {
				return false
			}
		}
		return true
	}
	for _, name := range runtime.DiffusionNames() {
		for _, method := range solver.NoisyMethods {
			all := draw(name, method, 0, 12, 0)
			if !same(all, draw(name, method, 0, 12, 5)) || !same(all[21:], draw(name, method, 7, 5, 0)) {
				t.Errorf("%s %s: rows depend on their batch", name, method.Name)
			}
			if same(all, draw(name+":2", method, 0, 12, 0)) {
				t.Errorf("%s: the scale changes nothing", name)
			}
			still := runtime.Sampler{Field: m, Steps: 20, Seed: 4, Method: map[string]solver.Tableau{"euler-maruyama": solver.Euler, "stochastic-heun": solver.Heun}[method.Name]}
			x := tensor.New(tensor.Float32, 12, 3)
			if _, err := still.Sample(t.Context(), x, tensor.Tensor{}); err != nil {
				t.Fatal(err)
			}
			for i, v := range draw(name+":0", method, 0, 12, 0) {
				if d := v - x.Float32()[i]; d > 1e-4 || d < -1e-4 {
					t.Fatalf("%s:0 %s: %g without noise, want %g", name, method.Name, v, x.Float32()[i])
				}
			}
		}
	}
}

// What has no score is not drawn with noise; a diffusion that is none says the nearest.
func TestSDERefuses(t *testing.T) {
	s := spec(flow.Condition{Kind: flow.Unconditional}, 2)
	s.Coupling = flow.OT
	m := open(t, s)
	_, err := runtime.Sampler{Field: m, SDE: &runtime.SDE{}}.Sample(t.Context(), tensor.New(tensor.Float32, 1, 2), tensor.Tensor{})
	if err == nil || !strings.Contains(err.Error(), "no score") {
		t.Error(err)
	}
	for text, want := range map[string]string{"sin": `did you mean "sine"`, "beta:-1": "0 to 100", "beta:x": "0 to 100"} {
		if _, err := runtime.ParseDiffusion(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
