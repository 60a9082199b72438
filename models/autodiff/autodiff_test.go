package autodiff_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"fmtool/models/autodiff"
	"fmtool/models/graph"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
)

func Example() {
	b := graph.NewBuilder("square")
	x := b.Input("x", tensor.Float64)
	y := b.Mul(x, x)
	b.Output("dy", autodiff.VJP(b, y, b.Scalar(tensor.Float64, 1), x)[0])
	g, err := b.Graph()
	if err != nil {
		fmt.Println(err)
		return
	}
	p, _ := native.Compile(g, native.Options{})
	dy := tensor.New(tensor.Float64)
	fmt.Println(p.Run(context.Background(), []tensor.Tensor{tensor.Scalar(3.0)}, []tensor.Tensor{dy}), dy.Float64())
	// Output: <nil> [6]
}

// Every operator of the graph's table has a row here, and none beyond it.
func TestTableCoversTheOperators(t *testing.T) {
	if got, want := autodiff.Ops(), graph.Ops(); !slices.Equal(got, want) {
		t.Errorf("derivatives for %v\noperators     %v", got, want)
	}
}

// c is a case: an operator on operands; float64 operands are differentiated, others are constants.
type c struct {
	op    string
	attrs graph.Attrs
	in    []tensor.Tensor
	out   int // number of outputs, 0 means 1
}

// uniform draws numbers from lo to hi, all different, so that no case sits on a kink by chance.
func uniform(lo, hi float64, shape ...int) tensor.Tensor {
	v := make([]float32, tensor.Size(shape))
	noise.New(uint64(len(v))+uint64(1000*(hi-lo)), noise.Probe).Uniforms(v, 0)
	out := tensor.New(tensor.Float64, shape...)
	for i := range v {
		out.Float64()[i] = lo + (hi-lo)*float64(v[i])
	}
	return out
}

func ints(shape []int, v ...int64) tensor.Tensor { return tensor.Of(v, shape...) }
func vec(v ...int64) tensor.Tensor               { return tensor.Of(v, len(v)) }

var r = func(shape ...int) tensor.Tensor { return uniform(-2, 2, shape...) }

var cases = []c{
	{"Identity", nil, []tensor.Tensor{r(3)}, 1}, {"Neg", nil, []tensor.Tensor{r(2, 3)}, 1},
	{"Add", nil, []tensor.Tensor{r(2, 3), r(3)}, 1}, {"Add", nil, []tensor.Tensor{r(4, 1), r(2, 1, 3)}, 1}, {"Sub", nil, []tensor.Tensor{r(1, 3), r(2, 3)}, 1},
	{"Mul", nil, []tensor.Tensor{r(2, 1), r(2, 3)}, 1}, {"Mul", nil, []tensor.Tensor{r(), r(2, 3)}, 1},
	{"Div", nil, []tensor.Tensor{r(2, 3), uniform(0.5, 2, 3)}, 1},
	{"Pow", nil, []tensor.Tensor{uniform(0.5, 2, 2, 3), r(3)}, 1}, {"Pow", nil, []tensor.Tensor{r(3), vec(3)}, 1},
	{"Mod", graph.Attrs{"fmod": int64(1)}, []tensor.Tensor{uniform(3, 9, 4), uniform(1.1, 1.9, 4)}, 1},
	{"Reciprocal", nil, []tensor.Tensor{uniform(0.5, 2, 5)}, 1}, {"Sqrt", nil, []tensor.Tensor{uniform(0.5, 2, 5)}, 1}, {"Exp", nil, []tensor.Tensor{r(5)}, 1},
	{"Log", nil, []tensor.Tensor{uniform(0.5, 2, 5)}, 1}, {"Sin", nil, []tensor.Tensor{r(5)}, 1}, {"Cos", nil, []tensor.Tensor{r(5)}, 1}, {"Tanh", nil, []tensor.Tensor{r(5)}, 1},
	{"Sigmoid", nil, []tensor.Tensor{r(5)}, 1}, {"Softplus", nil, []tensor.Tensor{r(5)}, 1}, {"Erf", nil, []tensor.Tensor{r(5)}, 1}, {"Abs", nil, []tensor.Tensor{r(5)}, 1},
	{"Relu", nil, []tensor.Tensor{r(5)}, 1}, {"LeakyRelu", graph.Attrs{"alpha": float32(0.3)}, []tensor.Tensor{r(5)}, 1}, {"Elu", graph.Attrs{"alpha": float32(0.7)}, []tensor.Tensor{r(5)}, 1}, {"Selu", nil, []tensor.Tensor{r(5)}, 1},
	{"Min", nil, []tensor.Tensor{r(2, 3), r(3), r(2, 1)}, 1}, {"Max", nil, []tensor.Tensor{r(2, 3), r(3)}, 1},
	{"Clip", nil, []tensor.Tensor{r(9), uniform(-1, -0.9), uniform(0.9, 1)}, 1}, {"Clip", nil, []tensor.Tensor{r(9), {}, uniform(0.9, 1)}, 1},
	{"Where", nil, []tensor.Tensor{tensor.Of([]bool{true, false, true}, 3), r(2, 3), r(1)}, 1},
	{"Cast", graph.Attrs{"to": int64(graph.Code(tensor.Float64))}, []tensor.Tensor{r(3)}, 1},
	{"Reshape", nil, []tensor.Tensor{r(2, 6), vec(3, -1)}, 1}, {"Flatten", nil, []tensor.Tensor{r(2, 3, 2)}, 1},
	{"Squeeze", nil, []tensor.Tensor{r(2, 1, 3), vec(1)}, 1}, {"Unsqueeze", nil, []tensor.Tensor{r(2, 3), vec(0, 3)}, 1},
	{"Transpose", graph.Attrs{"perm": []int64{2, 0, 1}}, []tensor.Tensor{r(2, 3, 4)}, 1}, {"Transpose", nil, []tensor.Tensor{r(2, 3)}, 1},
	{"Expand", nil, []tensor.Tensor{r(2, 1), vec(4, 1, 3)}, 1},
	{"Concat", graph.Attrs{"axis": int64(1)}, []tensor.Tensor{r(2, 1), r(2, 3), r(2, 2)}, 1},
	{"Split", graph.Attrs{"axis": int64(-1)}, []tensor.Tensor{r(2, 5), vec(2, 3)}, 2}, {"Split", graph.Attrs{"num_outputs": int64(2)}, []tensor.Tensor{r(5, 2)}, 2},
	{"Slice", nil, []tensor.Tensor{r(5, 4), vec(1), vec(4)}, 1}, {"Slice", nil, []tensor.Tensor{r(5, 4), vec(-1, 0), vec(-10, 3), vec(0, 1), vec(-2, 2)}, 1},
	{"Gather", nil, []tensor.Tensor{r(4, 3), ints([]int{2, 2}, 1, -1, 1, 0)}, 1}, {"Gather", graph.Attrs{"axis": int64(1)}, []tensor.Tensor{r(2, 4), vec(3, 0, 3)}, 1},
	{"ScatterElements", graph.Attrs{"axis": int64(1)}, []tensor.Tensor{r(3, 4), ints([]int{2, 2}, 0, -1, 2, 1), r(2, 2)}, 1},
	{"ScatterElements", graph.Attrs{"axis": int64(0), "reduction": "add"}, []tensor.Tensor{r(3, 2), ints([]int{2, 2}, 0, 2, 0, 2), r(2, 2)}, 1},
	{"OneHot", nil, []tensor.Tensor{vec(0, 2, 9), tensor.Scalar(int64(4)), r(2)}, 1},
	{"MatMul", nil, []tensor.Tensor{r(2, 3), r(3, 4)}, 1}, {"MatMul", nil, []tensor.Tensor{r(5, 1, 2, 3), r(4, 3, 2)}, 1}, {"MatMul", nil, []tensor.Tensor{r(3), r(2, 3, 4)}, 1},
	{"MatMul", nil, []tensor.Tensor{r(2, 4, 3), r(3)}, 1}, {"MatMul", nil, []tensor.Tensor{r(3), r(3)}, 1},
	{"Gemm", graph.Attrs{"transA": int64(1), "alpha": float32(0.5), "beta": float32(2)}, []tensor.Tensor{r(3, 2), r(3, 4), r(4)}, 1},
	{"Gemm", graph.Attrs{"transB": int64(1)}, []tensor.Tensor{r(2, 3), r(4, 3)}, 1}, {"Gemm", graph.Attrs{"transB": int64(1), "transA": int64(1)}, []tensor.Tensor{r(3, 2), r(4, 3), r(2, 1)}, 1},
	{"ReduceSum", nil, []tensor.Tensor{r(2, 3, 4), vec(1)}, 1}, {"ReduceSum", graph.Attrs{"keepdims": int64(0)}, []tensor.Tensor{r(2, 3)}, 1}, {"ReduceSum", graph.Attrs{"keepdims": int64(0)}, []tensor.Tensor{r(2, 3, 2), vec(0, -1)}, 1},
	{"ReduceMean", nil, []tensor.Tensor{r(2, 3, 4), vec(0, 2)}, 1}, {"ReduceMean", graph.Attrs{"keepdims": int64(0)}, []tensor.Tensor{r(2, 3), vec(0)}, 1},
	{"ReduceMax", nil, []tensor.Tensor{r(3, 4), vec(1)}, 1}, {"ReduceMax", graph.Attrs{"keepdims": int64(0)}, []tensor.Tensor{r(3, 4)}, 1},
	{"Softmax", nil, []tensor.Tensor{r(2, 4)}, 1}, {"Softmax", graph.Attrs{"axis": int64(0)}, []tensor.Tensor{r(3, 2)}, 1},
	{"LayerNormalization", nil, []tensor.Tensor{r(3, 4), r(4), r(4)}, 1}, {"LayerNormalization", graph.Attrs{"axis": int64(1), "epsilon": float32(0.1)}, []tensor.Tensor{r(2, 3, 2), r(3, 2)}, 1},
	{"InstanceNormalization", graph.Attrs{"epsilon": float32(0.1)}, []tensor.Tensor{r(2, 3, 4), r(3), r(3)}, 1},
}

// program is a case as a graph: outputs y…, the gradients of a weighted sum of them, and their derivative along tangents.
type program struct {
	p      *native.Plan
	x      []tensor.Tensor // differentiated operands
	v      []tensor.Tensor // tangents
	s      []tensor.Tensor // seeds
	y      []tensor.Tensor
	dx, dy []tensor.Tensor
}

func build(t *testing.T, k c) *program {
	t.Helper()
	b := graph.NewBuilder(k.op)
	q := &program{}
	var in, wrt, tangents []*graph.Value
	for i, x := range k.in {
		switch {
		case x.IsZero():
			in = append(in, nil)
		case x.DType() != tensor.Float64:
			in = append(in, b.Const(x))
		default:
			v := b.Input(fmt.Sprint("x", i), tensor.Float64, graph.ShapeOf(x.Shape()...)...)
			in, wrt, q.x = append(in, v), append(wrt, v), append(q.x, x.Clone())
		}
	}
	for i, x := range q.x {
		q.v = append(q.v, uniform(-1, 1, x.Shape()...))
		tangents = append(tangents, b.Input(fmt.Sprint("v", i), tensor.Float64, graph.ShapeOf(x.Shape()...)...))
	}
	ys := b.OpN(k.op, k.attrs, max(k.out, 1), in...)
	var total *graph.Value
	for i, y := range ys {
		shape, ok := y.Type.Shape.Ints()
		if !ok {
			t.Fatalf("%s: output %v", k.op, y.Type)
		}
		q.s = append(q.s, uniform(-1, 1, append([]int{}, shape...)...))
		s := b.Input(fmt.Sprint("s", i), tensor.Float64, graph.ShapeOf(shape...)...)
		part := b.ReduceSum(b.Mul(y, s), false)
		if total = part; i > 0 {
			total = b.Add(total, part)
		}
	}
	b.Output("y", total)
	for i, g := range autodiff.VJP(b, total, b.Scalar(tensor.Float64, 1), wrt...) {
		b.Output(fmt.Sprint("dx", i), g)
	}
	b.Output("dy", autodiff.JVP(b, total, wrt, tangents))
	g, err := b.Graph()
	if err != nil {
		t.Fatalf("%s: %v", k.op, err)
	}
	if q.p, err = native.Compile(g, native.Options{}); err != nil {
		t.Fatalf("%s: %v", k.op, err)
	}
	q.y, q.dy = []tensor.Tensor{tensor.New(tensor.Float64)}, []tensor.Tensor{tensor.New(tensor.Float64)}
	for _, x := range q.x {
		q.dx = append(q.dx, tensor.New(tensor.Float64, x.Shape()...))
	}
	return q
}

// run evaluates all and returns Σ s·y.
func (q *program) run(t *testing.T) float64 {
	t.Helper()
	in := slices.Concat(q.x, q.v, q.s)
	if err := q.p.Run(context.Background(), in, slices.Concat(q.y, q.dx, q.dy)); err != nil {
		t.Fatal(err)
	}
	return q.y[0].Float64()[0]
}

// The gradients are the central differences in float64, and forward and reverse mode agree: ⟨s, J v⟩ = ⟨Jᵀ s, v⟩.
func TestDerivatives(t *testing.T) {
	const h = 1e-5
	for i, k := range cases {
		t.Run(fmt.Sprint(i, k.op), func(t *testing.T) {
			q := build(t, k)
			q.run(t)
			grads, along, dot := make([]tensor.Tensor, len(q.dx)), q.dy[0].Float64()[0], 0.0
			for j, d := range q.dx {
				grads[j] = d.Clone()
				for e, g := range d.Float64() {
					dot += g * q.v[j].Float64()[e]
				}
			}
			if math.Abs(dot-along) > 1e-10*(1+math.Abs(dot)) {
				t.Errorf("⟨Jᵀs, v⟩ = %g, ⟨s, Jv⟩ = %g", dot, along)
			}
			for j, x := range q.x {
				for e, at := range x.Float64() {
					x.Float64()[e] = at + h
					up := q.run(t)
					x.Float64()[e] = at - h
					down := q.run(t)
					x.Float64()[e] = at
					want, got := (up-down)/(2*h), grads[j].Float64()[e]
					if math.Abs(got-want) > 1e-6*(1+math.Abs(want)) {
						t.Errorf("∂/∂x%d[%d] = %.9g, central difference %.9g", j, e, got, want)
					}
				}
			}
		})
	}
}

// No operator with a derivative is without a case above.
func TestCasesCoverTheRules(t *testing.T) {
	b := graph.NewBuilder("none")
	x := b.Input("x", tensor.Float64, graph.Fix(2))
	covered := map[string]bool{"If": true, "Loop": true} // tests of their own
	for _, k := range cases {
		covered[k.op] = true
	}
	flat := map[string]bool{}
	for _, op := range []string{"Sign", "Floor", "Ceil"} {
		y := b.Op(op, nil, x)
		g := autodiff.VJP(b, y, y, x)[0]
		flat[op] = g.Node != nil && g.Node.Op == "ConstantOfShape"
	}
	for _, op := range autodiff.Ops() {
		if o, _ := graph.Lookup(op); !covered[op] && !flat[op] && takesFloats(o) {
			t.Errorf("%s has no case", op)
		}
	}
}

// takesFloats tries the operator on floats: comparisons and bit operations give no float.
func takesFloats(o *graph.Op) bool {
	b := graph.NewBuilder("try")
	x := b.Input("x", tensor.Float64, graph.Fix(2))
	in := make([]*graph.Value, o.MinIn)
	for i := range in {
		in[i] = x
	}
	y := b.OpN(o.Name, nil, max(o.MinOut, 1), in...)
	return b.Err() == nil && len(in) > 0 && y[0].Type.DType.IsFloat()
}

// A branch's derivative is that of the branch taken.
func TestIf(t *testing.T) {
	b := graph.NewBuilder("if")
	x, cond := b.Input("x", tensor.Float64, graph.Fix(2)), b.Input("c", tensor.Bool)
	y := b.Op("If", graph.Attrs{
		"then_branch": b.Sub("then", func(s *graph.Builder) { s.Output("a", s.Mul(x, x)) }),
		"else_branch": b.Sub("else", func(s *graph.Builder) { s.Output("b", s.Op("Sin", nil, x)) }),
	}, cond)
	b.Output("dx", autodiff.VJP(b, y, b.Const(tensor.Of([]float64{1, 1}, 2)), x)[0])
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	p, err := native.Compile(g, native.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for is, want := range map[bool][2]float64{true: {2, 4}, false: {math.Cos(1), math.Cos(2)}} {
		dx := tensor.New(tensor.Float64, 2)
		if err := p.Run(context.Background(), []tensor.Tensor{tensor.Of([]float64{1, 2}, 2), tensor.Scalar(is)}, []tensor.Tensor{dx}); err != nil {
			t.Fatal(err)
		}
		if got := dx.Float64(); math.Abs(got[0]-want[0])+math.Abs(got[1]-want[1]) > 1e-12 {
			t.Errorf("%v branch: %v, want %v", is, got, want)
		}
	}
}

// A Loop is refused by name, not differentiated to zero.
func TestLoopIsRefused(t *testing.T) {
	b := graph.NewBuilder("loop")
	x := b.Input("x", tensor.Float64, graph.Fix(2))
	body := b.Sub("body", func(s *graph.Builder) {
		s.SubInput("i", graph.Type{DType: tensor.Int64, Shape: graph.Shape{}})
		c := s.SubInput("c", graph.Type{DType: tensor.Bool, Shape: graph.Shape{}})
		v := s.SubInput("v", x.Type)
		s.Output("c2", s.Op("Identity", nil, c))
		s.Output("v2", s.Mul(v, v))
	})
	y := b.Op("Loop", graph.Attrs{"body": body}, b.Const(tensor.Scalar(int64(3))), nil, x)
	autodiff.VJP(b, y, y, x)
	if b.Err() == nil {
		t.Error("no error")
	}
}

// gradients are those of the sum of y = build(x…) with respect to each of x.
func gradients(t *testing.T, build func(b *graph.Builder, x []*graph.Value) *graph.Value, x ...tensor.Tensor) [][]float64 {
	t.Helper()
	b := graph.NewBuilder("gradients")
	in, out := make([]*graph.Value, len(x)), make([]tensor.Tensor, len(x))
	for i, v := range x {
		in[i], out[i] = b.Input(fmt.Sprint("x", i), tensor.Float64, graph.ShapeOf(v.Shape()...)...), tensor.New(tensor.Float64, v.Shape()...)
	}
	y := b.ReduceSum(build(b, in), false)
	for i, g := range autodiff.VJP(b, y, b.Scalar(tensor.Float64, 1), in...) {
		b.Output(fmt.Sprint("g", i), g)
	}
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	p, err := native.Compile(g, native.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(context.Background(), x, out); err != nil {
		t.Fatal(err)
	}
	list := make([][]float64, len(out))
	for i, o := range out {
		list[i] = o.Float64()
	}
	return list
}

// At base 0 the slopes of a power are the limits, 0, wherever they exist, not NaN: of x⁰ in x, of 0ʸ in y; higher derivatives of x² and x¹ too.
func TestPowerOfZero(t *testing.T) {
	pow := func(b *graph.Builder, x []*graph.Value) *graph.Value { return b.Op("Pow", nil, x...) }
	got := gradients(t, pow, tensor.Of([]float64{0, 2, 0, 0}, 4), tensor.Of([]float64{0, 0, 1, 2}, 4))
	want := [][]float64{{0, 0, 1, 0}, {0, math.Ln2, 0, 0}}
	for i := range want {
		for j, w := range want[i] {
			if math.Abs(got[i][j]-w) > 1e-15 || got[i][j] != got[i][j] {
				t.Errorf("gradients %v, want %v", got, want)
			}
		}
	}
	for _, exponent := range []float64{0, 1, 2} {
		third := func(b *graph.Builder, x []*graph.Value) *graph.Value {
			y := b.Op("Pow", nil, x[0], b.Scalar(tensor.Float64, exponent))
			for range 2 {
				y = autodiff.VJP(b, b.ReduceSum(y, false), b.Scalar(tensor.Float64, 1), x[0])[0]
			}
			return y
		}
		if got := gradients(t, third, tensor.Of([]float64{0, 3}, 2))[0]; !slices.Equal(got, []float64{0, 0}) {
			t.Errorf("third derivative of x^%v: %v, want 0", exponent, got)
		}
	}
}

// A range of floats changes with its start and its step: Σ (start + i·delta) over 4 numbers has slopes 4 and 0 + 1 + 2 + 3.
func TestRange(t *testing.T) {
	count := func(b *graph.Builder, x []*graph.Value) *graph.Value { return b.Op("Range", nil, x...) }
	got := gradients(t, count, tensor.Scalar(1.0), tensor.Scalar(2.9), tensor.Scalar(0.5))
	if got[0][0] != 4 || got[1][0] != 0 || got[2][0] != 6 {
		t.Errorf("gradients %v, want 4, 0, 6", got)
	}
}

// Empty values are pulled back to their shapes: a length of 0 is no "copy this length" of Reshape.
func TestEmptyValues(t *testing.T) {
	empty := func(shape ...int) tensor.Tensor { return tensor.New(tensor.Float64, shape...) }
	for _, k := range []c{
		{"Reshape", nil, []tensor.Tensor{empty(0, 3), vec(3, -1)}, 1}, {"Reshape", nil, []tensor.Tensor{empty(2, 0, 3), vec(-1, 6)}, 1},
		{"Flatten", graph.Attrs{"axis": int64(2)}, []tensor.Tensor{empty(2, 0, 3)}, 1}, {"Squeeze", nil, []tensor.Tensor{empty(1, 0, 3), vec(0)}, 1},
		{"Unsqueeze", nil, []tensor.Tensor{empty(2, 0), vec(0)}, 1}, {"Slice", nil, []tensor.Tensor{empty(0, 3), vec(0), vec(2)}, 1},
		{"Gather", nil, []tensor.Tensor{empty(4, 0), vec(-1, 0)}, 1}, {"Gather", nil, []tensor.Tensor{r(4, 3), vec()}, 1},
		{"MatMul", nil, []tensor.Tensor{empty(0), empty(0, 3)}, 1}, {"MatMul", nil, []tensor.Tensor{empty(0), empty(0)}, 1},
		{"Concat", graph.Attrs{"axis": int64(1)}, []tensor.Tensor{empty(2, 0), r(2, 2)}, 1}, {"Softmax", nil, []tensor.Tensor{empty(0, 3)}, 1},
		{"ReduceSum", nil, []tensor.Tensor{empty(0, 3), vec(0)}, 1}, {"ScatterElements", nil, []tensor.Tensor{r(3, 2), ints([]int{0, 2}), empty(0, 2)}, 1},
	} {
		t.Run(k.op, func(t *testing.T) { build(t, k).run(t) })
	}
}

// Derivatives are graphs of the same operators and can be differentiated again: d³/dx³ of x⁴ = 24x.
func TestHigherOrder(t *testing.T) {
	b := graph.NewBuilder("third")
	x := b.Input("x", tensor.Float64, graph.Fix(3))
	one := b.Const(tensor.Full(1.0, 3))
	y := b.Op("Pow", nil, x, b.Scalar(tensor.Float64, 4))
	for range 2 {
		y = autodiff.VJP(b, y, one, x)[0]
	}
	b.Output("d3", autodiff.JVP(b, y, []*graph.Value{x}, []*graph.Value{one}))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	p, _ := native.Compile(g, native.Options{})
	d3 := tensor.New(tensor.Float64, 3)
	if err := p.Run(context.Background(), []tensor.Tensor{tensor.Of([]float64{1, 2, -0.5}, 3)}, []tensor.Tensor{d3}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{24, 48, -12} {
		if math.Abs(d3.Float64()[i]-want) > 1e-9 {
			t.Errorf("got %v", d3.Float64())
		}
	}
}
