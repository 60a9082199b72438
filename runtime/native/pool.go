package native

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// pool is a plan's workers: the goroutine that calls do, and n−1 of its own. Which worker takes which part of a step changes no result.
type pool struct {
	n     int
	work  chan *round
	round round
	close func()
}

// round is a step being taken.
type round struct {
	s     *step
	next  atomic.Int64 // part to take
	left  atomic.Int64 // workers that are not through
	done  chan struct{}
	mutex sync.Mutex
	err   error
	part  int64 // that err is of
}

func newPool(n int) *pool {
	p := &pool{n: n, close: func() {}, round: round{done: make(chan struct{}, 1)}}
	if n == 1 {
		return p
	}
	work := make(chan *round, n)
	p.work = work
	p.close = sync.OnceFunc(func() { close(work) })
	for w := 1; w < n; w++ {
		go func() {
			for {
				r, ok := await(work)
				if !ok {
					return
				}
				r.take(w)
				if r.left.Add(-1) == 0 {
					r.done <- struct{}{}
				}
			}
		}()
	}
	return p
}

// patience is how often a worker looks for work before it sleeps: steps follow each other within microseconds, and waking a goroutine takes longer.
const patience = 200

func await(work chan *round) (*round, bool) {
	for range patience {
		select {
		case r, ok := <-work:
			return r, ok
		default:
			runtime.Gosched()
		}
	}
	r, ok := <-work
	return r, ok
}

// do takes a step: as many workers as it has parts, this goroutine as worker 0. It returns the error of the first part that has one.
func (p *pool) do(s *step) error {
	if s.parts == 1 || p.n == 1 {
		for part := range s.parts {
			if err := s.run(0, part); err != nil {
				return err
			}
		}
		return nil
	}
	r := &p.round
	r.s, r.err = s, nil
	r.next.Store(0)
	helpers := min(p.n, s.parts) - 1
	r.left.Store(int64(helpers) + 1)
	for range helpers {
		p.work <- r
	}
	r.take(0)
	if r.left.Add(-1) != 0 {
		for range patience {
			if len(r.done) > 0 {
				break
			}
			runtime.Gosched()
		}
		<-r.done
	}
	return r.err
}

// take runs parts until none is left.
func (r *round) take(worker int) {
	for {
		part := r.next.Add(1) - 1
		if part >= int64(r.s.parts) {
			return
		}
		if err := r.s.run(worker, int(part)); err != nil {
			r.mutex.Lock()
			if r.err == nil || part < r.part {
				r.err, r.part = err, part
			}
			r.mutex.Unlock()
		}
	}
}
