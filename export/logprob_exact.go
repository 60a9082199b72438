package export

import (
	"context"
	"iter"
	"math"
	"slices"

	"fmtool/models/tensor"
	"fmtool/runtime/solver"
)

// A graph that chooses its steps is compared with steps of order 5 that a tolerance chooses too, for all rows together.
var fineSolver = solver.Adaptive{Method: solver.Dopri5, RTol: fineTolerance / 10, ATol: fineTolerance / 10}

// quotient is the step of difference quotients: half of float64's digits are left to them, and a corner of an activation hardly ever lies in between.
const quotient = 1e-7

// exact are the results of trial in float64: runtime/solver on the field, with its divergence by difference quotients.
func (w *densityWalk) exact(ctx context.Context) ([]float64, error) {
	q := w.quotients()
	states, err := w.solve(ctx, q)
	if err != nil {
		return nil, err
	}
	var last []float64
	for s, err := range states {
		if err != nil {
			return nil, err
		}
		last = s.X
	}
	return append(q.densities(last), 1), nil
}

// solve goes from t = 1 to 0.
func (w *densityWalk) solve(ctx context.Context, q *quotients) (iter.Seq2[solver.State, error], error) {
	if w.d.adapts {
		f := func(ctx context.Context, dst, z, t []float64, _ []int) error { return q.slope(ctx, dst, z, t[0]) }
		return fineSolver.Solve(ctx, f, q.first(), 1, []float64{1, 0}), nil
	}
	times, err := w.d.spec.Grid.Steps(w.steps)
	slices.Reverse(times)
	return w.d.method.Solve(ctx, q.slope, q.first(), times), err
}

// quotients is the equation of x and, for each probe or once, l: dx/dt = u, dl/dt = ∇·u; a state is [n D + P].
type quotients struct {
	w       *densityWalk
	field   program // guided
	in      []tensor.Tensor
	n, dim  int
	keep    []bool
	kept    int
	along   [][]float64 // [n D] each: the directions of the quotients, a probe or one number of every sample
	columns int         // l's: one for each probe, or one
}

func (w *densityWalk) quotients() *quotients {
	rows, weights := w.rows, []float32(nil)
	if w.d.guided {
		weights, rows = rows[len(rows)-1].Float32(), rows[:len(rows)-1]
	}
	q := &quotients{w: w, field: w.d.exact(w.ref, weights), n: rows[0].Dim(0), dim: w.d.spec.Dim(), columns: 1}
	for _, t := range rows {
		if t.DType().IsFloat() {
			t = t.Convert(tensor.Float64)
		}
		q.in = append(q.in, t)
	}
	q.in[1] = tensor.New(tensor.Float64, 1, 1)
	q.keep, q.kept = w.d.spec.Varying()
	if w.d.estimated() {
		q.columns = w.probes.Dim(0)
		q.probes()
		return q
	}
	for j, keep := range q.keep {
		if !keep {
			continue
		}
		unit := make([]float64, q.n*q.dim)
		for i := j; i < len(unit); i += q.dim {
			unit[i] = 1
		}
		q.along = append(q.along, unit)
	}
	return q
}

// probes makes them the directions, without constant columns.
func (q *quotients) probes() {
	all, size := q.w.probes.Convert(tensor.Float64).Float64(), q.n*q.dim
	for p := range q.columns {
		v := slices.Clone(all[p*size : (p+1)*size])
		for i := range v {
			if !q.keep[i%q.dim] {
				v[i] = 0
			}
		}
		q.along = append(q.along, v)
	}
}

// first is the state at t = 1.
func (q *quotients) first() []float64 {
	norm, width := q.w.d.spec.Normaliser, q.dim+q.columns
	z := make([]float64, q.n*width)
	for i, v := range q.w.rows[0].Float32() {
		if j, k := i%q.dim, i%len(norm.Mean); q.keep[j] {
			z[i/q.dim*width+j] = (float64(v) - float64(norm.Mean[k])) / float64(norm.Scale[k])
		}
	}
	return z
}

// velocity is u at x [n D].
func (q *quotients) velocity(ctx context.Context, x []float64) ([]float64, error) {
	shape := q.w.rows[0].Shape()
	q.in[0] = tensor.Of(x, shape...)
	u := tensor.New(tensor.Float64, shape...)
	err := q.field.Run(ctx, q.in, []tensor.Tensor{u})
	return u.Float64(), err
}

// slope is the right-hand side.
func (q *quotients) slope(ctx context.Context, dst, z []float64, t float64) error {
	s, width := q.w.d.spec, q.dim+q.columns
	q.in[1].Float64()[0] = min(max(t, s.TimeMin), s.TimeMax)
	x := make([]float64, q.n*q.dim)
	for i := range q.n {
		copy(x[i*q.dim:(i+1)*q.dim], z[i*width:])
	}
	u, err := q.velocity(ctx, x)
	if err != nil {
		return err
	}
	clear(dst)
	for i, v := range u {
		if q.keep[i%q.dim] {
			dst[i/q.dim*width+i%q.dim] = v
		}
	}
	for k, v := range q.along {
		change, err := q.change(ctx, x, v)
		if err != nil {
			return err
		}
		for i, c := range change {
			dst[i/q.dim*width+q.dim+k%q.columns] += v[i] * c
		}
	}
	return nil
}

// change is (∂u/∂x) v at x.
func (q *quotients) change(ctx context.Context, x, v []float64) ([]float64, error) {
	var ends [2][]float64
	for k, h := range []float64{quotient, -quotient} {
		y := slices.Clone(x)
		for i := range y {
			y[i] += h * v[i]
		}
		var err error
		if ends[k], err = q.velocity(ctx, y); err != nil {
			return nil, err
		}
	}
	for i := range ends[0] {
		ends[0][i] = (ends[0][i] - ends[1][i]) / (2 * quotient)
	}
	return ends[0], nil
}

// densities are the log-densities per number of a sample of rows that arrived at state z.
func (q *quotients) densities(z []float64) []float64 {
	width, out := q.dim+q.columns, make([]float64, q.n)
	for i := range out {
		row := z[i*width : (i+1)*width]
		p := q.w.d.spec.Normaliser.LogJacobian(q.dim) - float64(q.kept)/2*math.Log(2*math.Pi)
		for _, x := range row[:q.dim] {
			p -= x * x / 2
		}
		for _, l := range row[q.dim:] {
			p += l / float64(q.columns)
		}
		out[i] = p / float64(q.kept)
	}
	return out
}
