package train

import (
	"sync/atomic"
	"time"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/train/data"
)

// feed is the feeder of pairs: it fills the batches of coming steps on goroutines of their own while the current one is computed. Steps come in pools; pool g
// lies in slot g mod len(slots). What is drawn does not depend on the number of slots.
type feed struct {
	slots []*slot
	steps int          // of a pool
	pool  int          // that take returned last, −1: none
	spent atomic.Int64 // nanoseconds of pairing
}

// slot is a pool's memory and the goroutine that fills it.
type slot struct {
	sampler *sampler
	pairing *pairing
	noise   noise.Stream
	batches []*batch
	order   chan int // pools to fill
	filled  chan struct{}
	busy    bool // ordered and not waited for
}

// slots is how many pools are in memory: the one computed on, the next and, where they are paired, one more to be paired beside it.
func (c Config) slots(spec flow.Spec) int {
	if c.paired(spec) {
		return 3
	}
	return 2
}

func newFeed(c Config, m *models.Model, l Loss, set *data.Set) (*feed, error) {
	f := &feed{steps: c.poolSteps(m.Spec), pool: -1}
	for range c.slots(m.Spec) {
		draws, err := newSampler(c, set)
		if err != nil {
			f.close()
			return nil, err
		}
		s := &slot{sampler: draws, pairing: newPairing(c, m.Spec, f.steps*c.Batch), noise: noise.New(c.Seed, noise.Pairing), order: make(chan int, 1), filled: make(chan struct{}, 1)}
		for range f.steps {
			s.batches = append(s.batches, newBatch(m, l, c.Batch))
		}
		f.slots = append(f.slots, s)
		go f.serve(s)
	}
	return f, nil
}

func (f *feed) serve(s *slot) {
	for g := range s.order {
		for i, b := range s.batches {
			s.sampler.draw(b, g*f.steps+i)
		}
		begun := time.Now()
		s.pairing.couple(s.batches, s.noise.Sub(uint32(g)))
		f.spent.Add(int64(time.Since(begun)))
		for i, b := range s.batches {
			s.sampler.finish(b, g*f.steps+i)
		}
		s.filled <- struct{}{}
	}
}

// take returns the tensors of step k, valid until the next call, and orders the steps after it.
func (f *feed) take(k int) []tensor.Tensor {
	g, n := k/f.steps, len(f.slots)
	switch {
	case g == f.pool:
	case f.pool >= 0 && g == f.pool+1:
		f.fill(f.pool + n) // in the slot of the pool before
	default:
		f.settle()
		for i := range n {
			f.fill(g + i)
		}
	}
	f.pool = g
	s := f.slots[g%n]
	s.wait()
	return s.batches[k%f.steps].tensors
}

// fill orders a pool.
func (f *feed) fill(g int) {
	s := f.slots[g%len(f.slots)]
	s.busy = true
	s.order <- g
}

// wait waits for the pool that is ordered, if any.
func (s *slot) wait() {
	if s.busy {
		<-s.filled
		s.busy = false
	}
}

// settle waits for all pools that are ordered.
func (f *feed) settle() {
	for _, s := range f.slots {
		s.wait()
	}
	f.pool = -1
}

// beside has nothing to do: the plan is given no such parts.
func (f *feed) beside(int) {}

func (f *feed) pairing() time.Duration { return time.Duration(f.spent.Load()) }

func (f *feed) close() {
	f.settle()
	for _, s := range f.slots {
		close(s.order)
	}
}
