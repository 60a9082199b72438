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
		"overflow":    {"ConstantOfShape", nil, 1, []arg{i64(1<<32, 1<<32)}, "graph: ConstantOfShape: shape [4294967296 4294967296] has more than 2147483648 elements"},
		"long range":  {"Range", nil, 1, []arg{scalar(0), scalar(1e30), scalar(1)}, "graph: Range: from 0 to 1e+30 by 1: more than 2147483648 numbers"},
		"no number":   {"Range", nil, 1, []arg{scalar(0), scalar(math.NaN()), scalar(1)}, "graph: Range: from 0 to NaN by 1: more than 2147483648 numbers"},
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

// Rules refuse operands that the kernels could only read past, and claim nothing that a run may contradict.
func TestOperandsFit(t *testing.T) {
	m := graph.Sym("M")
	some := graph.Type{DType: tensor.Float32, Shape: graph.Shape{graph.Unknown, graph.Fix(6)}}
	lengths := graph.Type{DType: tensor.Int64, Shape: graph.ShapeOf(1)}
	for name, c := range map[string]struct {
		op    string
		attrs graph.Attrs
		in    []arg
		want  string
	}{
		"gemm stretches":        {"Gemm", nil, []arg{fs(2, 3), fs(3, 4), fs(2, 1)}, "float32[2 4]"},
		"gemm is not stretched": {"Gemm", nil, []arg{fs(1, 3), fs(3, 4), fs(5, 4)}, "graph: Gemm: float32[1 4] plus float32[5 4]"},
		"scale":                 {"LayerNormalization", graph.Attrs{"axis": int64(1)}, []arg{fs(2, 3, 4), fs(1, 3, 1)}, "float32[2 3 4]"},
		"scale by rows":         {"LayerNormalization", nil, []arg{fs(2, 8), fs(2, 8)}, "graph: LayerNormalization: float32[2 8] with scale float32[2 8]"},
		"scale is longer":       {"LayerNormalization", nil, []arg{fs(2, 1), fs(8)}, "graph: LayerNormalization: float32[2 1] with scale float32[8]"},
		"scatter":               {"ScatterElements", graph.Attrs{"axis": int64(1)}, []arg{fs(3, 4), is(2, 9), fs(2, 9)}, "float32[3 4]"},
		"no such axis":          {"ScatterElements", graph.Attrs{"axis": int64(2)}, []arg{fs(3, 4), is(2, 4), fs(2, 4)}, "graph: ScatterElements: float32[3 4] gets float32[2 4] at int64[2 4]: axis 2 of rank 2"},
		"fewer updates":         {"ScatterElements", nil, []arg{fs(3, 4), is(2, 4), fs(1, 4)}, "graph: ScatterElements: float32[3 4] gets float32[1 4] at int64[2 4]: indices and updates differ in dimension 0: 2 ≠ 1"},
		"outside":               {"ScatterElements", nil, []arg{fs(3, 4), is(2, 5), fs(2, 5)}, "graph: ScatterElements: float32[3 4] gets float32[2 5] at int64[2 5]: dimension 1: 5 > 4"},
		"one value":             {"OneHot", nil, []arg{is(4), i64(7), fs(1)}, "graph: OneHot: values float32[1]: want a vector of two, off and on"},
		"true index":            {"OneHot", nil, []arg{bs(4), i64(7), fs(2)}, "graph: OneHot: bool[4] of depth int64[1]: want numbers"},
		"squeeze":               {"Squeeze", nil, []arg{fs(1, 3, 1)}, "float32[3]"},
		"squeeze a named":       {"Squeeze", nil, []arg{f(n, graph.Fix(1))}, "float32[...]"},
		"copied unknown":        {"Reshape", nil, []arg{some, i64(0, -1)}, "float32[? 6]"},
		"empty batch":           {"Reshape", nil, []arg{fs(0, 6), i64(0, 2, -1)}, "float32[0 2 3]"},
		"empty":                 {"Reshape", graph.Attrs{"allowzero": int64(1)}, []arg{fs(0, 6), i64(0, -1)}, "float32[0 6]"},
		"two names":             {"Reshape", nil, []arg{f(n, m, graph.Fix(6)), i64(0, 0, 3, -1)}, "float32[N M 3 2]"},
		"unknown length":        {"Reshape", nil, []arg{fs(4), lengths}, "float32[?]"},
		"both sides in order":   {"Add", nil, []arg{fs(4), fs(2, 3)}, "graph: Add: [4] and [2 3] do not broadcast: 4 ≠ 3"},
	} {
		b := graph.NewBuilder(name)
		got := b.Op(c.op, c.attrs, operands(b, c.in)...).Type.String()
		if b.Err() != nil {
			got = b.Err().Error()
		}
		if got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, c.want)
		}
	}
}

// An unknown length computed from one value is not the unknown length of another.
func TestUnknownLengthsDiffer(t *testing.T) {
	b := graph.NewBuilder("unknown")
	x := b.Input("x", tensor.Float32, graph.Unknown, graph.Fix(6))
	rows := b.Op("Shape", graph.Attrs{"end": int64(1)}, b.Input("y", tensor.Float32, graph.Unknown))
	if y := b.Reshape(x, b.Concat(0, rows, b.Ints(-1))); y.Type.String() != "float32[? ?]" || b.Err() != nil {
		t.Errorf("%v, %v", y.Type, b.Err())
	}
}
