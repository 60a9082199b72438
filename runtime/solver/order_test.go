package solver_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"fmtool/models/flow"
	"fmtool/runtime/solver"
)

// mixture is the closed-form field of a mixture of three Gaussians in the plane, on the cosine path.
func mixture(t *testing.T) *flow.Mixture {
	t.Helper()
	cosine, err := flow.ParseSchedule("cosine")
	if err != nil {
		t.Fatal(err)
	}
	m, err := flow.NewMixture(cosine, 2, []float64{1.2, 0.3, -0.8, 0.9, 0.1, -1.1}, []float64{1, 0.8, 1.2}, []float64{0.3, 0.5, 0.2})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func fieldOf(m *flow.Mixture) solver.Field {
	return func(_ context.Context, dst, x []float64, t float64) error {
		for i := 0; i < len(x); i += 2 {
			m.Velocity(dst[i:i+2], x[i:i+2], t)
		}
		return nil
	}
}

// end is the last state.
func end(t *testing.T, m solver.Tableau, f solver.Field, x0, grid []float64) []float64 {
	t.Helper()
	var last []float64
	for s, err := range m.Solve(t.Context(), f, x0, grid) {
		if err != nil {
			t.Fatal(err)
		}
		last = s.X
	}
	return last
}

func distance(x, y []float64) float64 {
	sum := 0.0
	for i := range x {
		sum += (x[i] - y[i]) * (x[i] - y[i])
	}
	return math.Sqrt(sum)
}

// start holds some points of the noise.
var start = []float64{0.3, -0.5, -1.2, 0.4, 0.9, 1.5}

// Halving the steps of a method of order p divides its error on the closed-form field of a mixture by 2^p: on equal steps, on steps that grow, and backwards.
func TestOrderOnMixture(t *testing.T) {
	f := fieldOf(mixture(t))
	grids := map[string]func(n int) []float64{
		"equal":     solver.Grid,
		"growing":   func(n int) []float64 { return mapped(n, func(s float64) float64 { return s * (1 + s) / 2 }) },
		"backwards": func(n int) []float64 { return mapped(n, func(s float64) float64 { return 1 - s }) },
	}
	for name, grid := range grids {
		want := end(t, solver.Dopri5, f, start, grid(2000))
		for _, m := range solver.Methods {
			n := 128
			if m.Order >= 4 { // before the error reaches that of rounding
				n = 32
			}
			got := math.Log2(distance(end(t, m, f, start, grid(n)), want) / distance(end(t, m, f, start, grid(2*n)), want))
			if math.Abs(got-float64(m.Order)) > 0.2 {
				t.Errorf("%s on %s steps: order %.3f, want %d", m.Name, name, got, m.Order)
			}
		}
	}
}

func mapped(n int, f func(float64) float64) []float64 {
	grid := solver.Grid(n)
	for i, s := range grid {
		grid[i] = f(s)
	}
	return grid
}

// A step back from where a step led returns to the start within the method's error, for every method on the same grid reversed.
func TestThereAndBack(t *testing.T) {
	f := fieldOf(mixture(t))
	for _, m := range solver.Methods {
		grid := solver.Grid(400)
		there := slices.Clone(end(t, m, f, start, grid))
		slices.Reverse(grid)
		if d := distance(end(t, m, f, there, grid), start); d > 0.02 || m.Order > 1 && d > 1e-4 || distance(there, start) < 0.1 {
			t.Errorf("%s: %g from the start", m.Name, d)
		}
	}
}

// n steps are n evaluations of Euler and of Adams–Bashforth, and n times the stages that the result needs of the others; the count is that of the calls.
func TestEvaluations(t *testing.T) {
	stages := map[string]int{"euler": 1, "midpoint": 2, "heun": 2, "ralston": 2, "rk4": 4, "ab2": 1, "bosh3": 3, "dopri5": 6}
	for _, m := range solver.Methods {
		calls, counted := 0, 0
		f := func(ctx context.Context, dst, x []float64, at float64) error {
			calls++
			return swirl(ctx, dst, x, at)
		}
		for s, err := range m.Solve(t.Context(), f, []float64{1, 0}, solver.Grid(9)) {
			if counted = s.Evaluations; err != nil {
				t.Fatal(err)
			}
		}
		if want := 9 * stages[m.Name]; calls != want || counted != want {
			t.Errorf("%s: %d evaluations, %d counted, want %d", m.Name, calls, counted, want)
		}
	}
}

// Adams–Bashforth starts with Euler's step and goes on with x + h (3/2 k − 1/2 k').
func TestAdamsBashforthByHand(t *testing.T) {
	growth := func(_ context.Context, dst, x []float64, _ float64) error { dst[0] = x[0]; return nil }
	x1 := 1 + 0.5
	want := x1 + 0.5*(1.5*x1-0.5*1)
	if got := end(t, solver.AB2, growth, []float64{1}, solver.Grid(2))[0]; math.Abs(got-want) > 1e-15 {
		t.Errorf("got %g, want %g", got, want)
	}
}

// A grid that turns round, stands still or is empty is refused by all forms.
func TestGridsAreRefused(t *testing.T) {
	for _, grid := range [][]float64{nil, {0, 0}, {0, 0.5, 0.5, 1}, {0, 1, 0.5}, {0, math.NaN()}, {math.Inf(-1), 0}} {
		var all []error
		for _, err := range solver.Heun.Solve(t.Context(), swirl, []float64{1, 0}, grid) {
			all = append(all, err)
		}
		for _, err := range (solver.Adaptive{}).Solve(t.Context(), turning, []float64{1, 0}, 1, grid) {
			all = append(all, err)
		}
		all = append(all, solver.NewStepper(solver.Heun, 2).Run(t.Context(), nil, grid, nil))
		if len(all) != 3 || slices.Contains(all, nil) {
			t.Errorf("%v: %v", grid, all)
		}
	}
}
