package graph_test

import (
	"math"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// Numbers in a file can ask for any shape; one that no value can have is refused before anything is allocated.
func TestImpossibleShapes(t *testing.T) {
	scalar := func(v float64) arg { return tensor.Scalar(v) }
	for name, c := range map[string]struct {
		op      string
		attrs   graph.Attrs
		outputs int
		in      []arg
		want    string
	}{
		"reshape":     {"Reshape", nil, 1, []arg{fs(2, 2), i64(-2, -2)}, "graph: Reshape: shape [-2 -2] has a negative length"},
		"expand":      {"Expand", nil, 1, []arg{fs(1), i64(-3)}, "graph: Expand: shape [-3] has a negative length"},
		"one-hot":     {"OneHot", nil, 1, []arg{is(4), i64(-7), fs(2)}, "graph: OneHot: shape [4 -7] has a negative length"},
		"split":       {"Split", nil, 2, []arg{fs(5), i64(7, -2)}, "graph: Split: shape [-2] has a negative length"},
		"filled":      {"ConstantOfShape", nil, 1, []arg{i64(-2)}, "graph: ConstantOfShape: shape [-2] has a negative length"},
		"overflow":    {"ConstantOfShape", nil, 1, []arg{i64(1<<32, 1<<32)}, "graph: ConstantOfShape: shape [4294967296 4294967296] has more than 1099511627776 elements"},
		"long range":  {"Range", nil, 1, []arg{scalar(0), scalar(1e30), scalar(1)}, "graph: Range: from 0 to 1e+30 by 1: more than 1099511627776 numbers"},
		"no number":   {"Range", nil, 1, []arg{scalar(0), scalar(math.NaN()), scalar(1)}, "graph: Range: from 0 to NaN by 1: more than 1099511627776 numbers"},
		"truth range": {"Range", nil, 1, []arg{bs(), bs(), bs()}, "graph: Range: bool[], bool[], bool[]: want three numbers of one type"},
	} {
		b := graph.NewBuilder(name)
		b.OpN(c.op, c.attrs, c.outputs, operands(b, c.in)...)
		if b.Err() == nil || b.Err().Error() != c.want {
			t.Errorf("%s:\ngot  %v\nwant %s", name, b.Err(), c.want)
		}
	}
}

// A length of zero makes a value empty, however long its other dimensions are.
func TestEmptyValues(t *testing.T) {
	b := graph.NewBuilder("empty")
	v := b.Op("ConstantOfShape", nil, b.Ints(1<<31, 1<<31, 0))
	if b.Err() != nil || v.Type.String() != "float32[2147483648 2147483648 0]" {
		t.Errorf("%v, %v", v.Type, b.Err())
	}
}

// Integers are followed as long as their type can hold them; where arithmetic wraps around nothing is claimed.
func TestFollowedIntegersFitTheirType(t *testing.T) {
	b := graph.NewBuilder("wrap")
	x := b.Input("x", tensor.Float32, graph.Unknown)
	narrow := func(v int64) *graph.Value { return b.Const(tensor.Of([]int64{v}, 1).Convert(tensor.Uint8)) }
	cast := func(v *graph.Value, code int64) *graph.Value { return b.Op("Cast", graph.Attrs{"to": code}, v) }
	for name, c := range map[string]struct {
		length *graph.Value
		want   string
	}{
		"fits":       {cast(b.Add(narrow(100), narrow(50)), 7), "float32[150]"},
		"wraps":      {cast(b.Add(narrow(200), narrow(100)), 7), "float32[?]"},
		"below zero": {cast(b.Subtract(narrow(3), narrow(5)), 7), "float32[?]"},
		"cast down":  {cast(cast(b.Ints(300), 2), 7), "float32[?]"},
		"cast":       {cast(cast(b.Ints(300), 6), 7), "float32[300]"},
	} {
		if got := b.Reshape(x, c.length).Type.String(); got != c.want || b.Err() != nil {
			t.Errorf("%s: %s, want %s (%v)", name, got, c.want, b.Err())
		}
	}
}
