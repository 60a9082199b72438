package protocol

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"fmtool/models"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime/solver"
	"fmtool/train/metric"
	"fmtool/train/optim"
	"fmtool/train/quality"
)

// Sources and targets have the squared distances and floors that the literature's replica has (1,000 points, mean over five seeds there).
func TestDataOfTheTasks(t *testing.T) {
	w2 := func(x, y []float32, err error) float64 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		d, err := metric.W2(x, y, 2)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for name, want := range map[string]struct{ squared, within, floor, by float64 }{
		toRing: {14.95, 1.2, 0.588, 0.25}, moonsToRing: {29.7, 4, 1.358, 0.6}, toMoons: {1.17, 0.2, 0.308, 0.25}, toCurve: {1.63, 0.25, 0.258, 0.15},
	} {
		task := tongTasks[name]
		source := make([]float32, 2000)
		noise.New(3, noise.Sampling).Rows(source, 0, 2)
		var err error
		if task.source != nil {
			source, err = task.source(1000, 3)
		}
		target, err2 := task.target(1000, 1)
		again, err3 := task.target(1000, 2)
		err = errors.Join(err, err2, err3)
		if d := w2(source, target, err); math.Abs(d*d-want.squared) > want.within {
			t.Errorf("%s: squared W2 of source and target %.2f, want %.2f", name, d*d, want.squared)
		}
		if d := w2(again, target, err); math.Abs(d-want.floor) > want.by {
			t.Errorf("%s: floor %.3f, want %.3f", name, d, want.floor)
		}
	}
	x1, labels := moonsOf(1000, 2, true)
	again, _ := moonsOf(1000, 3, true)
	if labels[499] != 0 || labels[500] != 1 {
		t.Error("c2ot: want 500 points of each class")
	}
	if d := w2(ring(1000, 1), x1, nil); math.Abs(d*d-7.6) > 0.8 {
		t.Errorf("c2ot: squared W2 of source and target %.2f, want 7.6", d*d)
	}
	if d := w2(again, x1, nil); d*d < 0.006 || d*d > 0.02 {
		t.Errorf("c2ot: floor %.4f, want about 0.011", d*d)
	}
}

// A field trained on pairs that lie a fixed shift apart moves its points by that shift, in one step as in many, with noise on the path or without.
func TestFit(t *testing.T) {
	for _, sigma := range []float64{0, 0.1} {
		s := setting{arch: models.MLP{Width: 16, Depth: 2}, updates: 400, batch: 64, rate: optim.Rate{Kind: "constant", Peak: 1e-2}, sigma: sigma}
		normals := noise.New(1, noise.Training)
		f, err := s.field(context.Background(), 1, func(k int, p pairs) error {
			normals.Normals(p.x0, uint64(k)*64)
			for i, v := range p.x0 {
				p.x1[i] = v + []float32{2, -1}[i%2]
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		x0 := make([]float32, 200)
		noise.New(9, noise.Sampling).Rows(x0, 0, 2)
		for _, steps := range []int{1, 10} {
			p, err := quality.Trajectory(context.Background(), f, x0, tensor.Tensor{}, quality.Rule{Method: solver.Euler, Steps: steps})
			if err != nil {
				t.Fatal(err)
			}
			off := 0.0
			for i, v := range p.X[steps] {
				off += math.Abs(float64(v-x0[i])-[]float64{2, -1}[i%2]) / 200
			}
			if off > 0.1 {
				t.Errorf("σ = %g, %d steps: points are off by %.3f on average, want at most 0.1", sigma, steps, off)
			}
		}
	}
}

// A protocol of nothing but its jobs' numbers.
func fake(run func(j Job) (float64, error)) Protocol {
	return Protocol{Name: "fake", Title: "a title", Source: "XX00", Deviations: []string{"none of it is real"}, Quick: "less", seed: 7,
		tasks: []task{{"a", []string{"m", "n"}}, {"b", []string{"m"}}},
		run: func(_ context.Context, j Job) (Result, error) {
			v, err := run(j)
			return Result{j, map[string]float64{"F": v, "floor": 0.5}, 1}, err
		},
		rows:   []row{{"F", "floor", map[string]string{"am": "0.7"}}},
		checks: []check{{"F of m", "F", []string{"a", "b"}, "m", 0, 8}},
	}
}

// Results come in the order of the jobs whatever the number of workers; those that are known are not computed again.
func TestRunGoesOn(t *testing.T) {
	var runs atomic.Int32
	p := fake(func(j Job) (float64, error) { runs.Add(1); return float64(j.Seed), nil })
	first, err := p.Run(context.Background(), Options{Seeds: 2, Workers: 3}, nil, nil)
	if err != nil || len(first) != 6 || runs.Load() != 6 {
		t.Fatalf("%d results of %d runs, %v, want 6", len(first), runs.Load(), err)
	}
	saved := 0
	all, err := p.Run(context.Background(), Options{Seeds: 3, Workers: 1}, first, func(done []Result, of int) error {
		saved++
		if of != 9 || len(done) != 6+saved {
			t.Errorf("saved %d of %d, want %d of 9", len(done), of, 6+saved)
		}
		return nil
	})
	if err != nil || runs.Load() != 9 || saved != 3 {
		t.Errorf("%d runs, %d saved, %v, want 9 and 3", runs.Load(), saved, err)
	}
	for i, j := range p.Jobs(Options{Seeds: 3}) {
		if all[i].Job != j {
			t.Errorf("result %d is of %+v, want %+v", i, all[i].Job, j)
		}
	}
}

// The first error ends the run and names the job; what was done is kept.
func TestRunFails(t *testing.T) {
	p := fake(func(j Job) (float64, error) {
		if j.Method == "n" {
			return 0, errors.New("broken")
		}
		return 1, nil
	})
	done, err := p.Run(context.Background(), Options{Seeds: 5, Workers: 1}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "a with n, seed 7: broken") || len(done) == 0 || len(done) > 3 {
		t.Errorf("%d results, %v", len(done), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := tong2D.Run(ctx, Options{Quick: true}, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after a cancellation %v", err)
	}
}

// The report averages over seeds, sets the published figure and the floor beside ours, and checks what was asked.
func TestReport(t *testing.T) {
	p := fake(func(j Job) (float64, error) { return float64(j.Seed), nil }) // 7, 8, 9
	results, err := p.Run(context.Background(), Options{Seeds: 3}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := p.Report(results, Options{Seeds: 3})
	if len(r.Cells) != 3 || r.Cells[0].Ours != (metric.Figure{Mean: 8, Std: 1, Of: 3}) || r.Cells[0].Published != "0.7" || r.Cells[0].Floor.Mean != 0.5 {
		t.Errorf("cells %+v", r.Cells)
	}
	if err := r.Err(); err != nil || !r.Checks[0].Pass || r.Seconds != 9 {
		t.Errorf("%+v, %v", r.Checks, err)
	}
	p.checks[0].hi = 7.5
	if err := p.Report(results, Options{Seeds: 3}).Err(); err == nil || !strings.Contains(err.Error(), "F of m is 8.0000, want ≤ 7.5") {
		t.Errorf("a figure out of bounds gives %v", err)
	}
	var b bytes.Buffer
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"[XX00]", "8.000 ± 1.000", "0.7", "PASS", "- none of it is real"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// The tables are consistent: what is published or asked belongs to a task and a method of the protocol.
func TestTables(t *testing.T) {
	for _, p := range Protocols {
		var pairs []string
		for _, t := range p.tasks {
			for _, m := range t.methods {
				pairs = append(pairs, t.name+m)
			}
		}
		for _, w := range p.rows {
			for key := range w.published {
				if !slices.Contains(pairs, key) {
					t.Errorf("%s: a published %s for %q, which is no task and method", p.Name, w.figure, key)
				}
			}
		}
		for _, c := range p.checks {
			for _, task := range c.tasks {
				if !slices.Contains(pairs, task+c.method) {
					t.Errorf("%s: asked for %s of %s on %s", p.Name, c.what, c.method, task)
				}
			}
		}
		if len(p.Deviations) == 0 || p.Quick == "" {
			t.Errorf("%s names no deviation", p.Name)
		}
	}
	if _, err := Parse("tong2d"); err == nil || !strings.Contains(err.Error(), `did you mean "tong-2d"`) {
		t.Errorf("tong2d gives %v", err)
	}
}
