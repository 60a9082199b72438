package train

import "fmtool/models/tensor"

// feed fills the batch of the next step on a goroutine of its own while the current one is computed: drawing takes up to a third of a small network's
// step. What is drawn does not depend on when.
type feed struct {
	sampler *sampler
	batches [2]*batch
	order   chan int      // steps to fill, into batches[step%2]
	filled  chan struct{} // one for each
	ahead   int           // step that is ordered, −1: none
}

func newFeed(s *sampler, a, b *batch) *feed {
	f := &feed{s, [2]*batch{a, b}, make(chan int, 1), make(chan struct{}, 1), -1}
	go func() {
		for k := range f.order {
			f.sampler.fill(f.batches[k%2], k)
			f.filled <- struct{}{}
		}
	}()
	return f
}

// take returns the tensors of step k, valid until the next call, and orders step k+1.
func (f *feed) take(k int) []tensor.Tensor {
	if f.ahead != k {
		f.settle()
		f.order <- k
	}
	<-f.filled
	f.order <- k + 1
	f.ahead = k + 1
	return f.batches[k%2].tensors
}

// settle waits for the step that is ordered.
func (f *feed) settle() {
	if f.ahead >= 0 {
		<-f.filled
		f.ahead = -1
	}
}

func (f *feed) close() {
	f.settle()
	close(f.order)
}
