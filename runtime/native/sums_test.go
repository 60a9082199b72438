package native_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"fmtool/models/autodiff"
	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
)

// gradients is the way forward and back through two layers, with the gradients of weights, of biases and of rows of a table as outputs, and the rows' losses.
func gradients(t testing.TB) *graph.Graph {
	t.Helper()
	b := graph.NewBuilder("gradients")
	x := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(3))
	y := b.Input("y", tensor.Int64, graph.Sym("batch"))
	var params []*graph.Value
	for i, shape := range [][2]int{{3, 20}, {1, 20}, {4, 20}, {20, 2}, {1, 2}} {
		params = append(params, b.Param(fmt.Sprint("p", i), tensor.Of(wave(shape[0]*shape[1], float64(i)), shape[0], shape[1])))
	}
	h := b.Add(b.Add(b.MatMul(x, params[0]), params[1]), b.Op("Gather", nil, params[2], y))
	h = b.Mul(h, b.Sigmoid(h))
	u := b.Add(b.MatMul(h, params[3]), params[4])
	rows := b.ReduceSum(b.Mul(u, u), false, 1)
	b.Output("rows", rows)
	for i, g := range autodiff.VJP(b, b.ReduceMean(rows, false), b.Scalar(tensor.Float32, 1), params...) {
		b.Output(fmt.Sprint("g", i), g)
	}
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// outputs runs the gradients of n rows.
func outputs(t testing.TB, o native.Options, n int) (out []tensor.Tensor) {
	t.Helper()
	p, err := native.Compile(gradients(t), o)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	labels := make([]int64, n)
	for i := range labels {
		labels[i] = int64(i * i % 4)
	}
	out = []tensor.Tensor{tensor.New(tensor.Float32, n)}
	for _, shape := range [][2]int{{3, 20}, {1, 20}, {4, 20}, {20, 2}, {1, 2}} {
		out = append(out, tensor.New(tensor.Float32, shape[0], shape[1]))
	}
	for range 2 { // sums do not go on from the run before
		if err := p.Run(context.Background(), []tensor.Tensor{tensor.Of(wave(n*3, 0), n, 3), tensor.Of(labels, n)}, out); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// Sums over rows by shards of the batch are the sums but for rounding, and no bit of them depends on the number of threads; one shard of a batch is
// rounded as the other shards are.
func TestShardsSumRows(t *testing.T) {
	for _, n := range []int{1, 2, 7, 100, 1031, 9000} {
		whole := outputs(t, native.Options{}, n)
		for _, shards := range []int{1, 2, 3, 8} {
			first := outputs(t, native.Options{Shards: shards}, n)
			for k, want := range whole {
				scale, worst := 0.0, 0.0
				for i, w := range want.Float32() {
					scale = max(scale, math.Abs(float64(w)))
					worst = max(worst, math.Abs(float64(first[k].Float32()[i]-w)))
				}
				if !(worst <= 1e-5*max(scale, 1e-3)) || scale == 0 {
					t.Errorf("%d rows, %d shards: output %d is %g from its sum, whose largest element is %g", n, shards, k, worst, scale)
				}
			}
			for _, threads := range []int{2, 3} {
				for k, v := range outputs(t, native.Options{Shards: shards, Threads: threads}, n) {
					if string(v.Bytes()) != string(first[k].Bytes()) {
						t.Errorf("%d rows, %d shards: %d threads change output %d", n, shards, threads, k)
					}
				}
			}
		}
	}
}

// Shards change the rounding: the test above would not notice if they were ignored.
func TestShardsAreUsed(t *testing.T) {
	one, eight := outputs(t, native.Options{Shards: 1}, 9000), outputs(t, native.Options{Shards: 8}, 9000)
	for k := range one {
		if string(one[k].Bytes()) != string(eight[k].Bytes()) {
			return
		}
	}
	t.Error("one shard and eight give the same bits of every gradient")
}

// A batch without rows has sums of 0, with shards as without.
func TestSumsOfNoRows(t *testing.T) {
	for _, shards := range []int{0, 1, 8} {
		p, err := native.Compile(gradients(t), native.Options{Shards: shards})
		if err != nil {
			t.Fatal(err)
		}
		out := []tensor.Tensor{tensor.New(tensor.Float32, 0)}
		for _, shape := range [][2]int{{3, 20}, {1, 20}, {4, 20}, {20, 2}, {1, 2}} {
			out = append(out, tensor.Full(float32(1), shape[0], shape[1]))
		}
		if err := p.Run(context.Background(), []tensor.Tensor{tensor.New(tensor.Float32, 0, 3), tensor.New(tensor.Int64, 0)}, out); err != nil {
			t.Fatalf("%d shards: %v", shards, err)
		}
		for k, v := range out[1:] {
			for i, g := range v.Float32() {
				if g != 0 && g == g { // the mean of no losses is NaN or 0, and so is its slope
					t.Fatalf("%d shards: gradient %d [%d] of no rows is %g", shards, k, i, g)
				}
			}
		}
		p.Close()
	}
}
