package solver_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"fmtool/runtime/solver"
)

func ExampleAdaptive() {
	growth := func(_ context.Context, dst, x, _ []float64, _ []int) error {
		copy(dst, x)
		return nil
	}
	a := solver.Adaptive{RTol: 1e-8, ATol: 1e-8}
	for s, err := range a.Solve(context.Background(), growth, []float64{1, 2}, 2, []float64{0, 0.5, 1}) {
		fmt.Printf("t=%.1f x=%.6f %v\n", s.T, s.X, err)
	}
	// Output:
	// t=0.0 x=[1.000000 2.000000] <nil>
	// t=0.5 x=[1.648721 3.297443] <nil>
	// t=1.0 x=[2.718282 5.436564] <nil>
}

// adapt returns the last state of rows of two columns.
func adapt(t *testing.T, a solver.Adaptive, f solver.RowField, x0, grid []float64) solver.State {
	t.Helper()
	var last solver.State
	for s, err := range a.Solve(t.Context(), f, x0, len(x0)/2, grid) {
		if err != nil {
			t.Fatal(err)
		}
		last = s
	}
	return last
}

// The error at the end stays within some tolerances, whatever the tolerance, forwards and backwards; and less tolerance costs more evaluations.
func TestAdaptiveMeetsItsTolerance(t *testing.T) {
	m, f := mixture(t), fieldOf(mixture(t))
	rows := func(_ context.Context, dst, x, at []float64, _ []int) error {
		for i := range at {
			m.Velocity(dst[2*i:2*i+2], x[2*i:2*i+2], at[i])
		}
		return nil
	}
	for _, grid := range [][]float64{{0, 1}, {1, 0}, {0, 0.3, 0.35, 1}} {
		from, to := grid[0], grid[len(grid)-1]
		want := end(t, solver.Dopri5, f, start, mapped(2000, func(s float64) float64 { return from + s*(to-from) }))
		for _, m := range []solver.Tableau{solver.Bosh3, solver.Dopri5} {
			before := 0
			for _, tol := range []float64{1e-3, 1e-5, 1e-7, 1e-9} {
				s := adapt(t, solver.Adaptive{Method: m, RTol: tol, ATol: tol}, rows, start, grid)
				for r := range 3 {
					if d := distance(s.X[2*r:2*r+2], want[2*r:2*r+2]); d > 20*tol {
						t.Errorf("%s over %v: row %d ends %.3g off, tolerance %g", m.Name, grid, r, d, tol)
					}
				}
				if s.Evaluations <= before || s.T != to {
					t.Errorf("%s over %v: %d evaluations at tolerance %g, %d at the one above; ends at %g", m.Name, grid, s.Evaluations, tol, before, s.T)
				}
				before = s.Evaluations
			}
		}
	}
}

// turning is a field whose rows differ in how many steps they need: row r turns 1 + 10·r times.
func turning(_ context.Context, dst, x, _ []float64, rows []int) error {
	for i, r := range rows {
		w := 2 * math.Pi * float64(1+10*r)
		dst[2*i], dst[2*i+1] = -w*x[2*i+1], w*x[2*i]
	}
	return nil
}

// A row's numbers and its count of evaluations are, bit for bit, those it has alone, whatever the other rows are.
func TestAdaptiveRowsAreIndependent(t *testing.T) {
	x0 := []float64{1, 0, 0.5, 0.5, 0, 2, 1, 1}
	for _, m := range []solver.Tableau{solver.Bosh3, solver.Dopri5} {
		a := solver.Adaptive{Method: m}
		whole := adapt(t, a, turning, x0, []float64{0, 0.4, 1})
		for r := range 4 {
			only := func(ctx context.Context, dst, x, t []float64, _ []int) error {
				return turning(ctx, dst, x, t, []int{r})
			}
			alone := adapt(t, a, only, x0[2*r:2*r+2], []float64{0, 0.4, 1})
			if !slices.Equal(whole.X[2*r:2*r+2], alone.X) || whole.PerRow[r] != alone.Evaluations {
				t.Errorf("%s: row %d is %v after %d evaluations in company, %v after %d alone", m.Name, r, whole.X[2*r:2*r+2], whole.PerRow[r], alone.X, alone.Evaluations)
			}
		}
		if whole.PerRow[0] >= whole.PerRow[3] || whole.Evaluations != slices.Max(whole.PerRow) {
			t.Errorf("%s: evaluations %v, %d at most: rows do not choose for themselves", m.Name, whole.PerRow, whole.Evaluations)
		}
	}
}

// Every evaluation is counted for the rows it is of; rows that have arrived are in none; times stay between the ends; a step reuses the last stage of the
// one before, so evaluations are two more than a multiple of the stages but one.
func TestAdaptiveEvaluations(t *testing.T) {
	for _, m := range []solver.Tableau{solver.Bosh3, solver.Dopri5} {
		calls, few := make([]int, 4), false
		f := func(ctx context.Context, dst, x, at []float64, rows []int) error {
			few = few || len(rows) == 1
			for i, r := range rows {
				if calls[r]++; at[i] < 0 || at[i] > 1 {
					t.Errorf("%s: row %d at t = %g", m.Name, r, at[i])
				}
			}
			return turning(ctx, dst, x, at, rows)
		}
		s := adapt(t, solver.Adaptive{Method: m}, f, []float64{1, 0, 1, 0, 1, 0, 1, 0}, []float64{0, 1})
		if !slices.Equal(calls, s.PerRow) || !few {
			t.Errorf("%s: %v calls, counted %v; only one row left: %v", m.Name, calls, s.PerRow, few)
		}
		for r, n := range calls {
			if (n-2)%(len(m.B)-1) != 0 {
				t.Errorf("%s: row %d took %d evaluations", m.Name, r, n)
			}
		}
	}
}

// A column left out of the control changes no step, and is integrated along: here ∫ 50 cos 50t dt, which alone would ask for short steps.
func TestAdaptiveControlsSomeColumns(t *testing.T) {
	f := func(_ context.Context, dst, x, at []float64, _ []int) error {
		dst[0], dst[1] = x[0], 50*math.Cos(50*at[0])
		return nil
	}
	all := adapt(t, solver.Adaptive{}, f, []float64{1, 0}, []float64{0, 1})
	one := adapt(t, solver.Adaptive{Controlled: 1}, f, []float64{1, 0}, []float64{0, 1})
	if one.Evaluations*2 > all.Evaluations {
		t.Errorf("%d evaluations for one column, %d for both", one.Evaluations, all.Evaluations)
	}
	if math.Abs(all.X[1]-math.Sin(50)) > 1e-3 || math.Abs(one.X[0]-math.E) > 1e-3 {
		t.Errorf("ends at %v, and %v", all.X, one.X)
	}
}

// What cannot be solved ends with an error that says which row, where and why.
func TestAdaptiveErrors(t *testing.T) {
	broken := errors.New("broken")
	field := func(g func(x, t float64) float64) solver.RowField {
		return func(_ context.Context, dst, x, at []float64, _ []int) error {
			for i := range x {
				dst[i] = g(x[i], at[i/2])
			}
			return nil
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		a    solver.Adaptive
		f    solver.RowField
		x0   []float64
		is   error
		want string
	}{
		"blow-up":        {t.Context(), solver.Adaptive{}, field(func(x, _ float64) float64 { return x * x }), []float64{0.1, 0.1, 3, 3}, solver.ErrSteps, "row 1"},
		"jump to NaN":    {t.Context(), solver.Adaptive{}, field(func(x, t float64) float64 { return math.Sqrt(0.5-t) * x }), []float64{1, 1}, solver.ErrSteps, "t=0.5"},
		"NaN at once":    {t.Context(), solver.Adaptive{}, field(func(_, _ float64) float64 { return math.NaN() }), []float64{1, 1}, nil, "not finite"},
		"few allowed":    {t.Context(), solver.Adaptive{MaxEvaluations: 20}, turning, []float64{1, 0, 1, 0}, solver.ErrSteps, "of at most 20"},
		"field":          {t.Context(), solver.Adaptive{}, func(context.Context, []float64, []float64, []float64, []int) error { return broken }, []float64{1, 1}, broken, "dopri5"},
		"cancelled":      {cancelled, solver.Adaptive{}, turning, []float64{1, 0}, context.Canceled, "dopri5"},
		"no estimate":    {t.Context(), solver.Adaptive{Method: solver.RK4}, turning, []float64{1, 0}, nil, "rk4 has no error estimate"},
		"tolerance":      {t.Context(), solver.Adaptive{RTol: -1}, turning, []float64{1, 0}, nil, "tolerances -1"},
		"too few":        {t.Context(), solver.Adaptive{}, turning, nil, nil, "0 numbers"},
		"columns beyond": {t.Context(), solver.Adaptive{Controlled: 3}, turning, []float64{1, 0}, nil, "3 columns"},
	} {
		var last error
		for _, err := range c.a.Solve(c.ctx, c.f, c.x0, len(c.x0)/2, []float64{0, 1}) {
			last = err
		}
		if last == nil || !strings.Contains(last.Error(), c.want) || c.is != nil && !errors.Is(last, c.is) {
			t.Errorf("%s: %v, want %q", name, last, c.want)
		}
	}
}
