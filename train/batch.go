package train

import (
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/tensor"
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
	return b
}

// rows copies rows of a set in model space.
func (b *batch) rows(set *data.Set, index []int) {
	d := b.spec.Dim()
	for i, r := range index {
		copy(b.x1[i*d:(i+1)*d], set.Row(r))
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

// sampler draws what the write-up's algorithm draws in each step, as a pure function of seed and step.
type sampler struct {
	set                  *data.Set // model space
	order                *data.Batcher
	times, noise, labels noise.Stream
	drop                 float64
	uniform              []float32
}

func newSampler(c Config, set *data.Set) (*sampler, error) {
	order, err := data.NewBatcher(set.Len(), c.Batch, c.Seed)
	return &sampler{set, order, noise.New(c.Seed, noise.Times), noise.New(c.Seed, noise.Training), noise.New(c.Seed, noise.Labels), c.Drop,
		make([]float32, c.Batch)}, err
}

// fill prepares step k ≥ 0: y from the data, t of the model's distribution on [TimeMin, TimeMax], x0 ~ N(0, I), conditions dropped to the null class or row.
func (s *sampler) fill(b *batch, k int) {
	n := uint64(len(b.t))
	b.rows(s.set, s.order.Step(k))
	s.times.Uniforms(b.t, uint64(k)*n)
	b.spec.Times.Map(b.t, b.spec.TimeMin, b.spec.TimeMax)
	b.fillColumns()
	pairs := (uint64(len(b.x0)) + 1) / 2
	s.noise.Normals(b.x0, uint64(k)*pairs)
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
// runs with different distributions of times compare, noise of its own stream. Labels stay.
func heldOut(m *models.Model, l Loss, set *data.Set, seed uint64) *batch {
	b := newBatch(m, l, heldOutRows)
	index := make([]int, heldOutRows)
	s := noise.New(seed, noise.HeldOut)
	order := make([]int, heldOutRows)
	s.Sub(0).Perm(order) // which row gets which time
	for i := range index {
		index[i] = i % set.Len()
		b.t[i] = float32(m.Spec.TimeMin) + (float32(order[i])+0.5)/heldOutRows*float32(m.Spec.TimeMax-m.Spec.TimeMin)
	}
	b.rows(set, index)
	b.fillColumns()
	s.Sub(1).Normals(b.x0, 0)
	return b
}
