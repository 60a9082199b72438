package native_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
)

// rowOp runs one operator on [3, 5, 7] numbers, and on a scale and a bias of the given shapes if there are any, in one precision.
func rowOp(t *testing.T, d tensor.DType, op string, attrs graph.Attrs, outputs int, more ...[]int) (out [][]float64) {
	t.Helper()
	shape := []int{3, 5, 7}
	b := graph.NewBuilder(op)
	in := []*graph.Value{b.Input("x", d, graph.ShapeOf(shape...)...)}
	for i, s := range more {
		in = append(in, b.Const(tensor.Of(wave(tensor.Size(s), float64(i+1)), s...).Convert(d)))
	}
	if op == "ReduceMax" {
		in[1] = b.Ints(more[0]...)
	}
	var results []tensor.Tensor
	for i, v := range b.OpN(op, attrs, outputs, in...) {
		b.Output(fmt.Sprint("y", i), v)
		s, _ := v.Type.Shape.Ints()
		results = append(results, tensor.New(v.Type.DType, s...))
	}
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	p, err := native.Compile(g, native.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Run(context.Background(), []tensor.Tensor{tensor.Of(wave(3*5*7, 0), shape...).Convert(d)}, results); err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		out = append(out, r.Convert(tensor.Float64).Float64())
	}
	return out
}

// Softmax, layer norm and maxima are the same by the kernels of float32 rows as in float64, which has none, whatever the axis, and whether scale and
// bias are whole, repeated or absent.
func TestRowKernelsAreTheReference(t *testing.T) {
	for _, c := range []struct {
		op      string
		attrs   graph.Attrs
		outputs int
		more    [][]int
	}{
		{"Softmax", graph.Attrs{"axis": int64(-1)}, 1, nil},
		{"Softmax", graph.Attrs{"axis": int64(1)}, 1, nil},
		{"LayerNormalization", nil, 1, [][]int{{7}, {7}}},
		{"LayerNormalization", nil, 3, [][]int{{7}}},
		{"LayerNormalization", nil, 3, [][]int{{7}, {1}}},
		{"LayerNormalization", nil, 1, [][]int{{1}, {7}}},
		{"LayerNormalization", graph.Attrs{"axis": int64(1)}, 3, [][]int{{5, 7}, {1, 5, 7}}},
		{"LayerNormalization", graph.Attrs{"axis": int64(1)}, 1, [][]int{{5, 1}, {7}}},
		{"ReduceMax", nil, 1, [][]int{{2}}},
		{"ReduceMax", nil, 1, [][]int{{1, 2}}},
		{"ReduceMax", nil, 1, [][]int{{0, 1, 2}}},
		{"ReduceMax", nil, 1, [][]int{{0}}},
		{"ReduceMax", nil, 1, [][]int{{0, 2}}},
	} {
		got, want := rowOp(t, tensor.Float32, c.op, c.attrs, c.outputs, c.more...), rowOp(t, tensor.Float64, c.op, c.attrs, c.outputs, c.more...)
		for o := range want {
			for i, w := range want[o] {
				if len(got[o]) != len(want[o]) || !(math.Abs(got[o][i]-w) <= 1e-6*(1+math.Abs(w))) {
					t.Fatalf("%s %v %v: output %d is %v, want %v", c.op, c.attrs, c.more, o, got[o], want[o])
				}
			}
		}
	}
}
