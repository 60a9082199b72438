package onnx

import (
	"fmt"
	"math"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// composed are operators that programs do not have and that others make up. Each is the formula of its definition in ONNX.
var composed = map[string]struct {
	since   int
	formula func(b *graph.Builder, c *conversion) *graph.Value
}{
	"Celu":    {12, celu},
	"Dropout": {1, dropout},
	"Gelu":    {20, gelu},
	"HardSwish": {14, func(b *graph.Builder, c *conversion) *graph.Value {
		return b.Mul(c.in[0], hardSigmoid(b, c.in[0], 1./6, 0.5))
	}},
	"HardSigmoid": {1, func(b *graph.Builder, c *conversion) *graph.Value {
		return hardSigmoid(b, c.in[0], c.float("alpha", 0.2), c.float("beta", 0.5))
	}},
	"LogSoftmax": {1, logSoftmax},
	"Mean":       {1, func(b *graph.Builder, c *conversion) *graph.Value { return b.Scale(sum(b, c.in), 1/float64(len(c.in))) }},
	"Mish": {18, func(b *graph.Builder, c *conversion) *graph.Value {
		return b.Mul(c.in[0], b.Op("Tanh", nil, b.Op("Softplus", nil, c.in[0])))
	}},
	"PRelu": {1, prelu},
	"ReduceL1": {1, func(b *graph.Builder, c *conversion) *graph.Value {
		return c.reduce(b, "ReduceSum", b.Op("Abs", nil, c.in[0]))
	}},
	"ReduceL2": {1, func(b *graph.Builder, c *conversion) *graph.Value {
		return b.Op("Sqrt", nil, c.reduce(b, "ReduceSum", b.Mul(c.in[0], c.in[0])))
	}},
	"ReduceLogSum": {1, func(b *graph.Builder, c *conversion) *graph.Value {
		return b.Op("Log", nil, c.reduce(b, "ReduceSum", c.in[0]))
	}},
	"ReduceMin": {1, reduceMin},
	"ReduceSumSquare": {1, func(b *graph.Builder, c *conversion) *graph.Value {
		return c.reduce(b, "ReduceSum", b.Mul(c.in[0], c.in[0]))
	}},
	"RMSNormalization": {23, rmsNorm},
	"Softsign": {1, func(b *graph.Builder, c *conversion) *graph.Value {
		return b.Div(c.in[0], b.Shift(b.Op("Abs", nil, c.in[0]), 1))
	}},
	"Sum": {1, func(b *graph.Builder, c *conversion) *graph.Value { return sum(b, c.in) }},
	"Swish": {24, func(b *graph.Builder, c *conversion) *graph.Value {
		return b.Mul(c.in[0], b.Sigmoid(b.Scale(c.in[0], c.float("alpha", 1))))
	}},
	"Tan": {7, func(b *graph.Builder, c *conversion) *graph.Value {
		return b.Div(b.Op("Sin", nil, c.in[0]), b.Op("Cos", nil, c.in[0]))
	}},
	"ThresholdedRelu": {10, func(b *graph.Builder, c *conversion) *graph.Value {
		return where(b, "Greater", c.in[0], c.float("alpha", 1), c.in[0], b.Scalar(c.in[0].Type.DType, 0))
	}},
	"BatchNormalization": {1, batchNorm},
	"CumSum":             {11, cumSum},
	"Einsum":             {12, einsum},
	"GatherND":           {11, gatherND},
	"IsInf":              {10, isInf},
	"IsNaN": {9, func(b *graph.Builder, c *conversion) *graph.Value {
		return b.Op("Not", nil, b.Op("Equal", nil, c.in[0], c.in[0]))
	}},
	"Pad":             {1, pad},
	"ReduceLogSumExp": {1, logSumExp},
	"ReduceProd":      {1, reduceProd},
	"Round":           {11, round},
	"Size":            {1, countElements},
	"Tile":            {6, tile},
	"Trilu":           {14, trilu},
	"CastLike": {15, func(b *graph.Builder, c *conversion) *graph.Value {
		return b.Op("Cast", graph.Attrs{"to": int64(graph.Code(c.in[1].Type.DType))}, c.in[0])
	}},
}

// inputsOf are the inputs that an operator must have and may have; those of others are one.
var inputsOf = map[string][2]int{
	"Mean": {1, maxParts}, "Sum": {1, maxParts}, "Einsum": {1, maxParts}, "PRelu": {2, 2}, "RMSNormalization": {2, 2}, "CastLike": {2, 2},
	"GatherND": {2, 2}, "Tile": {2, 2}, "CumSum": {2, 2}, "BatchNormalization": {5, 5}, "Dropout": {1, 3}, "Pad": {1, 4}, "Trilu": {1, 2},
	"ReduceL1": {1, 2}, "ReduceL2": {1, 2}, "ReduceLogSum": {1, 2}, "ReduceLogSumExp": {1, 2}, "ReduceMin": {1, 2}, "ReduceProd": {1, 2}, "ReduceSumSquare": {1, 2},
}

func init() {
	for op, row := range composed {
		r := versions[op]
		r.since = row.since
		r.read = append(r.read, change{always, func(c *conversion) error { return c.compose(row.formula) }})
		versions[op] = r
	}
}

// compose sets the result of a formula, whose nodes lie below the node's name.
func (c *conversion) compose(formula func(*graph.Builder, *conversion) *graph.Value) error {
	bounds, ok := inputsOf[c.op]
	if !ok {
		bounds = [2]int{1, 1}
	}
	switch n := len(c.in); {
	case c.outputs != 1 && c.op != "Dropout":
		return notRead("%s with %d outputs", c.op, c.outputs)
	case n < bounds[0] || n > bounds[1]:
		return fmt.Errorf("%d inputs, want %d to %d", n, bounds[0], bounds[1])
	}
	needed := c.in[:bounds[0]]
	if bounds[1] == maxParts { // any number, each needed
		needed = c.in
	}
	for i, v := range needed {
		if v == nil {
			return fmt.Errorf("input %d is missing", i)
		}
	}
	var out *graph.Value
	c.b.Scope(c.name, func() { out = formula(c.b, c) })
	if c.out = []*graph.Value{out}; c.outputs > 1 { // Dropout's mask, which keeps all
		c.out = append(c.out, c.b.Op("ConstantOfShape", graph.Attrs{"value": tensor.Of([]bool{true}, 1)}, c.b.Op("Shape", nil, c.in[0])))
	}
	return c.b.Err()
}

// float is a number among the node's attributes.
func (c *conversion) float(name string, otherwise float64) float64 {
	if v, ok := c.attrs[name].(float32); ok {
		return float64(v)
	}
	return otherwise
}

func hardSigmoid(b *graph.Builder, x *graph.Value, alpha, beta float64) *graph.Value {
	d := x.Type.DType
	return b.Op("Max", nil, b.Op("Min", nil, b.Shift(b.Scale(x, alpha), beta), b.Scalar(d, 1)), b.Scalar(d, 0))
}

// where is yes where x stands in a relation to a number, and no elsewhere.
func where(b *graph.Builder, relation string, x *graph.Value, than float64, yes, no *graph.Value) *graph.Value {
	return b.Op("Where", nil, b.Op(relation, nil, x, b.Scalar(x.Type.DType, than)), yes, no)
}

// isInf compares with the infinities that the node is to detect.
func isInf(b *graph.Builder, c *conversion) *graph.Value {
	x, inf := c.in[0], b.Scalar(c.in[0].Type.DType, math.Inf(1))
	up, down := c.integer("detect_positive", 1) != 0, c.integer("detect_negative", 1) != 0
	switch {
	case up && down:
		return b.Op("Equal", nil, b.Op("Abs", nil, x), inf)
	case down:
		return b.Op("Equal", nil, x, b.Neg(inf))
	case up:
		return b.Op("Equal", nil, x, inf)
	}
	return b.Op("Greater", nil, x, inf) // nothing is
}

func sum(b *graph.Builder, in []*graph.Value) *graph.Value {
	s := in[0]
	for _, v := range in[1:] {
		s = b.Add(s, v)
	}
	return s
}

// gelu is x Φ(x), by the error function, or with tanh in its place.
func gelu(b *graph.Builder, c *conversion) *graph.Value {
	x := c.in[0]
	var e *graph.Value
	if kind, _ := c.attrs["approximate"].(string); kind == "tanh" {
		e = b.Op("Tanh", nil, b.Scale(b.Add(x, b.Scale(b.Mul(b.Mul(x, x), x), 0.044715)), math.Sqrt(2/math.Pi)))
	} else {
		e = b.Op("Erf", nil, b.Scale(x, math.Sqrt2/2))
	}
	return b.Mul(b.Scale(x, 0.5), b.Shift(e, 1))
}

// celu is max(0, x) + min(0, α (e^(x/α) − 1)).
func celu(b *graph.Builder, c *conversion) *graph.Value {
	x, alpha, zero := c.in[0], c.float("alpha", 1), b.Scalar(c.in[0].Type.DType, 0)
	low := b.Scale(b.Shift(b.Op("Exp", nil, b.Scale(b.Op("Min", nil, x, zero), 1/alpha)), -1), alpha)
	return b.Add(b.Op("Max", nil, x, zero), low)
}

// dropout leaves its input as it is outside training, and where it drops nothing.
func dropout(b *graph.Builder, c *conversion) *graph.Value {
	trains := c.integer("is_test", 1) == 0 && c.version < 7
	if len(c.in) > 2 && c.in[2] != nil {
		trains = !c.always(2, 0) && !(c.in[1] != nil && c.always(1, 0))
	}
	if trains || c.outputs > 1 && c.version < 10 {
		return b.Fail(notRead("Dropout in training mode; export the model for inference"))
	}
	return b.Op("Identity", nil, c.in[0])
}

// always reports that input i is a constant of that value.
func (c *conversion) always(i int, want float64) bool {
	v := c.in[i]
	return v.Kind == graph.Constant && v.Data.Len() == 1 && v.Data.Convert(tensor.Float64).Float64()[0] == want
}

// prelu is x, or slope·x where x is negative. Below opset 7 the slopes are those of channels, the second dimension.
func prelu(b *graph.Builder, c *conversion) *graph.Value {
	x, slope := c.in[0], c.in[1]
	if rank := len(x.Type.Shape); c.version < 7 && len(slope.Type.Shape) == 1 && rank > 2 {
		var axes []int
		for i := 1; i < rank-1; i++ {
			axes = append(axes, i)
		}
		slope = b.Op("Unsqueeze", nil, slope, b.Ints(axes...))
	}
	return where(b, "Less", x, 0, b.Mul(x, slope), x)
}

// reduceMin is the largest turned around.
func reduceMin(b *graph.Builder, c *conversion) *graph.Value {
	turn := "Neg"
	if c.in[0].Type.DType == tensor.Bool {
		turn = "Not"
	}
	return b.Op(turn, nil, c.reduce(b, "ReduceMax", b.Op(turn, nil, c.in[0])))
}

// logSoftmax is x − max − ln Σ e^(x − max).
func logSoftmax(b *graph.Builder, c *conversion) *graph.Value {
	otherwise := -1
	if c.version < 13 {
		otherwise = 1
	}
	x, axis := c.in[0], c.integer("axis", otherwise)
	if rank := len(x.Type.Shape); c.version < 13 && axis != -1 && axis != rank-1 {
		return b.Fail(notRead("LogSoftmax of opset %d over several dimensions; export the model with opset 13", c.version))
	}
	kept, over := graph.Attrs{"keepdims": int64(1)}, b.Ints(axis)
	x = b.Subtract(x, b.Op("ReduceMax", kept, x, over))
	return b.Subtract(x, b.Op("Log", nil, b.Op("ReduceSum", kept, b.Op("Exp", nil, x), over)))
}

// rmsNorm is x / √(mean x² + ε) · scale, the mean over the dimensions from axis on.
func rmsNorm(b *graph.Builder, c *conversion) *graph.Value {
	x, axis := c.in[0], c.integer("axis", -1)
	rank := len(x.Type.Shape)
	if x.Type.Shape == nil {
		return b.Fail(fmt.Errorf("RMSNormalization: the rank of its input is not known"))
	}
	first, err := graph.Axis(axis, rank)
	if err != nil {
		return b.Fail(err)
	}
	var axes []int
	for i := first; i < rank; i++ {
		axes = append(axes, i)
	}
	square := b.Shift(b.ReduceMean(b.Mul(x, x), true, axes...), c.float("epsilon", 1e-5))
	return b.Mul(b.Div(x, b.Op("Sqrt", nil, square)), c.in[1])
}

// reduce applies a reduction with the node's own axes: an attribute below opset 18, an input from then on.
func (c *conversion) reduce(b *graph.Builder, op string, x *graph.Value) *graph.Value {
	attrs := graph.Attrs{}
	for _, name := range []string{"keepdims", "noop_with_empty_axes"} {
		if v, ok := c.attrs[name]; ok {
			attrs[name] = v
		}
	}
	in := []*graph.Value{x}
	if axes, ok := c.ints("axes"); ok {
		in = append(in, c.b.Ints(axes...))
	} else if len(c.in) > 1 {
		in = append(in, c.in[1])
	}
	return b.Op(op, attrs, in...)
}
