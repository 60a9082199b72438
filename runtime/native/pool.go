package native

import "sync"

// pool is a plan's goroutines. A task cuts one step into parts that run side by side; which goroutine takes which part changes no result.
type pool struct {
	n     int
	work  chan part
	close func()
}

type part struct {
	t *task
	i int
}

// task is a step cut into parts.
type task struct {
	pool  *pool
	parts int
	f     func(part int)
	wait  sync.WaitGroup
}

func newPool(n int) *pool {
	p := &pool{n: n, close: func() {}}
	if n == 1 {
		return p
	}
	work := make(chan part, n)
	p.work = work
	p.close = sync.OnceFunc(func() { close(work) })
	for range n - 1 {
		go func() {
			for w := range work {
				w.t.f(w.i)
				w.t.wait.Done()
			}
		}()
	}
	return p
}

// parts is how many parts are worth while for work of a cost, given the cost below which a part is not.
func (p *pool) parts(cost, least int) int { return max(1, min(p.n, cost/least)) }

func (p *pool) task(parts int, f func(part int)) *task { return &task{pool: p, parts: parts, f: f} }

// run runs all parts and waits for them.
func (t *task) run() {
	t.wait.Add(t.parts - 1)
	for i := 1; i < t.parts; i++ {
		t.pool.work <- part{t, i}
	}
	t.f(0)
	t.wait.Wait()
}
