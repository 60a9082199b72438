package runtime_test

import (
	"context"
	"errors"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/solver"
)

// byTolerance are the log-densities of rows at a tolerance.
func byTolerance(t *testing.T, f runtime.DivergenceField, rows tensor.Tensor, batch int) (runtime.Densities, error) {
	t.Helper()
	return runtime.Likelihood{Field: f, Adaptive: &solver.Adaptive{RTol: 1e-5, ATol: 1e-5}, Batch: batch}.Data(t.Context(), rows, tensor.Tensor{})
}

func samplesOf(t *testing.T, file []byte, n int) tensor.Tensor {
	t.Helper()
	rows := tensor.New(tensor.Float32, n, 2)
	if _, err := (runtime.Sampler{Field: openFile(t, file), Steps: 40}).Sample(t.Context(), rows, tensor.Tensor{}); err != nil {
		t.Fatal(err)
	}
	return rows
}

// Steps that each row chooses by its errors give the closed form's log-densities, in fewer evaluations than equal steps of that accuracy; a row does
// not depend on the rows beside it, bit for bit.
func TestAdaptiveLikelihood(t *testing.T) {
	file, s := mixed.field(t, "linear", flow.Velocity)
	rows := samplesOf(t, file, 20)
	f := divergence(t, file, engine.Options{}, runtime.Divergence{})
	got, err := byTolerance(t, f, rows, 20)
	if err != nil {
		t.Fatal(err)
	}
	if d := worst(got.Log, mixed.truth(t, s, rows.Float32())); !(d <= 1e-3) {
		t.Errorf("off by %g nats", d)
	}
	if got.Evaluations > 200 {
		t.Errorf("%d evaluations of a row", got.Evaluations)
	}
	if alone, err := byTolerance(t, f, rows, 9); err != nil || worst(alone.Log, got.Log) != 0 {
		t.Errorf("rows among others are %g off (%v)", worst(alone.Log, got.Log), err)
	}
}

// restless is a field whose estimates come from new probes at every call.
type restless struct {
	runtime.DivergenceField
	calls uint32
}

func (r *restless) VelocityDivergence(ctx context.Context, u, div, x, t, y, probes tensor.Tensor) error {
	r.calls++
	z := make([]float32, probes.Len())
	noise.New(1, noise.Probe).Sub(r.calls).Normals(z, 0)
	for i, v := range z {
		if probes.Float64()[i] = 1; v < 0 {
			probes.Float64()[i] = -1
		}
	}
	return r.DivergenceField.VelocityDivergence(ctx, u, div, x, t, y, probes)
}

// Probes stay with their rows through an adaptive solve, which steps some rows without the others: the estimates are those of equal steps with the
// same probes, at about the price of the exact divergence. With new probes at each call the error control sees noise, and pays for it or gives up.
func TestProbesAreFixedInAdaptiveSteps(t *testing.T) {
	file, _ := mixed.field(t, "linear", flow.Velocity)
	rows, probes := samplesOf(t, file, 20), runtime.Divergence{Probes: 2, Seed: 3}
	f := divergence(t, file, engine.Options{}, probes)
	got, err := byTolerance(t, f, rows, 20)
	if err != nil {
		t.Fatal(err)
	}
	equal, err := (runtime.Likelihood{Field: f, Steps: 100}).Data(t.Context(), rows, tensor.Tensor{})
	if err != nil {
		t.Fatal(err)
	}
	if d := worst(got.Log, equal.Log); !(d <= 1e-3) {
		t.Errorf("adaptive steps are %g nats off equal ones with the same probes", d)
	}
	exact, err := byTolerance(t, divergence(t, file, engine.Options{}, runtime.Divergence{}), rows, 20)
	if err != nil {
		t.Fatal(err)
	}
	if got.Evaluations > 2*exact.Evaluations {
		t.Errorf("%d evaluations with probes, %d without", got.Evaluations, exact.Evaluations)
	}
	tired := runtime.Likelihood{Field: &restless{DivergenceField: f}, Adaptive: &solver.Adaptive{RTol: 1e-5, ATol: 1e-5, MaxEvaluations: 5 * got.Evaluations}}
	if _, err := tired.Data(t.Context(), rows, tensor.Tensor{}); !errors.Is(err, solver.ErrSteps) {
		t.Errorf("new probes at each call within %d evaluations: %v, want %v", 5*got.Evaluations, err, solver.ErrSteps)
	}
}

// Rows that are stepped alone keep their condition.
func TestAdaptiveLikelihoodOfConditions(t *testing.T) {
	for _, c := range []flow.Condition{{Kind: flow.Labels, Classes: 3, Drop: 0.1}, {Kind: flow.Vector, Width: 1, Drop: 0.1}} {
		file, _ := networkFile(t, spec(c, 2))
		f := divergence(t, file, engine.Options{Float64: true}, runtime.Divergence{})
		rows := tensor.Of([]float32{10, 11, 9, 10, 10, 12, 8, 9, 10, 10}, 5, 2)
		y := tensor.Of([]int64{0, 1, 2, 3, 1}, 5)
		if c.Kind == flow.Vector {
			y = tensor.Of([]float32{0, 1, -1, 2, 0.5}, 5, 1)
		}
		got, err := runtime.Likelihood{Field: f, Adaptive: &solver.Adaptive{RTol: 1e-6, ATol: 1e-6}}.Data(t.Context(), rows, y)
		if err != nil {
			t.Fatal(err)
		}
		want, err := runtime.Likelihood{Field: f, Steps: 400}.Data(t.Context(), rows, y)
		if err != nil {
			t.Fatal(err)
		}
		if d := worst(got.Log, want.Log); !(d <= 1e-3) {
			t.Errorf("%s: adaptive steps are %g nats off equal ones", c.Kind, d)
		}
	}
}
