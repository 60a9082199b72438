package train

import (
	"fmt"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime/native/kernel"
	"fmtool/train/data"
)

// batch is the inputs of LossGraph for a number of rows, filled anew for each step.
type batch struct {
	spec    flow.Spec
	x1, x0  []float32
	t       []float32
	columns []column    // what the loss takes for each time,
	coeffs  [][]float32 // and its numbers
	labels  []int64     // nil: no labels
	vectors []float32   // nil: no vectors
	drop    []float32   // beside vectors: 1 puts the null row in their place
	path    []float32   // noise on the path, times sigma; nil: none
	tensors []tensor.Tensor
}

func newBatch(m *models.Model, l Loss, n int) *batch {
	b := &batch{spec: m.Spec, columns: l.columns(m.Spec), t: make([]float32, n), x1: make([]float32, n*m.Spec.Dim()), x0: make([]float32, n*m.Spec.Dim())}
	shape := append([]int{n}, m.Spec.Dims...)
	column := append([]int{n}, make([]int, len(m.Spec.Dims))...)
	for i := range m.Spec.Dims {
		column[i+1] = 1
	}
	b.tensors = []tensor.Tensor{tensor.Of(b.x1, shape...), tensor.Of(b.x0, shape...), tensor.Of(b.t, n, 1)}
	for range b.columns {
		c := make([]float32, n)
		b.coeffs, b.tensors = append(b.coeffs, c), append(b.tensors, tensor.Of(c, column...))
	}
	switch c := m.Spec.Condition; c.Kind {
	case flow.Labels:
		b.labels = make([]int64, n)
		b.tensors = append(b.tensors, tensor.Of(b.labels, n))
	case flow.Vector:
		b.vectors, b.drop = make([]float32, n*c.Width), make([]float32, n)
		b.tensors = append(b.tensors, tensor.Of(b.vectors, n, c.Width), tensor.Of(b.drop, n, 1))
	}
	if m.Spec.Sigma > 0 {
		b.path = make([]float32, len(b.x0))
		b.tensors = append(b.tensors, tensor.Of(b.path, shape...))
	}
	return b
}

// rows copies rows of a set in model space, with the x0 of pairs.
func (b *batch) rows(set *data.Set, index []int) {
	kernel.Gather(b.x1, set.Rows, b.spec.Dim(), index)
	if set.Paired != nil {
		kernel.Gather(b.x0, set.Paired, b.spec.Dim(), index)
	}
	for i, r := range index {
		if b.labels != nil {
			b.labels[i] = set.Labels[r]
		}
		if b.vectors != nil {
			v := set.Vector(r)
			copy(b.vectors[i*len(v):], v)
			b.drop[i] = 0
		}
	}
}

// fillColumns writes what the loss takes at each time.
func (b *batch) fillColumns() {
	for i, t := range b.t {
		c := b.spec.Schedule.At(min(float64(t), b.spec.TimeMax)) // the float32 may have been rounded up
		for k, column := range b.columns {
			b.coeffs[k][i] = float32(column.at(c))
		}
	}
}

// fillPath writes noise of a stream from a position on, times sigma.
func (b *batch) fillPath(s noise.Stream, pos uint64) {
	if b.path == nil {
		return
	}
	s.Normals(b.path, pos)
	for i := range b.path {
		b.path[i] *= float32(b.spec.Sigma)
	}
}

// sampler draws what the write-up's algorithm draws in each step, as a pure function of seed and step.
type sampler struct {
	set                        *data.Set // model space
	order                      *data.Batcher
	source                     *data.Batcher // nil: noise, or pairs
	times, noise, labels, path noise.Stream
	drop                       float64
	uniform                    []float32
}

func newSampler(c Config, set *data.Set) (*sampler, error) {
	s := &sampler{set: set, times: noise.New(c.Seed, noise.Times), noise: noise.New(c.Seed, noise.Training), labels: noise.New(c.Seed, noise.Labels),
		path: noise.New(c.Seed, noise.PathNoise), drop: c.Drop, uniform: make([]float32, c.Batch)}
	var err error
	if s.order, err = data.NewBatcher(set.Len(), c.Batch, c.Seed); err != nil || set.Source == nil {
		return s, err
	}
	if s.source, err = data.NewBatcherOf(set.Source.Len(), c.Batch, noise.New(c.Seed, noise.Source)); err != nil {
		return s, fmt.Errorf("source: %w", err)
	}
	return s, nil
}

// fill prepares step k ≥ 0 with x0 and x1 as they are drawn, independent of each other but for pairs.
func (s *sampler) fill(b *batch, k int) {
	s.draw(b, k)
	s.finish(b, k)
}

// part is one of several parts of fill, which may run side by side.
func (s *sampler) part(b *batch, k, part, parts int) {
	if part > 0 {
		s.begin(b, k, part-1, parts-1)
		return
	}
	b.rows(s.set, s.order.Step(k))
	s.finish(b, k)
}

// draw takes y from the data and x0 ~ N(0, I), or from the source.
func (s *sampler) draw(b *batch, k int) {
	b.rows(s.set, s.order.Step(k))
	s.begin(b, k, 0, 1)
}

// begin draws a part of x0, unless it came with the rows.
func (s *sampler) begin(b *batch, k, part, parts int) {
	switch {
	case s.set.Paired != nil:
	case s.source != nil:
		if part == 0 {
			b.start(s.set.Source, s.source.Step(k))
		}
	default:
		from, to := noiseCut(b.x0, part, parts), noiseCut(b.x0, part+1, parts)
		s.noise.Normals(b.x0[from:to], position(b.x0, k)+uint64(from/2))
	}
}

// noiseCut is where part p of the noise z begins, on a multiple of what the generator makes at a time.
func noiseCut(z []float32, p, parts int) int {
	const step = 64
	if p == parts {
		return len(z)
	}
	return len(z) * p / parts / step * step
}

// position is where step k's normals begin in a stream that fills z in each step.
func position(z []float32, k int) uint64 { return uint64(k) * ((uint64(len(z)) + 1) / 2) }

// start copies rows of the source into x0.
func (b *batch) start(source *data.Set, index []int) {
	kernel.Gather(b.x0, source.Rows, b.spec.Dim(), index)
}

// finish draws what does not depend on the coupling: t of the model's distribution on [TimeMin, TimeMax], noise on the path, conditions dropped to the null class
// or row.
func (s *sampler) finish(b *batch, k int) {
	n := uint64(len(b.t))
	s.times.Uniforms(b.t, uint64(k)*n)
	b.spec.Times.Map(b.t, b.spec.TimeMin, b.spec.TimeMax)
	b.fillColumns()
	b.fillPath(s.path, position(b.path, k))
	if b.labels == nil && b.vectors == nil || s.drop == 0 {
		return
	}
	s.labels.Uniforms(s.uniform, uint64(k)*n)
	for i, u := range s.uniform {
		switch {
		case float64(u) >= s.drop:
		case b.labels != nil:
			b.labels[i] = int64(b.spec.Condition.Classes)
		default:
			b.drop[i] = 1
		}
	}
}

// bins is the number of time bins of the held-out loss.
const bins = 10

// heldOutRows is the number of draws of a held-out loss, spread evenly over the bins.
const heldOutRows = 2000

// heldOut fills a batch that never changes: rows of the held-out set in turn, times that cover [TimeMin, TimeMax] evenly whatever training draws, so that
// runs with different distributions of times compare, noise of its own stream or rows of the held-out source in turn, coupled as in training. Labels stay.
func heldOut(m *models.Model, l Loss, set *data.Set, c Config) *batch {
	b := newBatch(m, l, heldOutRows)
	index, source := make([]int, heldOutRows), make([]int, heldOutRows)
	s := noise.New(c.Seed, noise.HeldOut)
	order := make([]int, heldOutRows)
	s.Sub(0).Perm(order) // which row gets which time
	for i := range index {
		index[i] = i % set.Len()
		b.t[i] = float32(m.Spec.TimeMin) + (float32(order[i])+0.5)/heldOutRows*float32(m.Spec.TimeMax-m.Spec.TimeMin)
		if set.Source != nil {
			source[i] = i % set.Source.Len()
		}
	}
	b.rows(set, index)
	b.fillColumns()
	switch {
	case set.Paired != nil:
	case set.Source != nil:
		b.start(set.Source, source)
	default:
		s.Sub(1).Normals(b.x0, 0)
	}
	b.fillPath(s.Sub(2), 0)
	if p := newPairing(c, m.Spec, heldOutRows); p != nil {
		p.couple([]*batch{b}, s.Sub(3))
	}
	return b
}
