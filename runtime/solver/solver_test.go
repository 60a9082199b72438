package solver_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"fmtool/runtime/solver"
)

func Example() {
	growth := func(_ context.Context, dst, x []float64, _ float64) error { dst[0] = x[0]; return nil }
	for s, err := range solver.RK4.Solve(context.Background(), growth, []float64{1}, solver.Grid(2)) {
		fmt.Printf("t=%.1f x=%.4f nfe=%d %v\n", s.T, s.X[0], s.Evaluations, err)
	}
	// Output:
	// t=0.0 x=1.0000 nfe=0 <nil>
	// t=0.5 x=1.6484 nfe=4 <nil>
	// t=1.0 x=2.7173 nfe=8 <nil>
}

// swirl turns and shrinks, with a rate that depends on time; its solution at t = 1 is known.
func swirl(_ context.Context, dst, x []float64, t float64) error {
	dst[0], dst[1] = -2*t*x[0]-3*x[1], 3*x[0]-2*t*x[1]
	return nil
}

func exact() (x, y float64) { s, c := math.Sincos(3); return c * math.Exp(-1), s * math.Exp(-1) }

func errorAt(t *testing.T, m solver.Tableau, n int) float64 {
	t.Helper()
	var last []float64
	for s, err := range m.Solve(context.Background(), swirl, []float64{1, 0}, solver.Grid(n)) {
		if err != nil {
			t.Fatal(err)
		}
		last = s.X
	}
	x, y := exact()
	return math.Hypot(last[0]-x, last[1]-y)
}

// Halving the step of a method of order p divides its error by 2^p.
func TestOrder(t *testing.T) {
	for _, m := range solver.Methods {
		if got := math.Log2(errorAt(t, m, 64) / errorAt(t, m, 128)); math.Abs(got-float64(m.Order)) > 0.2 {
			t.Errorf("%s: order %.2f, want %d", m.Name, got, m.Order)
		}
	}
}

// A tableau is consistent: rows of A sum to C, B sums to 1, E to 0.
func TestTableaus(t *testing.T) {
	for _, m := range solver.Methods {
		sum, estimate := 0.0, 0.0
		for i, b := range m.B {
			if m.E != nil {
				estimate += m.E[i]
			}
			sum += b
			row := 0.0
			for _, a := range m.A[i] {
				row += a
			}
			if math.Abs(row-m.C[i]) > 1e-15 || len(m.A[i]) > i {
				t.Errorf("%s: row %d", m.Name, i)
			}
		}
		if math.Abs(sum-1) > 1e-15 || math.Abs(estimate) > 1e-15 {
			t.Errorf("%s: weights sum to %g, those of the error to %g", m.Name, sum, estimate)
		}
		if got, err := solver.Parse(m.Name); err != nil || got.Name != m.Name {
			t.Errorf("Parse(%q): %v", m.Name, err)
		}
	}
	if _, err := solver.Parse("eular"); err == nil || !strings.Contains(err.Error(), `did you mean "euler"`) {
		t.Errorf("no proposal: %v", err)
	}
}

// n Euler steps are n evaluations at 0, h, …, (n−1)h and no other, in both forms, which agree.
func TestEulerEvaluations(t *testing.T) {
	const n = 7
	var times []float64
	f := func(ctx context.Context, dst, x []float64, at float64) error {
		times = append(times, at)
		return swirl(ctx, dst, x, at)
	}
	var end solver.State
	for s := range solver.Euler.Solve(context.Background(), f, []float64{1, 0}, solver.Grid(n)) {
		end = s
	}
	var times32 []float32
	st := solver.NewStepper(solver.Euler, 2)
	copy(st.State(), []float32{1, 0})
	if err := st.Run(context.Background(), func(_ context.Context, dst, x []float32, at float32) error {
		times32 = append(times32, at)
		dst[0], dst[1] = -2*at*x[0]-3*x[1], 3*x[0]-2*at*x[1]
		return nil
	}, solver.Grid(n), nil); err != nil {
		t.Fatal(err)
	}
	if len(times) != n || len(times32) != n || end.Evaluations != n {
		t.Fatalf("%d and %d evaluations, counted %d", len(times), len(times32), end.Evaluations)
	}
	for k := range n {
		if times[k] != float64(k)/n || times32[k] != float32(float64(k)/n) {
			t.Errorf("evaluation %d at %g and %g", k, times[k], times32[k])
		}
	}
	for d, x := range st.State() {
		if math.Abs(float64(x)-end.X[d]) > 1e-6 {
			t.Errorf("x[%d] = %g in float32, %g in float64", d, x, end.X[d])
		}
	}
}

// All methods agree between the two forms; the float32 form allocates nothing.
func TestStepper(t *testing.T) {
	f := func(_ context.Context, dst, x []float32, at float32) error {
		dst[0], dst[1] = -2*at*x[0]-3*x[1], 3*x[0]-2*at*x[1]
		return nil
	}
	for _, m := range solver.Methods {
		st := solver.NewStepper(m, 2)
		ctx, grid := context.Background(), solver.Grid(200)
		if n := testing.AllocsPerRun(3, func() {
			st.State()[0], st.State()[1] = 1, 0
			if err := st.Run(ctx, f, grid, nil); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", m.Name, n)
		}
		x, y := exact()
		if d := math.Hypot(float64(st.State()[0])-x, float64(st.State()[1])-y); d > errorAt(t, m, 200)+1e-6 {
			t.Errorf("%s: float32 ends %g off", m.Name, d)
		}
	}
}

// A stage that weighs no earlier one starts from x itself, in both forms: here the second stage of a method of order 1, at another time.
func TestStageWithoutWeights(t *testing.T) {
	m := solver.Tableau{Name: "late", Order: 1, A: [][]float64{nil, {0}}, B: []float64{0.5, 0.5}, C: []float64{0, 0.5}}
	var wide float64
	for s := range m.Solve(context.Background(), func(_ context.Context, dst, x []float64, at float64) error { dst[0] = x[0] + at; return nil }, []float64{1}, solver.Grid(4)) {
		wide = s.X[0]
	}
	st := solver.NewStepper(m, 1)
	st.State()[0] = 1
	if err := st.Run(context.Background(), func(_ context.Context, dst, x []float32, at float32) error { dst[0] = x[0] + at; return nil }, solver.Grid(4), nil); err != nil {
		t.Fatal(err)
	}
	if got := float64(st.State()[0]); math.Abs(got-wide) > 1e-6 {
		t.Errorf("float32 ends at %g, float64 at %g", got, wide)
	}
}

// Along an uneven grid both forms step from each of its times to the next.
func TestUnevenGrid(t *testing.T) {
	grid := []float64{0, 0.1, 0.5, 0.6, 1}
	for _, m := range solver.Methods {
		var wide float64
		for s := range m.Solve(context.Background(), func(_ context.Context, dst, x []float64, at float64) error { dst[0] = x[0] * at; return nil }, []float64{1}, grid) {
			wide = s.X[0]
		}
		st := solver.NewStepper(m, 1)
		st.State()[0] = 1
		if err := st.Run(context.Background(), func(_ context.Context, dst, x []float32, at float32) error { dst[0] = x[0] * at; return nil }, grid, nil); err != nil {
			t.Fatal(err)
		}
		if got := float64(st.State()[0]); math.Abs(got-wide) > 1e-6 || m.Order == 4 && math.Abs(got-math.Exp(0.5)) > 1e-3 {
			t.Errorf("%s: float32 ends at %g, float64 at %g, the solution at %g", m.Name, got, wide, math.Exp(0.5))
		}
	}
}

// An error of the field, and a cancelled context, end the integration and are found by errors.Is.
func TestErrors(t *testing.T) {
	broken := errors.New("broken")
	ctx, cancel := context.WithCancel(context.Background())
	steps := 0
	for _, err := range solver.Heun.Solve(ctx, func(context.Context, []float64, []float64, float64) error { return broken }, []float64{1}, solver.Grid(3)) {
		if steps++; steps == 2 && !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
	if steps != 2 {
		t.Errorf("%d states after an error in the first step", steps)
	}
	st := solver.NewStepper(solver.Euler, 1)
	err := st.Run(ctx, func(context.Context, []float32, []float32, float32) error { cancel(); return nil }, solver.Grid(10), nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := st.Run(context.Background(), nil, solver.Grid(0), nil); err == nil {
		t.Error("0 steps accepted")
	}
}
