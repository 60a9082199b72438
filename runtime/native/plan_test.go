package native_test

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
)

var _ engine.Program = (*native.Plan)(nil)

// wave fills n numbers that differ, without any randomness.
func wave(n int, phase float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(math.Sin(phase + 1.7*float64(i)))
	}
	return v
}

// mlp is a small network with every form of operand: rows, columns, scalars, transposes, views, a shape computed from the input.
func mlp(t testing.TB) *graph.Graph {
	t.Helper()
	b := graph.NewBuilder("mlp")
	x := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(3))
	s := b.Input("s", tensor.Float32, graph.Sym("batch"), graph.Fix(1))
	w := b.Param("w", tensor.Of(wave(5*3, 1), 5, 3))
	bias := b.Param("b", tensor.Of(wave(5, 2), 1, 5))
	h := b.Add(b.MatMul(x, b.Transpose(w, 1, 0)), bias)
	h = b.Mul(h, b.Sigmoid(h))
	h = b.Op("Where", nil, b.Op("Greater", nil, h, s), h, b.Neg(b.Scale(h, 0.5)))
	h = b.Reshape(h, b.Concat(0, b.Op("Shape", graph.Attrs{"end": int64(1)}, x), b.Ints(-1)))
	b.Output("h", h)
	b.Output("sum", b.ReduceSum(b.Mul(h, h), false, 0))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func run(t testing.TB, p *native.Plan, n int, d tensor.DType) (h, sum tensor.Tensor) {
	t.Helper()
	h, sum = tensor.New(d, n, 5), tensor.New(d, 5)
	in := []tensor.Tensor{tensor.Of(wave(n*3, 0), n, 3), tensor.Of(wave(n, 3), n, 1)}
	if err := p.Run(context.Background(), in, []tensor.Tensor{h, sum}); err != nil {
		t.Fatal(err)
	}
	return h, sum
}

// The compiled network is the formula, for any batch, in any order of batches.
func TestPlanComputesTheFormula(t *testing.T) {
	p, err := native.Compile(mlp(t), native.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	w, bias := wave(15, 1), wave(5, 2)
	for _, n := range []int{1, 7, 600, 1, 1031, 7} {
		h, sum := run(t, p, n, tensor.Float32)
		x, s := wave(n*3, 0), wave(n, 3)
		want := make([]float64, 5)
		for i := range n {
			for j := range 5 {
				v := float64(bias[j])
				for k := range 3 {
					v += float64(x[i*3+k]) * float64(w[j*3+k])
				}
				v *= 1 / (1 + math.Exp(-v))
				if v <= float64(s[i]) {
					v *= -0.5
				}
				want[j] += v * v
				if got := float64(h.Float32()[i*5+j]); math.Abs(got-v) > 1e-5 {
					t.Fatalf("batch %d: h[%d %d] = %g, want %g", n, i, j, got, v)
				}
			}
		}
		for j := range want {
			if got := float64(sum.Float32()[j]); math.Abs(got-want[j]) > 1e-4*want[j] {
				t.Fatalf("batch %d: sum[%d] = %g, want %g", n, j, got, want[j])
			}
		}
	}
}

// The number of threads changes no bit.
func TestThreadsChangeNothing(t *testing.T) {
	one, err1 := native.Compile(mlp(t), native.Options{Threads: 1})
	three, err2 := native.Compile(mlp(t), native.Options{Threads: 3, MaxBatch: 20000})
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	defer one.Close()
	defer three.Close()
	for _, n := range []int{5, 20000} {
		a, s := run(t, one, n, tensor.Float32)
		b, u := run(t, three, n, tensor.Float32)
		if string(a.Bytes()) != string(b.Bytes()) || string(s.Bytes()) != string(u.Bytes()) {
			t.Errorf("batch %d: results differ", n)
		}
	}
}

// Running again on known shapes allocates nothing, on one goroutine or several.
func TestRunAllocatesNothing(t *testing.T) {
	for _, threads := range []int{1, 2} {
		p, err := native.Compile(mlp(t), native.Options{Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		const n = 9000
		h, sum := tensor.New(tensor.Float32, n, 5), tensor.New(tensor.Float32, 5)
		in, out := []tensor.Tensor{tensor.Of(wave(n*3, 0), n, 3), tensor.Of(wave(n, 3), n, 1)}, []tensor.Tensor{h, sum}
		ctx := context.Background()
		if got := testing.AllocsPerRun(20, func() {
			if err := p.Run(ctx, in, out); err != nil {
				t.Fatal(err)
			}
		}); got != 0 {
			t.Errorf("%d threads: %v allocations", threads, got)
		}
		p.Close()
	}
}

// The float64 mode computes what float32 rounds.
func TestFloat64IsTheReference(t *testing.T) {
	p, _ := native.Compile(mlp(t), native.Options{})
	q, err := native.Compile(mlp(t), native.Options{Float64: true})
	if err != nil {
		t.Fatal(err)
	}
	h, _ := run(t, p, 50, tensor.Float32)
	ref, _ := run(t, q, 50, tensor.Float64)
	worst := 0.0
	for i, v := range ref.Float64() {
		worst = max(worst, math.Abs(v-float64(h.Float32()[i])))
	}
	if worst == 0 || worst > 1e-6 {
		t.Errorf("worst difference %g: want a rounding error", worst)
	}
}

// A state output becomes the parameter's value after the run, whether it is written in place or copied.
func TestState(t *testing.T) {
	b := graph.NewBuilder("step")
	g := b.Input("g", tensor.Float32, graph.Fix(4))
	w := b.Param("w", tensor.Of([]float32{1, 2, 3, 4}, 4))
	m := b.Param("m", tensor.New(tensor.Float32, 4))
	m2 := b.Add(b.Scale(m, 0.5), g)
	b.Output("m2", m2)
	b.Output("w2", b.Subtract(w, b.Mul(m2, w)))
	b.Output("old", b.ReduceSum(w, false))
	gr, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	p, err := native.Compile(gr, native.Options{State: []native.State{{Param: "w", Next: "w2"}, {Param: "m", Next: "m2"}}})
	if err != nil {
		t.Fatal(err)
	}
	old := tensor.New(tensor.Float32)
	in, out := []tensor.Tensor{tensor.Full(float32(0.5), 4)}, []tensor.Tensor{{}, {}, old}
	for _, want := range []string{"[0.5 1 1.5 2] [0.5 0.5 0.5 0.5] 10", "[0.125 0.25 0.375 0.5] [0.75 0.75 0.75 0.75] 5"} {
		if err := p.Run(context.Background(), in, out); err != nil {
			t.Fatal(err)
		}
		w, _ := p.ReadParam("w")
		m, _ := p.ReadParam("m")
		if got := fmt.Sprint(w.Float32(), m.Float32(), old.Float32()[0]); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Mistakes of the caller are errors that show both sides.
func TestRunRefuses(t *testing.T) {
	p, _ := native.Compile(mlp(t), native.Options{})
	f := func(shape ...int) tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	for name, c := range map[string][2][]tensor.Tensor{
		"count":   {{f(2, 3)}, {f(2, 5), f(5)}},
		"rank":    {{f(2, 3, 1), f(2, 1)}, {f(2, 5), f(5)}},
		"length":  {{f(2, 4), f(2, 1)}, {f(2, 5), f(5)}},
		"batches": {{f(2, 3), f(3, 1)}, {f(2, 5), f(5)}},
		"type":    {{tensor.New(tensor.Int64, 2, 3), f(2, 1)}, {f(2, 5), f(5)}},
		"output":  {{f(2, 3), f(2, 1)}, {f(2, 6), f(5)}},
	} {
		if err := p.Run(context.Background(), c[0], c[1]); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.Run(ctx, []tensor.Tensor{f(2, 3), f(2, 1)}, []tensor.Tensor{f(2, 5), f(5)}); err != context.Canceled {
		t.Errorf("cancelled run: %v", err)
	}
}

// A parameter written between runs counts at the next one, also where it was laid out for products.
func TestWriteParam(t *testing.T) {
	b := graph.NewBuilder("product")
	x := b.Input("x", tensor.Float32, graph.Sym("N"), graph.Fix(2))
	b.Output("y", b.MatMul(x, b.Param("w", tensor.Of([]float32{1, 2, 3, 4}, 2, 2))))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	p, err := native.Compile(g, native.Options{})
	if err != nil {
		t.Fatal(err)
	}
	y := tensor.New(tensor.Float32, 1, 2)
	in := []tensor.Tensor{tensor.Of([]float32{1, 1}, 1, 2)}
	for _, c := range []struct{ w, want []float32 }{{nil, []float32{4, 6}}, {[]float32{0, 1, 0, 1}, []float32{0, 2}}, {[]float32{5, 0, 0, 0}, []float32{5, 0}}} {
		if c.w != nil {
			if err := p.WriteParam("w", tensor.Of(c.w, 2, 2)); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Run(context.Background(), in, []tensor.Tensor{y}); err != nil || fmt.Sprint(y.Float32()) != fmt.Sprint(c.want) {
			t.Errorf("w = %v: %v, want %v (%v)", c.w, y.Float32(), c.want, err)
		}
	}
	if err := p.WriteParam("w", tensor.New(tensor.Float32, 4)); err == nil {
		t.Error("another shape was accepted")
	}
}

// Work beside a run is done once for each part, on one thread and on several, whether the plan is compiled or interpreted; a run without it is as ever.
func TestRunBeside(t *testing.T) {
	const parts = 5
	loop := graph.NewBuilder("interpreted") // a shape that depends on numbers
	x := loop.Input("x", tensor.Float32, graph.Fix(4))
	loop.Output("y", loop.Op("Expand", nil, loop.ReduceSum(x, true, 0), loop.Op("Cast", graph.Attrs{"to": int64(graph.Code(tensor.Int64))}, x)))
	dynamic, err := loop.Graph()
	if err != nil {
		t.Fatal(err)
	}
	for _, threads := range []int{1, 2, 3} {
		for name, c := range map[string]struct {
			g       *graph.Graph
			in, out []tensor.Tensor
		}{
			"compiled":    {gradients(t), []tensor.Tensor{tensor.Of(wave(300, 0), 100, 3), tensor.New(tensor.Int64, 100)}, make([]tensor.Tensor, 6)},
			"interpreted": {dynamic, []tensor.Tensor{tensor.Of([]float32{2, 1, 1, 1}, 4)}, make([]tensor.Tensor, 1)},
		} {
			p, err := native.Compile(c.g, native.Options{Threads: threads, Beside: parts})
			if err != nil {
				t.Fatal(err)
			}
			var done [parts]atomic.Int64
			for range 20 {
				if err := p.RunBeside(context.Background(), c.in, c.out, func(part int) { done[part].Add(1) }); err != nil {
					t.Fatal(name, err)
				}
				if err := p.Run(context.Background(), c.in, c.out); err != nil {
					t.Fatal(name, err)
				}
			}
			for part := range done {
				if n := done[part].Load(); n != 20 {
					t.Errorf("%s, %d threads: part %d was done %d times in 20 runs", name, threads, part, n)
				}
			}
			_ = p.Close()
		}
	}
}
