package runtime

import (
	"context"
	"fmt"
	"slices"

	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime/solver"
)

// Sampler draws samples: noise of a seed, solved to t = 1, in data units. The zero values of the settings are good choices.
type Sampler struct {
	Field    VelocityField
	Method   solver.Tableau   // zero: Euler
	SDE      *SDE             // draw with noise on the way, by a method of its own; nil: do not
	Steps    int              // 0 means 100
	Grid     *flow.Grid       // where the steps lie; nil: the model's own
	Times    []float64        // between which to step, 0 and 1 included, in place of Steps and Grid; nil: those
	Adaptive *solver.Adaptive // if not nil, rows choose their own steps, and Method, Steps and Grid say nothing
	Seed     uint64
	Source   tensor.Tensor         // x0 [N, D...] in data units, for a model that starts at rows of a data set, and for no other
	Offset   uint64                // number of the first row: a job can be cut into shards
	Batch    int                   // rows at a time; 0 means 1024
	Progress func(done, total int) // called after each step with rows·steps done and in all
}

// Stats tell what a Sample cost.
type Stats struct {
	Rows        int
	Steps       int     // 0 where rows chose their own
	Evaluations int     // of the field for each row, or for the row that took most
	Mean        float64 // evaluations a row
}

// Sample fills dst [N, D...] (or [N, D] flat) with samples in data units. y is the condition of each row, the zero Tensor for none; see VelocityField. Rows do
// not depend on Batch. The context is looked at before each step.
func (s Sampler) Sample(ctx context.Context, dst, y tensor.Tensor) (Stats, error) {
	spec := s.Field.Spec()
	dim := spec.Dim()
	if dst.Rank() > 0 {
		if err := s.checkSource(dst.Dim(0)); err != nil {
			return Stats{}, err
		}
	}
	return s.run(ctx, dst, y, false, s.start,
		func(x []float32, at int) { spec.Normaliser.Decode(dst.Float32()[at*dim:at*dim+len(x)], x, dim) })
}

// Encode fills dst with the noise that rows [N, D...] of data units come from: the flow in reverse, from t = 1 to 0. dst may be rows. For a model that
// starts at rows of a data set it is such rows, in data units.
func (s Sampler) Encode(ctx context.Context, dst, rows, y tensor.Tensor) (Stats, error) {
	spec := s.Field.Spec()
	dim := spec.Dim()
	if rows.DType() != tensor.Float32 || rows.Len() != dst.Len() {
		return Stats{}, fmt.Errorf("runtime: noise of %v into %v, want float32 [N %v] both", rows, dst, spec.Dims)
	}
	return s.run(ctx, dst, y, true,
		func(x []float32, at int) { spec.Normaliser.Encode(x, rows.Float32()[at*dim:at*dim+len(x)]) },
		func(x []float32, at int) {
			if copy(dst.Float32()[at*dim:], x); spec.Source == flow.DataSource {
				spec.Normaliser.Decode(dst.Float32()[at*dim:at*dim+len(x)], x, dim)
			}
		})
}

// run solves batch by batch, in reverse from t = 1. start writes the first state of the rows from at on, end reads the last; both in model space.
func (s Sampler) run(ctx context.Context, dst, y tensor.Tensor, reverse bool, start, end func(x []float32, at int)) (Stats, error) {
	spec := s.Field.Spec()
	dim := spec.Dim()
	if dst.DType() != tensor.Float32 || dst.Rank() < 1 || dst.Dim(0) > 0 && dst.Len() != dst.Dim(0)*dim {
		return Stats{}, fmt.Errorf("runtime: samples into %v, want float32 [N %v]", dst, spec.Dims)
	}
	if s.Steps < 0 || s.Batch < 0 {
		return Stats{}, fmt.Errorf("runtime: %d steps in batches of %d: want positive numbers", s.Steps, s.Batch)
	}
	if s.Steps == 0 {
		s.Steps = 100
	}
	if s.Batch == 0 {
		s.Batch = 1024
	}
	if s.Method.B == nil {
		s.Method = solver.Euler
	}
	if s.SDE != nil {
		if reverse || s.Adaptive != nil {
			return Stats{}, fmt.Errorf("runtime: noise on the way goes from noise to data in given steps; leave it out to encode rows or to choose steps")
		}
		if err := spec.CheckScore(); err != nil {
			return Stats{}, fmt.Errorf("runtime: noise on the way: %w", err)
		}
	}
	times, err := s.times(spec)
	if err != nil {
		return Stats{}, err
	}
	s.Steps = len(times) - 1
	if reverse {
		slices.Reverse(times)
	}
	n := dst.Dim(0)
	if !y.IsZero() && (y.Rank() < 1 || y.Dim(0) != n) {
		return Stats{}, fmt.Errorf("runtime: condition %v for %d samples", y, n)
	}
	defer about(s.Field, job{}) //nolint:errcheck // no job is refused by none
	if s.Adaptive != nil {
		return s.adapt(ctx, dst, y, []float64{times[0], times[len(times)-1]}, start, end)
	}
	stats := Stats{Rows: n, Steps: s.Steps, Evaluations: s.Steps * s.stages(), Mean: float64(s.Steps * s.stages())}
	var b *batch
	for at := 0; at < n; at += s.Batch {
		rows := min(s.Batch, n-at)
		if b == nil || b.rows != rows {
			b = newBatch(s, rows)
		}
		if !y.IsZero() {
			b.y = rowsOf(y, at, rows)
		}
		if err := about(s.Field, job{total: n, first: at}); err != nil {
			return stats, err
		}
		x := b.x.Float32()
		start(x, at)
		var each func(int)
		if s.Progress != nil {
			each = func(step int) { s.Progress(at*s.Steps+rows*(step+1), n*s.Steps) }
		}
		if err := b.run(ctx, s.Offset+uint64(at), times, each); err != nil {
			return stats, err
		}
		end(x, at)
		if err := finite(dst.Float32()[at*dim:(at+rows)*dim], at, dim); err != nil {
			return stats, err
		}
	}
	return stats, nil
}

// adapt is run with steps that rows choose for themselves. Progress counts rows.
func (s Sampler) adapt(ctx context.Context, dst, y tensor.Tensor, times []float64, start, end func(x []float32, at int)) (Stats, error) {
	n, dim := dst.Dim(0), s.Field.Spec().Dim()
	stats := Stats{Rows: n}
	for at := 0; at < n; at += s.Batch {
		c := newClimb(s.Field, min(s.Batch, n-at), n, at)
		if !y.IsZero() {
			c.y = rowsOf(y, at, c.n)
		}
		if s.Progress != nil {
			c.progress = func(arrived int) { s.Progress(at+arrived+1, n) }
		}
		x := make([]float32, c.n*dim)
		start(x, at)
		evaluations, err := c.solve(ctx, *s.Adaptive, x, times, nil)
		if err != nil {
			return stats, fmt.Errorf("runtime: rows from %d on: %w", at, err)
		}
		for _, e := range evaluations {
			stats.Evaluations = max(stats.Evaluations, e)
			stats.Mean += float64(e) / float64(n)
		}
		end(x, at)
		if err := finite(dst.Float32()[at*dim:(at+c.n)*dim], at, dim); err != nil {
			return stats, err
		}
	}
	return stats, nil
}

// finite refuses results that are no numbers: rows [_, dim], the first of which is row at.
func finite(rows []float32, at, dim int) error {
	for i, v := range rows {
		if v-v != 0 {
			return fmt.Errorf("runtime: row %d is %g in column %d: the solver leaves the numbers there; take more steps, or look at where the row starts",
				at+i/dim, v, i%dim)
		}
	}
	return nil
}

// stages is the number of evaluations of a step.
func (s Sampler) stages() int {
	if s.SDE != nil {
		return s.SDE.method().Stages()
	}
	return s.Method.Stages()
}

// start writes x0 of rows from at on: noise, or rows of the source in model space.
func (s Sampler) start(x []float32, at int) {
	spec := s.Field.Spec()
	dim := spec.Dim()
	if spec.Source == flow.DataSource {
		spec.Normaliser.Encode(x, s.Source.Float32()[at*dim:at*dim+len(x)])
		return
	}
	noise.New(s.Seed, noise.Sampling).Rows(x, s.Offset+uint64(at), dim)
}

// checkSource refuses a source that the model does not start at, and one that does not fit n samples.
func (s Sampler) checkSource(n int) error {
	spec := s.Field.Spec()
	switch given := !s.Source.IsZero(); {
	case spec.Source == flow.NormalSource && given:
		return fmt.Errorf("runtime: the model starts at noise, not at rows of a data set; leave the source out")
	case spec.Source == flow.NormalSource:
		return nil
	case !given:
		return fmt.Errorf("runtime: the model starts at rows of a data set, not at noise; give a source of %d rows", n)
	case s.Source.DType() != tensor.Float32 || s.Source.Len() != n*spec.Dim():
		return fmt.Errorf("runtime: the source is %v, want float32 [%d %v]", s.Source, n, spec.Dims)
	}
	return nil
}

// rowsOf is a part of a tensor along its first dimension, shared.
func rowsOf(t tensor.Tensor, at, n int) tensor.Tensor {
	size := 1
	for _, d := range t.Shape()[1:] {
		size *= d
	}
	shape := slices.Clone(t.Shape())
	shape[0] = n
	return t.Slice(at*size, (at+n)*size).Reshape(shape...)
}

// batch is the memory of rows that are solved together: the solver's slices as tensors, so that a step allocates nothing.
type batch struct {
	rows     int
	s        Sampler
	stepper  *solver.Stepper
	walk     *solver.Walk // in place of the stepper, for an SDE
	timeMax  float32
	x, later tensor.Tensor
	k        []tensor.Tensor
	t, y     tensor.Tensor
	calls    int // of the field since the start
	steps    int
}

func newBatch(s Sampler, rows int) *batch {
	spec := s.Field.Spec()
	b := &batch{rows: rows, s: s, timeMax: float32(spec.TimeMax), t: tensor.New(tensor.Float32, 1, 1)}
	size := rows * spec.Dim()
	var x, later []float32
	var k [][]float32
	if s.SDE != nil {
		b.walk = solver.NewWalk(s.SDE.method(), size)
		x, later, k = b.walk.Buffers()
	} else {
		b.stepper = solver.NewStepper(s.Method, size)
		x, later, k = b.stepper.Buffers()
	}
	shape := append([]int{rows}, spec.Dims...)
	b.x, b.later = tensor.Of(x, shape...), tensor.Of(later, shape...)
	for _, ki := range k {
		b.k = append(b.k, tensor.Of(ki, shape...))
	}
	return b
}

// run solves the rows from first on along a grid.
func (b *batch) run(ctx context.Context, first uint64, times []float64, each func(step int)) error {
	b.calls, b.steps = 0, len(times)-1
	if b.walk != nil {
		return b.walk.Run(ctx, b.field, b.s.SDE.chance(b.s, first, times), times, each)
	}
	return b.stepper.Run(ctx, b.field, times, each)
}

// field evaluates the velocity, or the drift of an SDE, for the solver, whose slices stage by stage are those of the batch.
func (b *batch) field(ctx context.Context, _, _ []float32, t float32) error {
	step, i := b.calls/len(b.k), b.calls%len(b.k)
	b.calls++
	x := b.x
	if i > 0 {
		x = b.later
	}
	b.t.Float32()[0] = min(t, b.timeMax)
	if err := b.s.Field.Velocity(ctx, b.k[i], x, b.t, b.y); err != nil || b.walk == nil || step == b.steps-1 {
		return err
	}
	return b.s.SDE.drift(b.s.Field.Spec(), b.k[i].Float32(), x.Float32(), float64(t))
}
