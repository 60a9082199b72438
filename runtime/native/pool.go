package native

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// pool is a plan's workers: the goroutine that runs the plan, and n−1 of its own. They come together once a run and go through its steps side by side;
// which worker takes which part of a step changes no result.
type pool struct {
	n      int
	runs   atomic.Int64         // begun so far
	team   atomic.Pointer[team] // of the last of them
	closed atomic.Bool

	mutex    sync.Mutex
	changed  *sync.Cond   // a counter that somebody sleeps on has grown
	sleepers atomic.Int64 // workers that sleep, or are about to
}

// team is the state of the runs of one instance. Its counters only grow, so that a worker that was held up can tell that its run is over.
type team struct {
	p      *pool
	steps  []step
	shared bool           // some step has more than one part
	round  atomic.Int64   // runs begun
	taken  []atomic.Int64 // for each step, parts taken in all rounds
	done   []atomic.Int64 // and finished

	failed atomic.Bool // the parts that are left need not be computed
	mutex  sync.Mutex
	err    error
	at     [2]int // step and part that err is of
}

func newPool(n int) *pool {
	p := &pool{n: n}
	p.changed = sync.NewCond(&p.mutex)
	for w := 1; w < n; w++ {
		go func() {
			for seen := int64(0); ; {
				p.wait(&p.runs, seen+1)
				if p.closed.Load() {
					return
				}
				seen = p.runs.Load()
				t := p.team.Load()
				t.work(nil, w, t.round.Load())
			}
		}()
	}
	return p
}

// close ends the pool's own goroutines.
func (p *pool) close() {
	p.closed.Store(true)
	p.grow(&p.runs)
}

func newTeam(p *pool, steps []step) *team {
	t := &team{p: p, steps: steps, taken: make([]atomic.Int64, len(steps)), done: make([]atomic.Int64, len(steps))}
	for _, s := range steps {
		t.shared = t.shared || s.parts > 1 && p.n > 1
	}
	return t
}

// run takes all steps, one after another, and returns an error of a part if there is one, of the first among those that were computed. The context is looked
// at before each step.
func (t *team) run(ctx context.Context) error {
	if !t.shared {
		return t.alone(ctx)
	}
	t.err = nil
	t.failed.Store(false)
	round := t.round.Add(1)
	t.p.team.Store(t)
	t.p.grow(&t.p.runs)
	t.work(ctx, 0, round)
	return t.err
}

// alone is run on this goroutine.
func (t *team) alone(ctx context.Context) error {
	done := ctx.Done()
	for k := range t.steps {
		if done != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		for part := range t.steps[k].parts {
			if err := t.steps[k].run(0, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// work takes parts of each step in turn, as a worker, until the round is over. ctx is nil for all but the caller's own goroutine.
func (t *team) work(ctx context.Context, worker int, round int64) {
	for k := range t.steps {
		parts := int64(t.steps[k].parts)
		if ctx != nil && ctx.Done() != nil && ctx.Err() != nil {
			t.fail(ctx.Err(), k, -1)
		}
		for t.done[k].Load() < round*parts {
			part := t.taken[k].Load()
			if part >= round*parts {
				t.p.wait(&t.done[k], round*parts)
				break
			}
			if t.taken[k].CompareAndSwap(part, part+1) {
				t.take(k, int(part-(round-1)*parts), worker)
			}
		}
	}
}

// take computes a part of step k.
func (t *team) take(k, part, worker int) {
	if !t.failed.Load() {
		if err := t.steps[k].run(worker, part); err != nil {
			t.fail(err, k, part)
		}
	}
	t.p.grow(&t.done[k])
}

// fail keeps the error of the first part.
func (t *team) fail(err error, k, part int) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.err == nil || k < t.at[0] || k == t.at[0] && part < t.at[1] {
		t.err, t.at = err, [2]int{k, part}
	}
	t.failed.Store(true)
}

// A worker looks at a counter glances times before it lets other goroutines have the processor, and does that patience times before it sleeps: what it
// waits for comes within microseconds, and waking takes longer.
const glances, patience = 100, 100

// wait returns when a counter has come to a limit.
func (p *pool) wait(c *atomic.Int64, limit int64) {
	for i := range patience * glances {
		if c.Load() >= limit {
			return
		}
		if i%glances == glances-1 {
			runtime.Gosched()
		}
	}
	p.sleepers.Add(1)
	p.mutex.Lock()
	for c.Load() < limit {
		p.changed.Wait()
	}
	p.mutex.Unlock()
	p.sleepers.Add(-1)
}

// grow adds one to a counter and wakes those who sleep.
func (p *pool) grow(c *atomic.Int64) {
	c.Add(1)
	if p.sleepers.Load() > 0 {
		p.mutex.Lock()
		p.changed.Broadcast()
		p.mutex.Unlock()
	}
}
