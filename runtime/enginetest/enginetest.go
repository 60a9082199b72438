// Package enginetest is the suite that every engine passes: it opens small ONNX files on an engine and compares with formulas.
//
//	func TestEngine(t *testing.T) { enginetest.Run(t, native.Engine{}) }
package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
)

// Run runs the suite on an engine.
func Run(t *testing.T, e engine.Engine) {
	for name, test := range map[string]func(*testing.T, engine.Engine){
		"Formula": formula, "Types": types, "Loop": loop, "NoInputs": noInputs, "Refusals": refusals, "Cancel": cancel, "Allocations": allocations,
		"Concurrency": concurrency, "Empty": empty, "Close": closing, "Garbage": garbage, "Hostile": hostile, "EulerEvaluations": eulerEvaluations,
		"SamplerAllocations": samplerAllocations,
	} {
		t.Run(name, func(t *testing.T) { test(t, e) })
	}
}

// file writes a graph as an ONNX file.
func file(t *testing.T, meta map[string]string, build func(b *graph.Builder)) []byte {
	t.Helper()
	b := graph.NewBuilder("case")
	build(b)
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.FromGraph(g, onnx.Wide, meta)
	if err != nil {
		t.Fatal(err)
	}
	return m.Marshal()
}

func open(t *testing.T, e engine.Engine, model []byte) engine.Program {
	t.Helper()
	p, err := e.Open(model, engine.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func wave(shape ...int) tensor.Tensor {
	v := make([]float32, tensor.Size(shape))
	for i := range v {
		v[i] = float32(math.Sin(1.3 * float64(i)))
	}
	return tensor.Of(v, shape...)
}

// layer is tanh(x·w + b), for any batch.
func layer(t *testing.T) []byte {
	return file(t, nil, func(b *graph.Builder) {
		x := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(3))
		h := b.Add(b.MatMul(x, b.Param("w", wave(3, 4))), b.Param("b", wave(1, 4)))
		b.Output("y", b.Op("Tanh", nil, h))
		b.Output("z", b.Neg(h))
	})
}

// formula: results are the formula's for several batches in turn, each output where it was asked for.
func formula(t *testing.T, e engine.Engine) {
	p := open(t, e, layer(t))
	w, bias := wave(3, 4).Float32(), wave(1, 4).Float32()
	for _, n := range []int{1, 7, 512, 7} {
		x, y, z := wave(n, 3), tensor.New(tensor.Float32, n, 4), tensor.New(tensor.Float32, n, 4)
		if err := p.Run(context.Background(), []tensor.Tensor{x}, []tensor.Tensor{y, z}); err != nil {
			t.Fatal(err)
		}
		for i := range n * 4 {
			h := float64(bias[i%4])
			for k := range 3 {
				h += float64(x.Float32()[i/4*3+k]) * float64(w[k*4+i%4])
			}
			if d := math.Abs(float64(y.Float32()[i])-math.Tanh(h)) + math.Abs(float64(z.Float32()[i])+h); d > 2e-6 {
				t.Fatalf("batch %d: [%d] = %g, %g; want %g, %g", n, i, y.Float32()[i], z.Float32()[i], math.Tanh(h), -h)
			}
		}
	}
	x, z := wave(2, 3), tensor.New(tensor.Float32, 2, 4)
	if err := p.Run(context.Background(), []tensor.Tensor{x}, []tensor.Tensor{{}, z}); err != nil || z.Float32()[0] == 0 {
		t.Errorf("one output left out: %v, %v", z.Float32()[0], err)
	}
}

// types: integers, bools and scalars go in and out, or are left out.
func types(t *testing.T, e engine.Engine) {
	p := open(t, e, file(t, nil, func(b *graph.Builder) {
		i := b.Input("i", tensor.Int64, graph.Sym("n"))
		s := b.Input("s", tensor.Int64)
		b.Output("sum", b.Add(i, s))
		b.Output("less", b.Op("Less", nil, i, s))
		b.Output("top", b.Op("Identity", nil, s))
	}))
	sum, less, top := tensor.New(tensor.Int64, 3), tensor.New(tensor.Bool, 3), tensor.New(tensor.Int64)
	for _, s := range []int64{2, 5} {
		in := []tensor.Tensor{tensor.Of([]int64{1, 2, 3}, 3), tensor.Scalar(s)}
		if err := p.Run(context.Background(), in, []tensor.Tensor{sum, less, top}); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprint([]int64{1 + s, 2 + s, 3 + s}, []bool{1 < s, 2 < s, 3 < s}, s)
		if got := fmt.Sprint(sum.Int64(), less.Bool(), top.Int64()[0]); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		clear(sum.Int64())
		if err := p.Run(context.Background(), in, []tensor.Tensor{sum, {}, {}}); err != nil || sum.Int64()[0] != 1+s {
			t.Errorf("a vector and a scalar left out: %v, %v", sum.Int64(), err)
		}
	}
}

// doubling is a Loop that doubles x as often as n says.
func doubling(t *testing.T) []byte {
	return file(t, nil, func(b *graph.Builder) {
		x, n := b.Input("x", tensor.Float32, graph.Sym("batch")), b.Input("n", tensor.Int64)
		two := b.Const(tensor.Scalar(float32(2)))
		body := b.Sub("body", func(s *graph.Builder) {
			s.SubInput("i", graph.Type{DType: tensor.Int64, Shape: graph.Shape{}})
			c := s.SubInput("c", graph.Type{DType: tensor.Bool, Shape: graph.Shape{}})
			v := s.SubInput("v", x.Type)
			s.Output("c.out", s.Op("Identity", nil, c))
			s.Output("v.out", s.Mul(v, two))
		})
		b.Output("y", b.Op("Loop", graph.Attrs{"body": body}, n, nil, x))
	})
}

func loop(t *testing.T, e engine.Engine) {
	p := open(t, e, doubling(t))
	y := tensor.New(tensor.Float32, 2)
	for n, want := range map[int64]string{0: "[1 -3]", 5: "[32 -96]"} {
		if err := p.Run(context.Background(), []tensor.Tensor{tensor.Of([]float32{1, -3}, 2), tensor.Scalar(n)}, []tensor.Tensor{y}); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(y.Float32()); got != want {
			t.Errorf("%d rounds: %s, want %s", n, got, want)
		}
	}
}

// noInputs: a graph of constants gives its numbers, also when some of its outputs are left out.
func noInputs(t *testing.T, e engine.Engine) {
	p := open(t, e, file(t, nil, func(b *graph.Builder) {
		b.Output("scalar", b.Neg(b.Const(tensor.Scalar(float32(3)))))
		b.Output("vector", b.Neg(b.Const(tensor.Of([]float32{1, 2}, 2))))
	}))
	for _, left := range []string{"none", "scalar", "vector", "both"} {
		scalar, vector := tensor.New(tensor.Float32), tensor.New(tensor.Float32, 2)
		out, want := []tensor.Tensor{scalar, vector}, []float32{-3, -1, -2}
		if left == "scalar" || left == "both" {
			out[0], want[0] = tensor.Tensor{}, 0
		}
		if left == "vector" || left == "both" {
			out[1], want[1], want[2] = tensor.Tensor{}, 0, 0
		}
		err := p.Run(context.Background(), nil, out)
		if got := append(append([]float32{}, scalar.Float32()...), vector.Float32()...); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s left out: %v, %v; want %v", left, got, err, want)
		}
	}
}

// refusals: a wrong call is an error, and the program still works after it.
func refusals(t *testing.T, e engine.Engine) {
	p := open(t, e, layer(t))
	f := func(shape ...int) tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	for name, c := range map[string][2][]tensor.Tensor{
		"inputs":     {{f(2, 3), f(2, 3)}, {f(2, 4), f(2, 4)}},
		"outputs":    {{f(2, 3)}, {f(2, 4)}},
		"rank":       {{f(6)}, {f(2, 4), f(2, 4)}},
		"width":      {{f(2, 5)}, {f(2, 4), f(2, 4)}},
		"type":       {{tensor.New(tensor.Float64, 2, 3)}, {f(2, 4), f(2, 4)}},
		"out shape":  {{f(2, 3)}, {f(2, 5), f(2, 4)}},
		"out type":   {{f(2, 3)}, {tensor.New(tensor.Int64, 2, 4), f(2, 4)}},
		"out batch":  {{f(2, 3)}, {f(3, 4), f(2, 4)}},
		"no tensors": {{{}}, {f(2, 4), f(2, 4)}},
	} {
		if err := p.Run(context.Background(), c[0], c[1]); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := p.Run(context.Background(), []tensor.Tensor{f(2, 3)}, []tensor.Tensor{f(2, 4), f(2, 4)}); err != nil {
		t.Errorf("after the refusals: %v", err)
	}
}

// cancel: a context that is over, or ends during a long Loop, ends the run with its error.
func cancel(t *testing.T, e engine.Engine) {
	ctx, stop := context.WithCancel(context.Background())
	p := open(t, e, doubling(t))
	n := 1 << 16
	x, y := wave(n), tensor.New(tensor.Float32, n)
	done := make(chan error)
	go func() { done <- p.Run(ctx, []tensor.Tensor{x, tensor.Scalar(int64(1) << 40)}, []tensor.Tensor{y}) }()
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("during the loop: %v", err)
	}
	if err := p.Run(ctx, []tensor.Tensor{x, tensor.Scalar(int64(1))}, []tensor.Tensor{y}); !errors.Is(err, context.Canceled) {
		t.Errorf("before the run: %v", err)
	}
}

// allocations: repeating a run on the same tensors allocates nothing.
func allocations(t *testing.T, e engine.Engine) {
	p := open(t, e, layer(t))
	in, out := []tensor.Tensor{wave(64, 3)}, []tensor.Tensor{tensor.New(tensor.Float32, 64, 4), tensor.New(tensor.Float32, 64, 4)}
	ctx := context.Background()
	if n := testing.AllocsPerRun(20, func() {
		if err := p.Run(ctx, in, out); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a run", n)
	}
}

// concurrency: two programs of one file run side by side and agree.
func concurrency(t *testing.T, e engine.Engine) {
	model := layer(t)
	var wait sync.WaitGroup
	results := make([]tensor.Tensor, 4)
	for i := range results {
		p := open(t, e, model)
		wait.Go(func() {
			y, z := tensor.New(tensor.Float32, 33, 4), tensor.New(tensor.Float32, 33, 4)
			for range 200 {
				if err := p.Run(context.Background(), []tensor.Tensor{wave(33, 3)}, []tensor.Tensor{y, z}); err != nil {
					t.Error(err)
					return
				}
			}
			results[i] = y
		})
	}
	wait.Wait()
	for _, y := range results {
		if !t.Failed() && string(y.Bytes()) != string(results[0].Bytes()) {
			t.Error("results differ")
		}
	}
}

// empty: a batch of no rows is no error, and an output without elements does not keep the others from being computed.
func empty(t *testing.T, e engine.Engine) {
	p := open(t, e, layer(t))
	f := func(shape ...int) tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	if err := p.Run(context.Background(), []tensor.Tensor{f(0, 3)}, []tensor.Tensor{f(0, 4), f(0, 4)}); err != nil {
		t.Error(err)
	}
	p = open(t, e, file(t, nil, func(b *graph.Builder) {
		x := b.Input("x", tensor.Float32, graph.Sym("n"))
		b.Output("none", b.Op("Slice", nil, x, b.Ints(0), b.Ints(0)))
		b.Output("y", b.Neg(x))
	}))
	for range 2 {
		y := f(2)
		if err := p.Run(context.Background(), []tensor.Tensor{tensor.Of([]float32{1, 2}, 2)}, []tensor.Tensor{f(0), y}); err != nil || fmt.Sprint(y.Float32()) != "[-1 -2]" {
			t.Errorf("beside an empty output: %v, %v; want [-1 -2]", y.Float32(), err)
		}
	}
	if err := p.Run(context.Background(), []tensor.Tensor{f(2)}, []tensor.Tensor{f(0, 3), f(2)}); err == nil {
		t.Error("an empty output of the wrong rank: accepted")
	}
}

// closing: closing twice is fine, running after it an error.
func closing(t *testing.T, e engine.Engine) {
	p := open(t, e, layer(t))
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Error(err)
	}
	f := func(shape ...int) tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	if err := p.Run(context.Background(), []tensor.Tensor{f(1, 3)}, []tensor.Tensor{f(1, 4), f(1, 4)}); err == nil {
		t.Error("a closed program ran")
	}
}

// garbage: what is no model is refused.
func garbage(t *testing.T, e engine.Engine) {
	model := layer(t)
	for name, b := range map[string][]byte{"nothing": nil, "text": []byte("not a model"), "half": model[:len(model)/2], "zeros": make([]byte, 100)} {
		if p, err := e.Open(b, engine.Options{}); err == nil {
			_ = p.Close()
			t.Errorf("%s: accepted", name)
		}
	}
	if p, err := e.Open(model, engine.Options{Provider: "tpu"}); err == nil {
		_ = p.Close()
		t.Error("provider tpu accepted")
	}
}

// hostile: what the validator refuses reaches no engine, in the validator's words.
func hostile(t *testing.T, e engine.Engine) {
	weight := func(change func(*onnx.Tensor)) func(*onnx.Model) {
		return func(m *onnx.Model) { change(m.Main.Initializer[0]) }
	}
	for want, change := range map[string]func(*onnx.Model){
		"in another file": weight(func(w *onnx.Tensor) {
			w.RawData, w.DataLocation, w.ExternalData = nil, 1, []*onnx.StringStringEntry{{Key: "location", Value: "/etc/passwd"}}
		}),
		"beyond any memory": weight(func(w *onnx.Tensor) { w.Dims = []int64{1 << 40, 1 << 40} }),
		"bytes for":         weight(func(w *onnx.Tensor) { w.Dims = append(w.Dims, 3) }),
		"calls itself": func(m *onnx.Model) {
			m.Functions = append(m.Functions, &onnx.Function{Domain: "d", Name: "f", Node: []*onnx.Node{{Domain: "d", OpType: "f"}}})
		},
		"IR version": func(m *onnx.Model) { m.IRVersion = 1 << 30 },
	} {
		m, err := onnx.Unmarshal(layer(t))
		if err != nil {
			t.Fatal(err)
		}
		change(m)
		p, err := e.Open(m.Marshal(), engine.Options{})
		if err == nil {
			_ = p.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

// ramp is the velocity field u = 2t, whose n Euler steps from x0 end at x0 + (n−1)/n exactly when the times are 0, 1/n, …, (n−1)/n.
func ramp(t *testing.T) []byte {
	spec := flow.Spec{Dims: []int{2}, Schedule: flow.Linear, TimeMax: 1, Condition: flow.Condition{Kind: flow.Unconditional},
		Normaliser: flow.Normaliser{Kind: "none", Mean: []float32{0}, Scale: []float32{1}}}
	return file(t, spec.Metadata(), func(b *graph.Builder) {
		x := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(2))
		s := b.Input("t", tensor.Float32, graph.Sym(graph.TimeDim), graph.Fix(1))
		b.Output("velocity", b.Add(b.Scale(x, 0), b.Scale(s, 2)))
	})
}

// counted counts the evaluations of an engine's programs and keeps their times.
type counted struct {
	engine.Engine
	times []float32
}

type countedProgram struct {
	engine.Program
	c *counted
}

func (c *counted) Open(model []byte, o engine.Options) (engine.Program, error) {
	p, err := c.Engine.Open(model, o)
	return countedProgram{p, c}, err
}

func (p countedProgram) Run(ctx context.Context, in, out []tensor.Tensor) error {
	p.c.times = append(p.c.times, in[1].Float32()[0])
	return p.Program.Run(ctx, in, out)
}

// eulerEvaluations: n steps are n evaluations at t = 0, h, …, (n−1)h, and lead where they must.
func eulerEvaluations(t *testing.T, e engine.Engine) {
	c := &counted{Engine: e}
	m, err := runtime.Open(c, ramp(t), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // a test
	const n = 10
	x, zero := tensor.New(tensor.Float32, 5, 2), tensor.New(tensor.Float32, 5, 2)
	stats, err := runtime.Sampler{Field: m, Steps: n, Seed: 3}.Sample(context.Background(), x, tensor.Tensor{})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.times) != n || stats.Evaluations != n {
		t.Fatalf("%d evaluations, reported %d, want %d", len(c.times), stats.Evaluations, n)
	}
	for k, at := range c.times {
		if at != float32(float64(k)/n) {
			t.Errorf("evaluation %d at t = %g", k, at)
		}
	}
	if _, err := (runtime.Sampler{Field: m, Steps: 1, Seed: 3}).Sample(context.Background(), zero, tensor.Tensor{}); err != nil {
		t.Fatal(err)
	}
	for i := range x.Float32() { // one step evaluates at t = 0 alone and stays at x0
		if d := x.Float32()[i] - zero.Float32()[i]; math.Abs(float64(d)-float64(n-1)/n) > 1e-6 {
			t.Errorf("[%d] moved by %g, want %g", i, d, float64(n-1)/n)
		}
	}
}

// samplerAllocations: more steps do not allocate more.
func samplerAllocations(t *testing.T, e engine.Engine) {
	m, err := runtime.Open(e, ramp(t), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // a test
	x := tensor.New(tensor.Float32, 64, 2)
	allocs := func(steps int) float64 {
		return testing.AllocsPerRun(5, func() {
			if _, err := (runtime.Sampler{Field: m, Steps: steps}).Sample(context.Background(), x, tensor.Tensor{}); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := allocs(2), allocs(102); many > few {
		t.Errorf("100 steps allocate %v times", many-few)
	}
}
