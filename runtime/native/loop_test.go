package native_test

import (
	"context"
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
