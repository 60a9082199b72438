package train

import (
	"context"

	"fmtool/models"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
)

// evaluation is the held-out loss: the loss graph on a batch that never changes.
type evaluation struct {
	plan  *native.Plan
	batch *batch
	rows  tensor.Tensor
}

func newEvaluation(m *models.Model, l Loss, b *batch, threads int) (*evaluation, error) {
	g, err := LossGraph(m, l)
	if err != nil {
		return nil, err
	}
	p, err := native.Compile(g, native.Options{Threads: threads})
	if err != nil {
		return nil, err
	}
	return &evaluation{p, b, tensor.New(tensor.Float32, len(b.t))}, nil
}

// of returns the mean loss of weights and its mean in each tenth of the times [TimeMin, TimeMax].
func (e *evaluation) of(weights map[string]tensor.Tensor) (mean float64, byTime []float64, err error) {
	for name, w := range weights {
		if err := e.plan.WriteParam(name, w); err != nil {
			return 0, nil, err
		}
	}
	if err := e.plan.Run(context.Background(), e.batch.tensors, []tensor.Tensor{e.rows}); err != nil {
		return 0, nil, err
	}
	lo, hi := e.batch.spec.TimeMin, e.batch.spec.TimeMax
	byTime, count := make([]float64, bins), make([]float64, bins)
	for i, v := range e.rows.Float32() {
		k := min(int((float64(e.batch.t[i])-lo)/(hi-lo)*bins), bins-1)
		byTime[k] += float64(v)
		count[k]++
		mean += float64(v)
	}
	for k := range byTime {
		byTime[k] /= count[k]
	}
	return mean / float64(len(e.batch.t)), byTime, nil
}
