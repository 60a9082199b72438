package export_test

import (
	"testing"

	"fmtool/export"
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/runtime/solver"
)

// A sampler is the velocity and at most 10 kB more, whatever its method: the network stands there once.
func TestSamplerSize(t *testing.T) {
	for name, m := range map[string]*models.Model{
		"points": model(t, spec(flow.Condition{Kind: flow.Unconditional}, 2), &models.MLP{}),
		"images": model(t, spec(flow.Condition{Kind: flow.Labels, Classes: 10}, 1, 8, 8), &models.MLP{Inject: true}),
	} {
		velocity, _, err := export.Velocity(t.Context(), m, export.Options{Checks: checks()})
		if err != nil {
			t.Fatal(err)
		}
		for _, method := range []solver.Tableau{solver.Euler, solver.RK4} {
			o := export.Options{Checks: checks(), Solver: method, Guidance: m.Spec.Condition.Kind != flow.Unconditional}
			file, _, err := export.Sampler(t.Context(), m, o)
			if err != nil {
				t.Fatal(err)
			}
			more := len(file) - len(velocity)
			t.Logf("%s, %s: %d bytes, the velocity %d", name, method.Name, len(file), len(velocity))
			if more > 10_000 {
				t.Errorf("%s, %s: %d bytes more than the velocity's %d", name, method.Name, more, len(velocity))
			}
		}
	}
}
