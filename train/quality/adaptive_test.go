package quality_test

import (
	"strings"
	"testing"

	"fmtool/runtime/solver"
	"fmtool/train/metric"
	"fmtool/train/quality"
)

// Rules with a tolerance take their place in the curve, at what they spent on average.
func TestCurveOfAdaptiveSteps(t *testing.T) {
	j := judge(t, gaussian{s: 0.3}, normal(t, 400, 0.3), quality.Options{Seeds: 2})
	w2, _ := metric.Parse("w2")
	rules := append(quality.Budgets([]solver.Tableau{solver.Euler}, []int{2}), quality.Rule{Tolerance: 1e-3})
	c, err := j.Curve(ctx, w2, rules)
	if err != nil {
		t.Fatal(err)
	}
	p := c.Points[1]
	if !strings.Contains(p.Solver, "adaptive") || p.Tolerance != 1e-3 || p.Steps != 0 || p.Evaluations < 8 || p.Value.Mean > c.Floor.Mean+5*c.Floor.Std {
		t.Errorf("%+v, floor %v", p, c.Floor)
	}
}
