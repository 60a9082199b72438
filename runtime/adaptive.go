package runtime

import (
	"context"

	"fmtool/models/tensor"
	"fmtool/runtime/solver"
)

// climb is a batch of rows that an adaptive solver takes along, each at a time of its own. The state is float64, the field is evaluated in float32.
type climb struct {
	field    VelocityField
	n, dim   int
	job      job     // the rows of the batch
	lo, hi   float64 // the times of training
	y        tensor.Tensor
	by       map[int]*ledge // by number of rows
	progress func(arrived int)
}

// ledge is the memory for evaluations of some number of rows.
type ledge struct{ dst, x, t, y tensor.Tensor }

// newClimb is a batch of n rows of a job of total, from row first on.
func newClimb(f VelocityField, n, total, first int) *climb {
	spec := f.Spec()
	return &climb{field: f, n: n, dim: spec.Dim(), job: job{total: total, first: first}, lo: spec.TimeMin, hi: spec.TimeMax, by: map[int]*ledge{}}
}

// solve takes x [n, D], model space, along the times and hands each state to yield. It returns the evaluations of each row.
func (c *climb) solve(ctx context.Context, a solver.Adaptive, x []float32, times []float64, yield func(solver.State) bool) ([]int, error) {
	state := make([]float64, len(x))
	for i, v := range x {
		state[i] = float64(v)
	}
	var evaluations []int
	for s, err := range a.Solve(ctx, c.velocity, state, c.n, times) {
		if err != nil {
			return evaluations, err
		}
		for i, v := range s.X {
			x[i] = float32(v)
		}
		evaluations = s.PerRow
		if yield != nil && !yield(s) {
			break
		}
	}
	return evaluations, nil
}

// velocity is the right-hand side of some rows; see solver.RowField. The last one stands in for those that fill the batch up.
func (c *climb) velocity(ctx context.Context, dst, x, t []float64, rows []int) error {
	r := c.ledge(halves(c.n, len(rows)))
	if err := about(c.field, job{c.job.total, c.job.first, rows}); err != nil {
		return err
	}
	for i := range r.t.Len() {
		from := min(i, len(rows)-1)
		for d, v := range x[from*c.dim : (from+1)*c.dim] {
			r.x.Float32()[i*c.dim+d] = float32(v)
		}
		r.t.Float32()[i] = float32(min(max(t[from], c.lo), c.hi))
	}
	if !c.y.IsZero() {
		take(r.y, c.y, rows)
	}
	if err := c.field.Velocity(ctx, r.dst, r.x, r.t, r.y); err != nil {
		return err
	}
	for i := range dst {
		dst[i] = float64(r.dst.Float32()[i])
	}
	if c.progress != nil {
		c.progress(c.n - len(rows))
	}
	return nil
}

func (c *climb) ledge(n int) *ledge {
	r := c.by[n]
	if r == nil {
		shape := append([]int{n}, c.field.Spec().Dims...)
		r = &ledge{dst: tensor.New(tensor.Float32, shape...), x: tensor.New(tensor.Float32, shape...), t: tensor.New(tensor.Float32, n, 1)}
		if !c.y.IsZero() {
			r.y = tensor.New(c.y.DType(), append([]int{n}, c.y.Shape()[1:]...)...)
		}
		c.by[n] = r
	}
	return r
}

// fewRows is the least number of rows that a batch is cut to: fewer cost hardly less.
const fewRows = 8

// halves is how many of n rows are evaluated where count are asked for: all, or a half, a quarter, …, so that engines see few batch sizes.
func halves(n, count int) int {
	for half := (n + 1) / 2; half >= max(count, fewRows); half = (n + 1) / 2 {
		n = half
	}
	return n
}
