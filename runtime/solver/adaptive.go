package solver

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
)

// RowField writes the right-hand side of some rows of a batch into dst.
//
//	dst, x  [len(rows), D]
//	t       [len(rows)], the time of each
//	rows    their numbers in the batch, rising: whose condition or probe to use
type RowField func(ctx context.Context, dst, x, t []float64, rows []int) error

// Adaptive integrates each row of a batch with steps of its own, so that the root mean square over its columns of
//
//	h Σ E[i] k_i / (ATol + RTol·max(|x|, |x after the step|))
//
// stays below 1 in every step. A row's numbers depend on that row alone, bit for bit, if the field's do. Zero settings are good choices.
type Adaptive struct {
	Method         Tableau // an embedded pair whose last stage is the next step's first, Bosh3 or Dopri5; zero: Dopri5
	RTol, ATol     float64 // 0: DefaultTolerance, unless the other is given
	MaxEvaluations int     // of a row; 0: DefaultEvaluations
	Controlled     int     // number of leading columns whose error counts; 0: all. The others, such as a log-density, are integrated along
}

// The defaults of Adaptive: the tolerance is that of [SO21] for ordinary differential equations of generative models.
const (
	DefaultTolerance   = 1e-5
	DefaultEvaluations = 10000
)

// Check refuses settings that make no method and fills in the defaults.
func (a Adaptive) Check() (Adaptive, error) {
	if a.Method.B == nil {
		a.Method = Dopri5
	}
	if !a.Method.adaptable() {
		return a, fmt.Errorf("solver: %s has no error estimate to choose steps by: take bosh3 or dopri5", a.Method.Name)
	}
	if a.RTol == 0 && a.ATol == 0 {
		a.RTol, a.ATol = DefaultTolerance, DefaultTolerance
	}
	if !(a.RTol >= 0 && a.ATol >= 0) || math.IsInf(a.RTol+a.ATol, 0) {
		return a, fmt.Errorf("solver: tolerances %g (relative) and %g (absolute): want positive numbers", a.RTol, a.ATol)
	}
	if a.MaxEvaluations < 0 || a.Controlled < 0 {
		return a, fmt.Errorf("solver: at most %d evaluations, %d columns: want positive numbers", a.MaxEvaluations, a.Controlled)
	}
	if a.MaxEvaluations == 0 {
		a.MaxEvaluations = DefaultEvaluations
	}
	return a, nil
}

// Solve yields the state of the rows x0 [rows, D] at each time of grid, the first included; all rows end a step at each. Rows that are there wait and are
// left out of the evaluations. The first two evaluations of a row choose its first step, each further step takes the stages of the method but one. It ends
// after an error: the settings', the field's, the context's before an evaluation, or that of a row which needs more evaluations than allowed or
// steps too short to change the time.
func (a Adaptive) Solve(ctx context.Context, f RowField, x0 []float64, rows int, grid []float64) iter.Seq2[State, error] {
	return func(yield func(State, error) bool) {
		b, err := newBatch(a, f, x0, rows)
		if err == nil {
			err = checkGrid(grid)
		}
		if err != nil {
			yield(State{X: x0}, err)
			return
		}
		for i, t := range grid {
			if i == 0 {
				b.begin(t)
			} else if err := b.solveTo(ctx, t, grid[len(grid)-1]); err != nil {
				yield(b.state(grid[i-1]), fmt.Errorf("solver: %s: %w", b.a.Method.Name, err))
				return
			}
			if !yield(b.state(t), nil) {
				return
			}
		}
	}
}

// batch is the memory of an adaptive Solve.
type batch struct {
	a       Adaptive
	f       RowField
	dim     int
	x, k    []float64 // [rows, dim]: state and derivative
	row     []row
	active  []int       // the rows on their way
	from, y []float64   // [active, dim]: where a step starts and where a stage is
	stages  [][]float64 // [active, dim] each
	t       []float64   // [active]: the times of a stage
}

// row is what one row knows of its way.
type row struct {
	t, end, h   float64 // time, end of the step under way, signed length of the next
	clipped     bool    // the step under way is cut short by the target, and says nothing of the next
	rejected    bool    // the step under way has been tried longer
	before      float64 // error of the last accepted step
	evaluations int
}

func newBatch(a Adaptive, f RowField, x0 []float64, rows int) (*batch, error) {
	a, err := a.Check()
	if err != nil {
		return nil, err
	}
	if rows < 1 || len(x0) == 0 || len(x0)%rows != 0 || a.Controlled > len(x0)/rows {
		return nil, fmt.Errorf("solver: %d numbers, the errors of %d columns for %d rows: want equally many for each row", len(x0), a.Controlled, rows)
	}
	b := &batch{a: a, f: f, dim: len(x0) / rows, x: slices.Clone(x0), k: make([]float64, len(x0)), row: make([]row, rows)}
	if b.a.Controlled == 0 {
		b.a.Controlled = b.dim
	}
	b.from, b.y, b.t = make([]float64, len(x0)), make([]float64, len(x0)), make([]float64, rows)
	for range a.Method.B {
		b.stages = append(b.stages, make([]float64, len(x0)))
	}
	return b, nil
}

// begin sets all rows to the first time.
func (b *batch) begin(t float64) {
	for r := range b.row {
		b.row[r] = row{t: t, before: minError}
	}
}

func (b *batch) state(t float64) State {
	s := State{T: t, X: b.x, PerRow: make([]int, len(b.row))}
	for r := range b.row {
		s.PerRow[r] = b.row[r].evaluations
		s.Evaluations = max(s.Evaluations, s.PerRow[r])
	}
	return s
}

// solveTo takes all rows to the time target; last is the end of the whole grid, which bounds the first step.
func (b *batch) solveTo(ctx context.Context, target, last float64) error {
	b.collect(target)
	if b.row[0].h == 0 {
		if err := b.start(ctx, last); err != nil {
			return err
		}
	}
	for len(b.active) > 0 {
		for _, r := range b.active {
			if err := b.aim(r, target); err != nil {
				return err
			}
		}
		if err := b.try(ctx); err != nil {
			return err
		}
		b.collect(target)
	}
	return nil
}

// collect lists the rows that have not reached the time target.
func (b *batch) collect(target float64) {
	b.active = b.active[:0]
	for r := range b.row {
		if b.row[r].t != target {
			b.active = append(b.active, r)
		}
	}
}

// try attempts a step of every active row.
func (b *batch) try(ctx context.Context) error {
	n := len(b.active)
	for i, r := range b.active {
		copy(b.of(b.from, i), b.of(b.x, r))
		copy(b.of(b.stages[0], i), b.of(b.k, r))
	}
	m := b.a.Method
	for s := 1; s < len(m.B); s++ {
		for i, r := range b.active {
			y, w := b.of(b.y, i), &b.row[r]
			copy(y, b.of(b.from, i))
			for j, a := range m.A[s] {
				add(y, (w.end-w.t)*a, b.of(b.stages[j], i))
			}
			if b.t[i] = w.t + m.C[s]*(w.end-w.t); m.C[s] == 1 {
				b.t[i] = w.end
			}
		}
		if err := b.evaluate(ctx, b.stages[s][:n*b.dim], b.y[:n*b.dim], b.t[:n]); err != nil {
			return err
		}
	}
	for i, r := range b.active { // the last stage was at the end of the step
		if b.judge(r, b.errorOf(i)) {
			copy(b.of(b.x, r), b.of(b.y, i))
			copy(b.of(b.k, r), b.of(b.stages[len(m.B)-1], i))
		}
	}
	return nil
}

// errorOf is the error of active row i's step, in tolerances.
func (b *batch) errorOf(i int) float64 {
	w := &b.row[b.active[i]]
	from, y, sum := b.of(b.from, i), b.of(b.y, i), 0.0
	for d := range b.a.Controlled {
		e := 0.0
		for s, weight := range b.a.Method.E {
			e += weight * b.stages[s][i*b.dim+d]
		}
		e *= (w.end - w.t) / b.scale(max(math.Abs(from[d]), math.Abs(y[d])))
		sum += e * e
	}
	return math.Sqrt(sum / float64(b.a.Controlled))
}

// scale is the tolerance at a number of that size.
func (b *batch) scale(size float64) float64 {
	return max(b.a.ATol+b.a.RTol*size, math.SmallestNonzeroFloat64)
}

func (b *batch) evaluate(ctx context.Context, dst, x, t []float64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, r := range b.active {
		b.row[r].evaluations++
	}
	return b.f(ctx, dst, x, t, b.active)
}

// of is row i of rows [_, dim].
func (b *batch) of(rows []float64, i int) []float64 { return rows[i*b.dim : (i+1)*b.dim] }
