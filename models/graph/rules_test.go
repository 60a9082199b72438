package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// The operators that the project promises are in the table.
func TestTableHolds(t *testing.T) {
	for _, name := range strings.Fields(`Add Sub Mul Div Neg Pow Sqrt Exp Log Sin Cos Tanh Sigmoid Erf Relu LeakyRelu Elu Selu Softplus Abs Sign Floor Mod Min Max Clip
		Equal Less LessOrEqual Greater GreaterOrEqual And Or Not Xor BitShift BitwiseAnd BitwiseOr BitwiseXor Where Cast Identity Constant ConstantOfShape Shape
		Range Reshape Transpose Concat Split Slice Gather ScatterElements OneHot Expand Squeeze Unsqueeze MatMul Gemm ReduceSum ReduceMean ReduceMax Softmax
		LayerNormalization InstanceNormalization Loop If`) {
		if _, err := graph.Lookup(name); err != nil {
			t.Error(err)
		}
	}
	if !slices.IsSorted(graph.Ops()) {
		t.Error("Ops is not sorted")
	}
}

var n = graph.Sym("N")

// arg is an operand: a type, or numbers.
type arg any

func f(dims ...graph.Dim) arg {
	return graph.Type{DType: tensor.Float32, Shape: append(graph.Shape{}, dims...)}
}
func fs(lengths ...int) arg {
	return graph.Type{DType: tensor.Float32, Shape: graph.ShapeOf(lengths...)}
}
func i64(v ...int64) arg { return tensor.Of(v, len(v)) }
func is(lengths ...int) arg {
	return graph.Type{DType: tensor.Int64, Shape: graph.ShapeOf(lengths...)}
}
func bs(lengths ...int) arg {
	return graph.Type{DType: tensor.Bool, Shape: graph.ShapeOf(lengths...)}
}

// One case for each form of each rule: the types of the outputs, or a part of the error.
func TestShapeRules(t *testing.T) {
	fix := graph.Fix
	for _, c := range []struct {
		op    string
		attrs graph.Attrs
		in    []arg
		want  string // types separated by ", ", or "error: …"
	}{
		{"Add", nil, []arg{f(n, fix(3)), fs(3)}, "float32[N 3]"},
		{"Add", nil, []arg{f(n, fix(1)), f(fix(1), n)}, "float32[N N]"},
		{"Add", nil, []arg{f(graph.Sym(graph.TimeDim), fix(4)), f(n, fix(4))}, "float32[N 4]"},
		{"Add", nil, []arg{f(graph.Sym("M")), f(n)}, "float32[?]"},
		{"Add", nil, []arg{fs(2, 3), fs(4)}, "error: do not broadcast"},
		{"Add", nil, []arg{fs(2), is(2)}, "error: element types"},
		{"Mul", graph.Attrs{"axis": int64(1)}, []arg{fs(2), fs(2)}, "error: no attribute"},
		{"Less", nil, []arg{fs(2, 1), fs(3)}, "bool[2 3]"}, {"And", nil, []arg{bs(2), bs(2)}, "bool[2]"}, {"And", nil, []arg{fs(2), fs(2)}, "error: element types"},
		{"BitShift", graph.Attrs{"direction": "LEFT"}, []arg{is(2), is(2)}, "error: element types"},
		{"Pow", nil, []arg{fs(2), is(2)}, "float32[2]"}, {"Max", nil, []arg{fs(2, 1), fs(3), fs(1)}, "float32[2 3]"}, {"Max", nil, []arg{fs(2), is(2)}, "error: element types"},
		{"Clip", nil, []arg{fs(2), fs()}, "float32[2]"}, {"Clip", nil, []arg{fs(2), fs(1)}, "error: scalar"},
		{"Where", nil, []arg{bs(2, 1), fs(3), fs()}, "float32[2 3]"}, {"Where", nil, []arg{fs(2), fs(2), fs(2)}, "error: want bool"},
		{"Cast", graph.Attrs{"to": int64(7)}, []arg{f(n)}, "int64[N]"}, {"Cast", graph.Attrs{"to": int64(16)}, []arg{f(n)}, "error: element type 16"},
		{"Exp", nil, []arg{f(n)}, "float32[N]"}, {"Exp", nil, []arg{is(2)}, "error: no such operation"}, {"Neg", nil, []arg{bs(1)}, "error: no such operation"},
		{"Exp", nil, []arg{fs(1), fs(1)}, "error: 2 inputs, want 1"},
		{"Shape", nil, []arg{f(n, fix(3))}, "int64[2]"}, {"Shape", graph.Attrs{"start": int64(-1)}, []arg{fs(2, 3)}, "int64[1]"},
		{"Reshape", nil, []arg{f(n, fix(6)), i64(-1, 3)}, "float32[2*N 3]"}, {"Reshape", nil, []arg{f(n, fix(6)), i64(0, 2, -1)}, "float32[N 2 3]"},
		{"Reshape", nil, []arg{fs(2, 3), i64(4, -1)}, "error: no multiple"}, {"Reshape", nil, []arg{fs(2, 3), i64(5)}, "error: 6 elements"}, {"Reshape", nil, []arg{fs(2, 3), i64(-1, -1)}, "error: two lengths of -1"},
		{"Reshape", nil, []arg{fs(2), fs(2)}, "error: int64 vector"}, {"Reshape", nil, []arg{fs(2, 3), is(2)}, "float32[? ?]"},
		{"Flatten", nil, []arg{f(n, fix(2), fix(3))}, "float32[N 6]"}, {"Flatten", graph.Attrs{"axis": int64(0)}, []arg{fs()}, "float32[1 1]"}, {"Flatten", graph.Attrs{"axis": int64(3)}, []arg{fs(2, 3)}, "error: axis 3"},
		{"Transpose", graph.Attrs{"perm": []int64{1, 0}}, []arg{f(n, fix(3))}, "float32[3 N]"}, {"Transpose", nil, []arg{fs(2, 3, 4)}, "float32[4 3 2]"}, {"Transpose", graph.Attrs{"perm": []int64{0, 0}}, []arg{fs(2, 3)}, "error: no permutation"},
		{"Concat", graph.Attrs{"axis": int64(0)}, []arg{f(n, fix(3)), f(n, fix(3))}, "float32[2*N 3]"}, {"Concat", graph.Attrs{"axis": int64(1)}, []arg{fs(2, 3), fs(3, 3)}, "error: differ in dimension 0"},
		{"Split", graph.Attrs{"axis": int64(0), "num_outputs": int64(1)}, []arg{fs(5)}, "float32[5]"}, {"Split", nil, []arg{fs(5), i64(2)}, "error: in 1 parts"},
		{"Slice", nil, []arg{f(n, fix(9)), i64(1), i64(8), i64(1), i64(3)}, "float32[N 3]"}, {"Slice", nil, []arg{f(n), i64(0), i64(-1)}, "float32[?]"}, {"Slice", nil, []arg{fs(5), i64(-1), i64(-9), i64(0), i64(-2)}, "float32[3]"},
		{"Slice", nil, []arg{fs(5), i64(0), i64(2), i64(3)}, "error: axis 3"}, {"Slice", nil, []arg{fs(5), i64(0), i64(2), i64(0), i64(0)}, "error: step 0"},
		{"Gather", nil, []arg{f(fix(5), fix(8)), is(2, 2)}, "float32[2 2 8]"}, {"Gather", graph.Attrs{"axis": int64(2)}, []arg{fs(5, 8), is(2)}, "error: axis 2"}, {"Gather", nil, []arg{fs(5), fs(2)}, "error: indices"},
		{"ScatterElements", nil, []arg{fs(3, 4), is(2, 4), fs(2, 4)}, "float32[3 4]"}, {"ScatterElements", graph.Attrs{"reduction": "mean"}, []arg{fs(3), is(2), fs(2)}, `error: reduction "mean"`},
		{"OneHot", nil, []arg{is(4), i64(7), fs(2)}, "float32[4 7]"}, {"Expand", nil, []arg{fs(3, 1), i64(2, 1, 5)}, "float32[2 3 5]"}, {"Expand", nil, []arg{fs(3), i64(2)}, "error: do not broadcast"},
		{"Squeeze", nil, []arg{f(n, fix(1)), i64(-1)}, "float32[N]"}, {"Squeeze", nil, []arg{fs(2, 3), i64(0)}, "error: not of length 1"}, {"Unsqueeze", nil, []arg{f(n), i64(0, -1)}, "float32[1 N 1]"}, {"Unsqueeze", nil, []arg{fs(2), i64(0, 0)}, "error: axes"},
		{"MatMul", nil, []arg{f(n, fix(3)), fs(3, 4)}, "float32[N 4]"}, {"MatMul", nil, []arg{fs(3), fs(5, 3, 4)}, "float32[5 4]"}, {"MatMul", nil, []arg{fs(3), fs(3)}, "float32[]"}, {"MatMul", nil, []arg{fs(2, 3), fs(4, 8)}, "error: inner 3 ≠ 4"},
		{"Gemm", graph.Attrs{"transA": int64(1)}, []arg{f(fix(3), n), fs(3, 4), fs(4)}, "float32[N 4]"}, {"Gemm", nil, []arg{fs(2, 3), fs(3, 4), fs(5)}, "error: plus"},
		{"ReduceSum", graph.Attrs{"keepdims": int64(0)}, []arg{f(n, fix(3)), i64(0)}, "float32[3]"}, {"ReduceMean", nil, []arg{f(n, fix(3))}, "float32[1 1]"}, {"ReduceMax", nil, []arg{fs(2), i64(4)}, "error: axis 4"},
		{"ReduceSum", graph.Attrs{"noop_with_empty_axes": int64(1)}, []arg{fs(2)}, "float32[2]"},
		{"Softmax", nil, []arg{f(n, fix(3))}, "float32[N 3]"}, {"Softmax", graph.Attrs{"axis": int64(5)}, []arg{fs(2)}, "error: axis 5"},
		{"LayerNormalization", nil, []arg{f(n, fix(8)), fs(8), fs(8)}, "float32[N 8]"}, {"LayerNormalization", nil, []arg{fs(2, 8), fs(7)}, "error: scale"},
		{"InstanceNormalization", nil, []arg{f(n, fix(3), fix(4)), fs(3), fs(3)}, "float32[N 3 4]"}, {"InstanceNormalization", nil, []arg{fs(2, 3, 4), fs(4), fs(4)}, "error: channels"},
		{"Range", nil, []arg{tensor.Scalar(int64(1)), tensor.Scalar(int64(9)), tensor.Scalar(int64(3))}, "int64[3]"}, {"Range", nil, []arg{tensor.Scalar(int64(1)), tensor.Scalar(int64(9)), tensor.Scalar(int64(0))}, "error: delta is 0"},
		{"ConstantOfShape", nil, []arg{i64(2, 3)}, "float32[2 3]"}, {"ConstantOfShape", nil, []arg{i64(-2)}, "error: negative"},
		{"Constant", graph.Attrs{"value": tensor.Of([]int64{1}, 1)}, nil, "int64[1]"}, {"Constant", nil, nil, "error: value is missing"},
		{"Loop", nil, []arg{is(), bs()}, "error: body is missing"}, {"If", nil, []arg{bs()}, "error: both branches"}, {"Nonsense", nil, nil, "error: not in the table"},
	} {
		b := graph.NewBuilder("rule")
		v := b.Op(c.op, c.attrs, operands(b, c.in)...)
		got := v.Type.String()
		if b.Err() != nil {
			got = "error: " + b.Err().Error()
		}
		if want, isErr := strings.CutPrefix(c.want, "error: "); isErr && (b.Err() == nil || !strings.Contains(got, want)) || !isErr && got != c.want {
			t.Errorf("%s %v %v: got %s, want %s", c.op, c.attrs, c.in, got, c.want)
		}
	}
}

// operands makes an input of each type and a constant of each tensor.
func operands(b *graph.Builder, list []arg) []*graph.Value {
	var in []*graph.Value
	for i, a := range list {
		switch a := a.(type) {
		case graph.Type:
			in = append(in, b.Input(fmt.Sprint("x", i), a.DType, a.Shape...))
		case tensor.Tensor:
			in = append(in, b.Const(a))
		}
	}
	return in
}

// Lengths add, multiply and divide as linear forms of one name; what is none is unknown.
func TestDim(t *testing.T) {
	m := graph.Sym("M")
	for got, want := range map[string]string{
		n.Add(n).String(): "2*N", n.Add(graph.Fix(3)).String(): "N+3", n.Add(m).String(): "?", n.Mul(graph.Fix(4)).String(): "4*N", n.Mul(graph.Fix(0)).String(): "0",
		n.Mul(n).String(): "?", n.Mul(graph.Fix(6)).Div(3).String(): "2*N", n.Div(2).String(): "?", graph.Unknown.Add(graph.Fix(1)).String(): "?",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if v, ok := n.Mul(graph.Fix(2)).Add(graph.Fix(1)).Eval(map[string]int{"N": 5}); !ok || v != 11 {
		t.Errorf("2N+1 at 5 = %d, %v", v, ok)
	}
}

// A shape that is computed from a shape is known before the run, in named lengths too.
func TestComputedShapes(t *testing.T) {
	b := graph.NewBuilder("computed")
	x := b.Input("x", tensor.Float32, n, graph.Fix(3), graph.Fix(4))
	s := b.Op("Shape", nil, x)
	rows := b.Op("Gather", nil, s, b.Ints(0))
	flat := b.Mul(b.Op("Slice", nil, s, b.Ints(1), b.Ints(2)), b.Op("Slice", nil, s, b.Ints(2), b.Ints(3)))
	y := b.Reshape(x, b.Concat(0, b.Mul(rows, b.Ints(2)), b.Div(flat, b.Ints(2))))
	if got := y.Type.String(); got != "float32[2*N 6]" || b.Err() != nil {
		t.Errorf("%s, %v", got, b.Err())
	}
}
