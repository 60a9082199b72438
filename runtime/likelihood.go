package runtime

import (
	"context"
	"fmt"
	"math"
	"slices"

	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime/solver"
)

// Likelihood computes log-densities of samples, and of given data, under a flow. Along dx/dt = u_t(x) the density changes by
//
//	d/dt log p_t(x_t) = −∇·u_t(x_t),   log p(x_1) = log N(x_0; 0, I) − ∫₀¹ ∇·u_t(x_t) dt,
//
// the instantaneous change of variables [GR19], integrated as further columns of the state, in float64. Sample goes forward from noise, Data in
// reverse from the data. The densities are of data units: the normaliser's Jacobian is in them.
//
// Constant columns are left out: they stay at their value all the way, so in models that have them the samples differ a little from a Sampler's. The
// model is the field as samplers integrate it, from N(0, I) at t = 0 to t = 1: beyond the times of training it holds its last velocity, so the
// density of a model that was trained short of an end is that of its samples, and differs from the data's by what flow.Defects and flow.Interval
// tell.
type Likelihood struct {
	Field    DivergenceField
	Method   solver.Tableau        // of equal steps; zero: RK4
	Adaptive *solver.Adaptive      // steps that each row chooses by its errors, those of its log-density included, instead of Method and Steps
	Steps    int                   // 0 means 100
	Grid     *flow.Grid            // where the steps lie; nil: the model's own
	Batch    int                   // rows at a time; 0 means 256
	Progress func(done, total int) // called after each step with rows·steps done and in all
}

// Densities are log-densities in nats, a row each.
type Densities struct {
	Log         []float64 // log p, the mean over the probes if it is estimated
	Err         []float64 // standard error of that mean; nil if exact or of a single probe
	Evaluations int       // of the field and its divergence for each row; of adaptive steps for the row that took most
	unknown     float64   // error of the probes if Err is nil
}

// Sample fills dst [N, D...] (or flat) with samples in data units, noise rows offset, offset + 1, … of the seed, and returns their log-densities. y
// is the condition of each row. See Sampler.Sample.
func (l Likelihood) Sample(ctx context.Context, dst, y tensor.Tensor, seed, offset uint64) (Densities, error) {
	dim := l.Field.Spec().Dim()
	rows := dst.Float32()
	return l.run(ctx, dst, y, false, offset, func(x []float64, at, n int) {
		z := make([]float32, len(x))
		noise.New(seed, noise.Sampling).Rows(z, offset+uint64(at), dim)
		for i, v := range z {
			x[i] = float64(v)
		}
	}, func(x []float64, at, n int) {
		for i, v := range x {
			rows[at*dim+i] = float32(v)
		}
		part := rows[at*dim : (at+n)*dim]
		l.Field.Spec().Normaliser.Decode(part, part, dim)
	})
}

// Data returns the log-densities of rows [N, D...] (or flat) in data units. y is the condition of each row; the zero Tensor asks a conditional model
// for its unconditional density.
func (l Likelihood) Data(ctx context.Context, rows, y tensor.Tensor) (Densities, error) {
	spec := l.Field.Spec()
	n, dim := spec.Normaliser, spec.Dim()
	return l.run(ctx, rows, y, true, 0, func(x []float64, at, _ int) {
		for i, v := range rows.Float32()[at*dim : at*dim+len(x)] {
			k := i % len(n.Mean)
			x[i] = (float64(v) - float64(n.Mean[k])) / float64(n.Scale[k])
		}
	}, func([]float64, int, int) {})
}

func (l Likelihood) check(rows, y tensor.Tensor) error {
	spec := l.Field.Spec()
	if err := spec.CheckBase(); err != nil {
		return fmt.Errorf("runtime: no likelihood: %w", err)
	}
	if rows.DType() != tensor.Float32 || rows.Rank() < 1 || rows.Dim(0) > 0 && rows.Len() != rows.Dim(0)*spec.Dim() {
		return fmt.Errorf("runtime: likelihood of %v, want float32 [N %v]", rows, spec.Dims)
	}
	if l.Steps < 0 || l.Batch < 0 {
		return fmt.Errorf("runtime: %d steps in batches of %d: want positive numbers", l.Steps, l.Batch)
	}
	if c := spec.Condition; y.IsZero() && c.Kind != flow.Unconditional && c.Drop == 0 {
		return fmt.Errorf("runtime: no likelihood without %s: the model was trained without label drop-out, or its file does not tell, "+
			"and has no unconditional density", c.Kind)
	}
	if !y.IsZero() && (y.Rank() < 1 || y.Dim(0) != rows.Dim(0)) {
		return fmt.Errorf("runtime: condition %v for %d rows", y, rows.Dim(0))
	}
	return nil
}

// run solves batch by batch from t = 0 to 1, or in reverse. start writes the state there in model space, end reads that at the other end; both
// are told the first row and the number of rows.
func (l Likelihood) run(ctx context.Context, rows, y tensor.Tensor, reverse bool, offset uint64,
	start, end func(x []float64, at, n int)) (Densities, error) {
	if err := l.check(rows, y); err != nil {
		return Densities{}, err
	}
	l, total := l.settled(), rows.Dim(0)
	d := newDensities(total, l.Field.Divergence().Probes)
	grid, err := Sampler{Grid: l.Grid, Steps: l.Steps}.times(l.Field.Spec())
	if err != nil {
		return d, err
	}
	if reverse {
		slices.Reverse(grid)
	}
	var w *walk
	for at := 0; at < total; at += l.Batch {
		n := min(l.Batch, total-at)
		if w == nil || w.n != n {
			w = newWalk(l.Field, n)
		}
		if !y.IsZero() {
			w.y = rowsOf(y, at, n)
		}
		w.draw(offset + uint64(at))
		start(w.x, at, n)
		w.pack()
		if err := l.solve(ctx, w, grid, func(step int) {
			if l.Progress != nil {
				l.Progress(at*l.Steps+n*step, total*l.Steps)
			}
		}, &d); err != nil {
			return d, err
		}
		if err := w.densities(&d, at, reverse); err != nil {
			return d, err
		}
		end(w.x, at, n)
	}
	return d, nil
}

// settled is the settings with zeros replaced.
func (l Likelihood) settled() Likelihood {
	l.Steps, l.Batch = orElse(l.Steps, 100), orElse(l.Batch, 256)
	if l.Adaptive != nil {
		l.Steps = 1 // from end to end
	}
	if l.Method.B == nil {
		l.Method = solver.RK4
	}
	return l
}

func newDensities(rows, probes int) Densities {
	d := Densities{Log: make([]float64, rows)}
	switch {
	case probes > 1:
		d.Err = make([]float64, rows)
	case probes == 1:
		d.unknown = math.NaN()
	}
	return d
}

func orElse(v, other int) int {
	if v == 0 {
		return other
	}
	return v
}

// solve integrates a batch along the grid and leaves the last state in it.
func (l Likelihood) solve(ctx context.Context, w *walk, grid []float64, each func(step int), d *Densities) error {
	var last solver.State
	step := 0
	all := func(ctx context.Context, dst, x []float64, t float64) error {
		return w.field(ctx, dst, x, []float64{t}, nil)
	}
	states := l.Method.Solve(ctx, all, w.state, grid)
	if l.Adaptive != nil {
		states = l.Adaptive.Solve(ctx, w.field, w.state, w.n, grid)
	}
	for s, err := range states {
		if err != nil {
			return fmt.Errorf("runtime: likelihood: %w", err)
		}
		if last = s; step > 0 {
			each(step)
		}
		step++
	}
	copy(w.state, last.X)
	d.Evaluations = max(d.Evaluations, last.Evaluations)
	return nil
}

// meanError is the mean of v and its standard error, NaN of a single number.
func meanError(v []float64) (mean, err float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	square := 0.0
	for _, x := range v {
		square += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(square / float64(len(v)-1) / float64(len(v)))
}

// Mean is the mean log-density over rows, in nats, and its standard error over them, to which the spread of rows and of probes both contribute.
func (d Densities) Mean() (mean, err float64) { return meanError(d.Log) }

// ProbeErr is the part of that standard error which the probes have: 0 if the divergence is exact, NaN if one probe does not tell.
func (d Densities) ProbeErr() float64 {
	if d.Err == nil {
		return d.unknown
	}
	square := 0.0
	for _, e := range d.Err {
		square += e * e
	}
	return math.Sqrt(square) / float64(len(d.Err))
}
