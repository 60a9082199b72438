package train

import (
	"sync/atomic"
	"time"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/train/data"
)

// feeder gives the batches of steps, prepared beside the steps before. What is drawn depends on neither when nor by whom.
type feeder interface {
	take(k int) []tensor.Tensor // of step k, valid until the next call
	beside(part int)            // a part of the preparation that the plan of a step runs beside it, if the configuration has such parts
	pairing() time.Duration     // the time that couplings have taken
	close()
}

func newFeeder(c Config, m *models.Model, l Loss, set *data.Set) (feeder, error) {
	if c.paired(m.Spec) {
		return newFeed(c, m, l, set)
	}
	return newAhead(c, m, l, set)
}

// besideParts is the number of parts in which the plan of a step draws the next batch: one for rows and times, the others for the noise. Pairs come from
// goroutines of their own, since pairing may take longer than a step.
func (c Config) besideParts(spec flow.Spec) int {
	if c.paired(spec) {
		return 0
	}
	return 1 + min(c.threads(), 8)
}

// ahead is the feeder of batches that are not paired. Drawing takes up to a tenth of a small network's step: the workers that compute a step also draw the
// next one, part by part.
type ahead struct {
	sampler *sampler
	parts   int
	slots   [2]drawn // step k lies in slot k mod 2
	next    int      // the step that beside draws
}

// drawn is a batch and what has been drawn of it.
type drawn struct {
	batch *batch
	step  int
	parts atomic.Int64
}

func newAhead(c Config, m *models.Model, l Loss, set *data.Set) (*ahead, error) {
	s, err := newSampler(c, set)
	if err != nil {
		return nil, err
	}
	a := &ahead{sampler: s, parts: c.besideParts(m.Spec)}
	for i := range a.slots {
		a.slots[i].batch, a.slots[i].step = newBatch(m, l, c.Batch), -1
	}
	return a, nil
}

func (a *ahead) take(k int) []tensor.Tensor {
	s := &a.slots[k%2]
	if s.step != k || s.parts.Load() != int64(a.parts) {
		s.step = k
		for part := range a.parts {
			a.sampler.part(s.batch, k, part, a.parts)
		}
		s.parts.Store(int64(a.parts))
	}
	a.next = k + 1
	s = &a.slots[a.next%2]
	s.step = a.next
	s.parts.Store(0)
	return a.slots[k%2].batch.tensors
}

func (a *ahead) beside(part int) {
	s := &a.slots[a.next%2]
	a.sampler.part(s.batch, a.next, part, a.parts)
	s.parts.Add(1)
}

func (a *ahead) pairing() time.Duration { return 0 }

func (a *ahead) close() {}
