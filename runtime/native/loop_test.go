package native_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
)

// Numbers that make a loop impossible while it runs are an error: no count, no condition, rows of different lengths.
func TestLoopRefuses(t *testing.T) {
	some := graph.Shape{graph.Unknown}
	b := graph.NewBuilder("loop")
	count, goOn := b.Input("count", tensor.Int64, some...), b.Input("on", tensor.Bool, some...)
	next, lengths := b.Input("next", tensor.Bool, some...), b.Input("lengths", tensor.Int64, graph.Sym("N"))
	body := b.Sub("body", func(s *graph.Builder) {
		i := s.SubInput("i", graph.Type{DType: tensor.Int64, Shape: graph.Shape{}})
		s.SubInput("on.in", graph.Type{DType: tensor.Bool, Shape: some})
		s.Output("on.out", next)
		length := s.Op("Gather", nil, lengths, s.Reshape(i, s.Ints(1)))
		s.Output("row", s.Op("ConstantOfShape", nil, length))
	})
	b.Output("rows", b.Op("Loop", graph.Attrs{"body": body}, count, goOn))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	p, err := native.Compile(g, native.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	one, yes, none := tensor.Of([]int64{2}, 1), tensor.Of([]bool{true}, 1), tensor.New(tensor.Bool, 0)
	for name, c := range map[string]struct {
		count, on, next tensor.Tensor
		lengths         []int64
		want            string
	}{
		"right":        {one, yes, yes, []int64{3, 3}, ""},
		"no count":     {tensor.New(tensor.Int64, 0), yes, yes, []int64{3, 3}, "trip count int64[0]"},
		"no condition": {one, none, yes, []int64{3, 3}, "condition bool[0]"},
		"none inside":  {one, yes, none, []int64{3, 3}, "condition bool[0]"},
		"ragged":       {one, yes, yes, []int64{3, 4}, "float32[4] after float32[3]"},
	} {
		out := []tensor.Tensor{tensor.New(tensor.Float32, 2, 3)}
		err := p.Run(context.Background(), []tensor.Tensor{c.count, c.on, c.next, tensor.Of(c.lengths, 2)}, out)
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// A loop's body that stays bound from run to run sees what is new outside it: a matrix it multiplies by, a shape, a parameter. Every run of one plan gives what a
// fresh plan gives.
func TestLoopSeesNewCaptures(t *testing.T) {
	b := graph.NewBuilder("loop")
	count, x := b.Input("count", tensor.Int64), b.Input("x", tensor.Float32, graph.Sym("N"), graph.Fix(3))
	right, shape := b.Input("right", tensor.Float32, graph.Fix(3), graph.Fix(3)), b.Input("shape", tensor.Int64, graph.Fix(2))
	w := b.Param("w", tensor.Full(float32(0.5), 3, 3))
	on := b.Const(tensor.Scalar(true))
	loop := func(name string, step func(s *graph.Builder, x *graph.Value) *graph.Value) {
		body := b.Sub("body", func(s *graph.Builder) {
			s.SubInput("i", graph.Type{DType: tensor.Int64, Shape: graph.Shape{}})
			on := s.SubInput("on", graph.Type{DType: tensor.Bool, Shape: graph.Shape{}})
			state := s.SubInput("x", x.Type)
			s.Output("on.next", s.Op("Identity", nil, on))
			s.Output("x.next", step(s, state))
		})
		b.Output(name, b.Op("Loop", graph.Attrs{"body": body}, count, on, x))
	}
	loop("product", func(s *graph.Builder, x *graph.Value) *graph.Value {
		return s.Op("Tanh", nil, s.MatMul(s.MatMul(x, right), w))
	})
	loop("shaped", func(s *graph.Builder, x *graph.Value) *graph.Value {
		return s.Add(x, s.ReduceMean(s.Op("Expand", nil, s.Scalar(tensor.Float32, 1), shape), false))
	})
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	run := func(p *native.Plan, salt float32, rows int64) [2][]float32 {
		in := []tensor.Tensor{tensor.Scalar(int64(3)), tensor.Full(0.1*salt, int(rows), 3), tensor.Full(0.3*salt, 3, 3), tensor.Of([]int64{rows, 3}, 2)}
		out := []tensor.Tensor{tensor.New(tensor.Float32, int(rows), 3), tensor.New(tensor.Float32, int(rows), 3)}
		if err := p.Run(context.Background(), in, out); err != nil {
			t.Fatal(err)
		}
		return [2][]float32{out[0].Float32(), out[1].Float32()}
	}
	compile := func(w float32) *native.Plan {
		p, err := native.Compile(g, native.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		if err := p.WriteParam("w", tensor.Full(w, 3, 3)); err != nil {
			t.Fatal(err)
		}
		return p
	}
	kept := compile(0.5)
	for i, c := range []struct {
		salt, w float32
		rows    int64
	}{{1, 0.5, 4}, {2, 0.5, 4}, {2, 0.5, 7}, {3, 0.25, 7}, {1, 0.25, 4}, {1, 0.5, 4}} {
		if err := kept.WriteParam("w", tensor.Full(c.w, 3, 3)); err != nil {
			t.Fatal(err)
		}
		if i == 1 || i == 4 { // once more without a parameter written in between
			run(kept, c.salt+1, c.rows)
		}
		if got, want := run(kept, c.salt, c.rows), run(compile(c.w), c.salt, c.rows); !slices.Equal(got[0], want[0]) || !slices.Equal(got[1], want[1]) {
			t.Errorf("run %d: %v, a fresh plan gives %v", i, got, want)
		}
	}
}
