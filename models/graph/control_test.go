package graph_test

import (
	"testing"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// loop is a loop over one float32[N] with the given type of each part of its body.
type loop struct {
	count, carried arg
	i, on, state   graph.Type
	condition      func(s *graph.Builder, on *graph.Value) *graph.Value
}

func scalarOf(d tensor.DType) graph.Type { return graph.Type{DType: d, Shape: graph.Shape{}} }

// A loop's body takes and gives what the loop carries; its scanned results have one row for each trip.
func TestLoopRule(t *testing.T) {
	row := graph.Type{DType: tensor.Float32, Shape: graph.Shape{n}}
	right := func() loop {
		return loop{tensor.Scalar(int64(3)), f(n), scalarOf(tensor.Int64), scalarOf(tensor.Bool), row,
			func(s *graph.Builder, on *graph.Value) *graph.Value { return s.Op("Identity", nil, on) }}
	}
	for name, c := range map[string]struct {
		change func(*loop)
		want   string
	}{
		"right":            {func(*loop) {}, "float32[N], float32[3 N]"},
		"no trip":          {func(l *loop) { l.count = tensor.Scalar(int64(-5)) }, "float32[N], float32[0 N]"},
		"unknown trips":    {func(l *loop) { l.count = is() }, "float32[N], float32[? N]"},
		"other length":     {func(l *loop) { l.carried = fs(5) }, "float32[?], float32[3 N]"},
		"many counts":      {func(l *loop) { l.count = i64(1, 2) }, "graph: Loop: input 0 is int64[2], want a scalar int64"},
		"carried type":     {func(l *loop) { l.carried = is(5) }, "graph: Loop: carried value 0 is int64[5], the body takes float32[N]"},
		"iteration's type": {func(l *loop) { l.i = scalarOf(tensor.Int32) }, "graph: Loop: the body takes int32[] as input 0, want a scalar int64"},
		"condition's type": {func(l *loop) { l.on = scalarOf(tensor.Float32) }, "graph: Loop: the body takes float32[] as input 1, want a scalar bool"},
		"condition given": {func(l *loop) {
			l.condition = func(s *graph.Builder, on *graph.Value) *graph.Value { return s.Scalar(tensor.Float32, 1) }
		}, "graph: Loop: the body gives float32[] as condition, want a scalar bool"},
		"many conditions": {func(l *loop) {
			l.condition = func(s *graph.Builder, on *graph.Value) *graph.Value { return s.Op("Expand", nil, on, s.Ints(2)) }
		}, "graph: Loop: the body gives bool[2] as condition, want a scalar bool"},
		"ends by itself": {func(l *loop) {
			l.condition = func(s *graph.Builder, on *graph.Value) *graph.Value { return s.Op("Not", nil, on) }
		}, "float32[N], float32[? N]"},
		"always true": {func(l *loop) {
			l.condition = func(s *graph.Builder, on *graph.Value) *graph.Value { return s.Const(tensor.Scalar(true)) }
		}, "float32[N], float32[3 N]"},
		"never true": {func(l *loop) {
			l.condition = func(s *graph.Builder, on *graph.Value) *graph.Value { return s.Const(tensor.Scalar(false)) }
		}, "float32[N], float32[? N]"},
		"condition of ones": {func(l *loop) { l.on.Shape = graph.ShapeOf(1) }, "float32[N], float32[3 N]"},
	} {
		l := right()
		c.change(&l)
		b := graph.NewBuilder(name)
		in := operands(b, []arg{l.count, l.carried})
		body := b.Sub("body", func(s *graph.Builder) {
			s.SubInput("i", l.i)
			on, state := s.SubInput("on", l.on), s.SubInput("state", l.state)
			s.Output("on", l.condition(s, on))
			s.Output("state", s.Neg(state))
			s.Output("row", s.Op("Exp", nil, state))
		})
		out := b.OpN("Loop", graph.Attrs{"body": body}, 2, in[0], nil, in[1])
		got := out[0].Type.String() + ", " + out[1].Type.String()
		if b.Err() != nil {
			got = b.Err().Error()
		}
		if got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, c.want)
		}
	}
}

// What is used in a subgraph of a subgraph is captured at each level, and a parameter made there belongs to the main graph.
func TestCapturesAtEachLevel(t *testing.T) {
	b := graph.NewBuilder("deep")
	x, c := b.Input("x", tensor.Float32, n), b.Input("c", tensor.Bool)
	branches := func(s *graph.Builder, y func(s *graph.Builder) *graph.Value) *graph.Value {
		branch := func(s *graph.Builder) { s.Output("y", y(s)) }
		return s.Op("If", graph.Attrs{"then_branch": s.Sub("then", branch), "else_branch": s.Sub("else", branch)}, c)
	}
	b.Output("y", branches(b, func(s *graph.Builder) *graph.Value {
		return branches(s, func(s *graph.Builder) *graph.Value { return s.Add(x, s.Param("w", tensor.New(tensor.Float32, 1))) })
	}))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Params) != 1 {
		t.Errorf("%d parameters", len(g.Params))
	}
	outer := branch(g)
	for outer.Nodes[0].Op != "If" { // Walk meets the inner ones first
		outer = g.Nodes[0].Graph("then_branch")
	}
	if len(outer.Captures) != 3 || len(branch(outer).Captures) != 2 {
		t.Errorf("captures %d and %d, want x, w, c and x, w:\n%v", len(outer.Captures), len(branch(outer).Captures), g)
	}
}

// The builder leaves the caller's list of operands as it is, in a subgraph too.
func TestOperandsStayTheCallers(t *testing.T) {
	b := graph.NewBuilder("list")
	x, c := b.Input("x", tensor.Float32, n), b.Input("c", tensor.Bool)
	list := []*graph.Value{x, x}
	branch := func(s *graph.Builder) { s.Output("y", s.Concat(0, list...)) }
	b.Output("y", b.Op("If", graph.Attrs{"then_branch": b.Sub("then", branch), "else_branch": b.Sub("else", branch)}, c))
	b.Output("z", b.Concat(0, list...))
	if _, err := b.Graph(); err != nil || list[0] != x || list[1] != x {
		t.Errorf("%v, %v", list, err)
	}
}
