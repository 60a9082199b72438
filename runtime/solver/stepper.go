package solver

import (
	"context"
	"fmt"
)

// Field32 writes f(x, t) into dst for a Stepper. x and dst are the stepper's own slices, the same ones at each call for a given stage.
type Field32 func(ctx context.Context, dst, x []float32, t float32) error

// Stepper integrates in float32 along a grid of times, allocating nothing once made.
type Stepper struct {
	m    Tableau
	k    [][]float32
	y    []float32
	x    []float32
	past []float32 // k_0 of the step before, where the method weighs it
}

// NewStepper makes room for states of size numbers.
func NewStepper(m Tableau, size int) *Stepper {
	s := &Stepper{m: m, y: make([]float32, size), x: make([]float32, size)}
	for range m.Stages() {
		s.k = append(s.k, make([]float32, size))
	}
	if m.Past != 0 {
		s.past = make([]float32, size)
	}
	return s
}

// State is the current x, to be set before Run and read after it.
func (s *Stepper) State() []float32 { return s.x }

// Buffers are the slices the field is given: x at the first stage, x at later stages, and dst of each stage. A field that binds memory once
// can prepare them.
func (s *Stepper) Buffers() (x, later []float32, dst [][]float32) { return s.x, s.y, s.k }

// Run takes a step between each two times of grid, which rises or falls: Stages evaluations a step, for Euler on Grid(n) exactly at t = 0, 1/n, …, 1 − 1/n.
// each, if not nil, sees every step done. The context is looked at before each step.
func (s *Stepper) Run(ctx context.Context, f Field32, grid []float64, each func(step int)) error {
	if err := checkGrid(grid); err != nil {
		return err
	}
	if len(grid) < 2 {
		return fmt.Errorf("solver: %d steps, want at least 1", len(grid)-1)
	}
	before := 0.0
	for k, t := range grid[:len(grid)-1] {
		if err := ctx.Err(); err != nil {
			return err
		}
		h := grid[k+1] - t
		if err := s.step(ctx, f, t, h, before); err != nil {
			return fmt.Errorf("solver: %s: step %d of %d: %w", s.m.Name, k, len(grid)-1, err)
		}
		if before = h; each != nil {
			each(k)
		}
	}
	return nil
}

// step takes a step of length h after one of length before, 0 if there was none.
func (s *Stepper) step(ctx context.Context, f Field32, t, h, before float64) error {
	for i := range s.k {
		at := s.x
		if i > 0 {
			at = s.y
			combine(s.y, s.x, s.k[:i], s.m.A[i], h)
		}
		if err := f(ctx, s.k[i], at, float32(t+s.m.C[i]*h)); err != nil {
			return err
		}
	}
	combine(s.x, s.x, s.k, s.m.B[:len(s.k)], h)
	if s.past == nil {
		return nil
	}
	if before != 0 {
		a := float32(s.m.Past * h * h / before)
		for d, k := range s.k[0][:len(s.x)] {
			s.x[d] += a * (k - s.past[d])
		}
	}
	copy(s.past, s.k[0])
	return nil
}

// combine writes x + h Σ c_i k_i; dst may be x.
func combine(dst, x []float32, k [][]float32, c []float64, h float64) {
	first := true
	for i, ci := range c {
		if ci == 0 {
			continue
		}
		a, ki, from := float32(h*ci), k[i][:len(dst)], x[:len(dst)]
		if !first {
			from = dst
		}
		first = false
		for d := range dst {
			dst[d] = from[d] + a*ki[d]
		}
	}
	if first {
		copy(dst, x)
	}
}
