package protocol

import (
	"context"
	"fmt"
	goruntime "runtime"
	"slices"
	"sync"

	"fmtool/models/flow"
)

// Options say how much of a protocol to run.
type Options struct {
	Quick   bool // one seed, smaller blocks, fewer updates
	Seeds   int  // 0: 5, or 1 for Quick
	Workers int  // jobs at a time; 0: one for each processor
}

// seeds is the number of seeds.
func (o Options) seeds() int {
	switch {
	case o.Seeds > 0:
		return o.Seeds
	case o.Quick:
		return 1
	}
	return 5
}

// Job is a task that a method solves with a seed.
type Job struct {
	Task   string `json:"task"`
	Method string `json:"method"`
	Seed   int    `json:"seed"`
	Quick  bool   `json:"quick"`
}

// Result is what a job measured.
type Result struct {
	Job
	Figures map[string]float64 `json:"figures"`
	Seconds float64            `json:"seconds"`
}

// Protocol is a published experiment.
type Protocol struct {
	Name       string
	Title      string
	Source     string   // key of the README's references
	Deviations []string // from the published protocol
	Quick      string   // what Quick changes

	tasks  []task
	seed   int                                              // the first
	run    func(ctx context.Context, j Job) (Result, error) // one job
	rows   []row
	checks []check
}

// task is a problem and the methods that solve it.
type task struct {
	name    string
	methods []string
}

// Protocols is the table.
var Protocols = []Protocol{tong2D, c2ot}

// Parse returns the protocol of a name.
func Parse(name string) (Protocol, error) {
	for _, p := range Protocols {
		if p.Name == name {
			return p, nil
		}
	}
	return Protocol{}, fmt.Errorf("protocol: %w", flow.Unknown("protocol", name, Names()))
}

// Names are those of the table.
func Names() []string {
	var names []string
	for _, p := range Protocols {
		names = append(names, p.Name)
	}
	return names
}

// Jobs are all jobs, seed by seed.
func (p Protocol) Jobs(o Options) []Job {
	var jobs []Job
	for k := range o.seeds() {
		for _, t := range p.tasks {
			for _, m := range t.methods {
				jobs = append(jobs, Job{t.name, m, p.seed + k, o.Quick})
			}
		}
	}
	return jobs
}

// Run does the jobs that known holds no result of, several at a time, and returns all results in the order of Jobs. save, if not nil, is given the results
// so far after each.
func (p Protocol) Run(ctx context.Context, o Options, known []Result, save func(done []Result, of int) error) ([]Result, error) {
	all := p.Jobs(o)
	found := map[Job]Result{}
	for _, r := range known {
		found[r.Job] = r
	}
	todo := slices.DeleteFunc(slices.Clone(all), func(j Job) bool { _, ok := found[j]; return ok })
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	queue := make(chan Job)
	var mu sync.Mutex
	var wait sync.WaitGroup
	for range max(1, min(workers(o), len(todo))) {
		wait.Go(func() {
			for j := range queue {
				r, err := p.run(ctx, j)
				mu.Lock()
				if err == nil {
					found[j] = r
					if save != nil {
						err = save(ordered(all, found), len(all))
					}
				}
				mu.Unlock()
				if err != nil {
					stop(fmt.Errorf("protocol: %s: %s with %s, seed %d: %w", p.Name, j.Task, j.Method, j.Seed, err))
				}
			}
		})
	}
	for _, j := range todo {
		select {
		case queue <- j:
		case <-ctx.Done():
		}
	}
	close(queue)
	wait.Wait()
	return ordered(all, found), context.Cause(ctx)
}

func workers(o Options) int {
	if o.Workers > 0 {
		return o.Workers
	}
	return goruntime.GOMAXPROCS(0)
}

// ordered are the results that are found, in the order of the jobs.
func ordered(all []Job, found map[Job]Result) []Result {
	var out []Result
	for _, j := range all {
		if r, ok := found[j]; ok {
			out = append(out, r)
		}
	}
	return out
}
