package export_test

import (
	"fmt"
	"math"
	"testing"

	"fmtool/export"
	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
)

// A graph that chooses its steps leaves for every kind of model; its samples are the fine solution's to the tolerance.
func TestAdaptive(t *testing.T) {
	all := export.Checks{Reference: native.Engine{}, Engines: engines(t)}
	for name, m := range kinds(t) {
		for _, guided := range []bool{false, true} {
			if guided && m.Spec.Condition.Kind == flow.Unconditional {
				continue
			}
			t.Run(fmt.Sprintf("%s guidance=%v", name, guided), func(t *testing.T) {
				file, report, err := export.Sampler(t.Context(), m, export.Options{Checks: all, Adaptive: true, Guidance: guided})
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("worst %+v, %d bytes", report.Worst(), len(file))
			})
		}
	}
}

// A row's steps are its own: alone it takes as many evaluations and ends where it does among others. A smaller tolerance takes more evaluations and errs less, and
// one that cannot be met gives NaN.
func TestAdaptiveRows(t *testing.T) {
	m := kinds(t)["none"]
	file, _, err := export.Sampler(t.Context(), m, export.Options{Checks: checks(), Adaptive: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range engines(t) {
		p, err := e.Engine.Open(file, engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		run := func(x []float32, tolerance float32) ([]float32, []int64) {
			n := len(x) / 2
			out := []tensor.Tensor{tensor.New(tensor.Float32, n, 2), tensor.New(tensor.Int64, n)}
			if err := p.Run(t.Context(), []tensor.Tensor{tensor.Of(x, n, 2), tensor.Scalar(tolerance)}, out); err != nil {
				t.Fatal(err)
			}
			return out[0].Float32(), out[1].Int64()
		}
		x := []float32{0.3, -0.2, 3, -4, 0, 0.01, -2, 1, 8, 8}
		fine, fineSteps := run(x, 1e-6)
		coarse, coarseSteps := run(x, 1e-3)
		different := false
		for i := range fineSteps {
			if coarseSteps[i] >= fineSteps[i] || coarseSteps[i]%3 != 1 {
				t.Errorf("%s: row %d takes %d evaluations at tolerance 1e-3, %d at 1e-6: want fewer, 1 and 3 for each step", e.Name, i, coarseSteps[i], fineSteps[i])
			}
			different = different || coarseSteps[i] != coarseSteps[0]
			alone, steps := run(x[2*i:2*i+2], 1e-3)
			if steps[0] != coarseSteps[i] || math.Abs(float64(alone[0]-coarse[2*i])) > 1e-5 {
				t.Errorf("%s: row %d alone ends at %g after %d, among others at %g after %d", e.Name, i, alone[0], steps[0], coarse[2*i], coarseSteps[i])
			}
			if d := math.Abs(float64(fine[2*i] - coarse[2*i])); d > 0.1 || d == 0 {
				t.Errorf("%s: row %d: tolerances 1e-3 and 1e-6 differ by %g", e.Name, i, d)
			}
		}
		if !different {
			t.Errorf("%s: every row takes %d evaluations", e.Name, coarseSteps[0])
		}
		if y, _ := run(x, 0); !math.IsNaN(float64(y[0])) {
			t.Errorf("%s: tolerance 0 gives %g, want NaN", e.Name, y[0])
		}
		_ = p.Close()
	}
}
