package solver

import (
	"context"
	"fmt"
	"iter"
	"slices"
)

// Field writes the right-hand side f(x, t) into dst, of x's length.
type Field func(ctx context.Context, dst, x []float64, t float64) error

// State is the solution at one time.
type State struct {
	T           float64
	X           []float64 // valid until the next state
	Evaluations int       // of the field so far; of adaptive methods those of the row that took most
	PerRow      []int     // evaluations of each row, valid until the next state; nil for methods of given steps, where all rows are alike
}

// Solve yields the state at each time of grid, the first included, with one step between two times. grid rises or falls. It ends after an error: the grid's, the field's, or the context's between steps.
func (m Tableau) Solve(ctx context.Context, f Field, x0, grid []float64) iter.Seq2[State, error] {
	return func(yield func(State, error) bool) {
		w := work{m: m, x: slices.Clone(x0), y: make([]float64, len(x0)), past: make([]float64, len(x0)), k: make([][]float64, m.Stages())}
		for i := range w.k {
			w.k[i] = make([]float64, len(x0))
		}
		if err := checkGrid(grid); err != nil {
			yield(State{X: w.x}, err)
			return
		}
		for i, t := range grid {
			if i > 0 {
				if err := w.step(ctx, f, grid[i-1], t-grid[i-1]); err != nil {
					yield(State{grid[i-1], w.x, w.evaluations, nil}, fmt.Errorf("solver: %s: step %d at t=%.4g: %w", m.Name, i, grid[i-1], err))
					return
				}
			}
			if !yield(State{t, w.x, w.evaluations, nil}, nil) {
				return
			}
		}
	}
}

// work is the memory of a Solve.
type work struct {
	m           Tableau
	x, y        []float64
	k           [][]float64
	past        []float64 // k_0 of the step before
	h           float64   // length of the step before, 0 before the first
	evaluations int
}

func (w *work) step(ctx context.Context, f Field, t, h float64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for i := range w.k {
		copy(w.y, w.x)
		for j, a := range w.m.A[i] {
			add(w.y, h*a, w.k[j])
		}
		w.evaluations++
		if err := f(ctx, w.k[i], w.y, t+w.m.C[i]*h); err != nil {
			return err
		}
	}
	for i, k := range w.k {
		add(w.x, h*w.m.B[i], k)
	}
	if w.m.Past != 0 && w.h != 0 {
		add(w.x, w.m.Past*h*h/w.h, w.k[0])
		add(w.x, -w.m.Past*h*h/w.h, w.past)
	}
	w.h = h
	copy(w.past, w.k[0])
	return nil
}

// add is x ← x + a·k.
func add(x []float64, a float64, k []float64) {
	for d, v := range k {
		x[d] += a * v
	}
}
