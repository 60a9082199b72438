// Package solver integrates ordinary differential equations dx/dt = f(x, t) from t = 0 to 1 with explicit Runge–Kutta methods. It knows nothing
// of networks.
//
// A method is a Tableau, a row of numbers; its declared order is tested. Two ways run it: Solve in float64 over any grid, yielding the state at each
// time, and Stepper in float32 along a grid without allocation, which samplers use.
//
//	for s, err := range solver.Heun.Solve(ctx, f, x0, solver.Grid(10)) {
//		...
//	}
package solver

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"fmtool/models/flow"
)

// Tableau is an explicit Runge–Kutta method [HNW93]: stage i is k_i = f(x + h Σ A[i][j] k_j, t + C[i] h), the step x + h Σ B[i] k_i.
type Tableau struct {
	Name  string
	Order int
	A     [][]float64 // row i has i entries
	B, C  []float64
}

// The methods.
var (
	// Euler is x ← x + h·f(x, t).
	Euler = Tableau{Name: "euler", Order: 1, A: [][]float64{nil}, B: []float64{1}, C: []float64{0}}
	// Midpoint evaluates at the middle of the step.
	Midpoint = Tableau{Name: "midpoint", Order: 2, A: [][]float64{nil, {1. / 2}}, B: []float64{0, 1}, C: []float64{0, 1. / 2}}
	// Heun is the explicit trapezoidal rule.
	Heun = Tableau{Name: "heun", Order: 2, A: [][]float64{nil, {1}}, B: []float64{1. / 2, 1. / 2}, C: []float64{0, 1}}
	// RK4 is the classical method of order 4.
	RK4 = Tableau{Name: "rk4", Order: 4, A: [][]float64{nil, {1. / 2}, {0, 1. / 2}, {0, 0, 1}}, B: []float64{1. / 6, 1. / 3, 1. / 3, 1. / 6}, C: []float64{0, 1. / 2, 1. / 2, 1}}
)

// Methods is the table.
var Methods = []Tableau{Euler, Midpoint, Heun, RK4}

// Parse returns the method of a name.
func Parse(name string) (Tableau, error) {
	var names []string
	for _, m := range Methods {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return Tableau{}, fmt.Errorf("solver: %w", flow.Unknown("solver", name, names))
}

// Grid is the times 0, 1/n, …, 1. Each is computed as k/n, so that no error accumulates.
func Grid(n int) []float64 {
	g := make([]float64, n+1)
	for k := range g {
		g[k] = float64(k) / float64(n)
	}
	return g
}

// Field writes the right-hand side f(x, t) into dst, of x's length.
type Field func(ctx context.Context, dst, x []float64, t float64) error

// State is the solution at one time.
type State struct {
	T           float64
	X           []float64 // valid until the next state
	Evaluations int       // of the field so far
}

// Solve yields the state at each time of grid, the first included. It ends after an error: the field's, or the context's between steps.
func (m Tableau) Solve(ctx context.Context, f Field, x0, grid []float64) iter.Seq2[State, error] {
	return func(yield func(State, error) bool) {
		s := State{X: slices.Clone(x0)}
		k, y := make([][]float64, len(m.B)), make([]float64, len(x0))
		for i := range k {
			k[i] = make([]float64, len(x0))
		}
		for i, t := range grid {
			if i > 0 {
				if err := m.step(ctx, f, &s, k, y, grid[i-1], t-grid[i-1]); err != nil {
					yield(s, fmt.Errorf("solver: %s: step %d at t=%.4g: %w", m.Name, i, grid[i-1], err))
					return
				}
			}
			if s.T = t; !yield(s, nil) {
				return
			}
		}
	}
}

func (m Tableau) step(ctx context.Context, f Field, s *State, k [][]float64, y []float64, t, h float64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for i := range k {
		copy(y, s.X)
		for j, a := range m.A[i] {
			for d, kj := range k[j] {
				y[d] += h * a * kj
			}
		}
		s.Evaluations++
		if err := f(ctx, k[i], y, t+m.C[i]*h); err != nil {
			return err
		}
	}
	for i, b := range m.B {
		for d, ki := range k[i] {
			s.X[d] += h * b * ki
		}
	}
	return nil
}
