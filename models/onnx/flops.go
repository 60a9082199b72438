package onnx

import (
	"maps"
	"slices"
	"strings"

	"fmtool/models/graph"
)

// Cost is the floating-point operations of one run, an addition and a multiplication counted apart and a call of any function as one.
type Cost struct {
	Once    float64    `json:"once"`    // outside loops
	Loops   []LoopCost `json:"loops"`   // of each loop, a step
	Unknown []string   `json:"unknown"` // operators whose cost is not known, for want of a shape or a formula
}

// tally adds up costs by operator.
type tally struct {
	flops map[string]float64
	open  map[string]bool // operators not counted somewhere
}

func newTally() *tally { return &tally{map[string]float64{}, map[string]bool{}} }

func (t *tally) merge(u *tally) {
	for op, n := range u.flops {
		t.flops[op] += n
	}
	maps.Copy(t.open, u.open)
}

func (t *tally) total() (sum float64) {
	for _, op := range slices.Sorted(maps.Keys(t.flops)) {
		sum += t.flops[op]
	}
	return sum
}

func (s *survey) cost() Cost {
	open := maps.Clone(s.once.open)
	maps.Copy(open, s.step.open)
	return Cost{s.once.total(), s.loops, slices.Sorted(maps.Keys(open))}
}

// add counts a node.
func (t *tally) add(n *Node, in, out []known) {
	name := operatorName(n)
	f := costs[n.OpType]
	if f == nil || domain(n.Domain) != "" {
		t.open[name] = true
		return
	}
	v := view{node: n}
	for _, k := range in {
		v.in = append(v.in, k.Shape)
	}
	for _, k := range out {
		v.out = append(v.out, k.Shape)
	}
	if flops, ok := f(v); ok {
		t.flops[name] += flops
	} else {
		t.open[name] = true
	}
}

// view is the shapes around a node.
type view struct {
	node    *Node
	in, out []graph.Shape
}

// size is the number of elements of a shape.
func size(s graph.Shape) (float64, bool) {
	if s == nil {
		return 0, false
	}
	n := 1.0
	for _, d := range s {
		length, ok := d.Fixed()
		if !ok || length < 0 {
			return 0, false
		}
		n *= float64(length)
	}
	return n, true
}

func at(list []graph.Shape, i int) graph.Shape {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// costs are the formulas by operator. What only moves, compares shapes or makes constants costs nothing.
var costs = map[string]func(view) (float64, bool){
	"MatMul": product, "MatMulInteger": product, "Gemm": gemm, "Conv": convolution, "ConvInteger": convolution, "ConvTranspose": transposed,
	"MaxPool": pooled, "AveragePool": pooled, "LpPool": pooled,
}

func init() {
	for ops, f := range map[string]func(view) (float64, bool){
		`Constant Identity Reshape Shape Size Transpose Gather GatherElements GatherND Concat Slice Split Squeeze Unsqueeze Flatten Expand Tile Cast CastLike
		ConstantOfShape Range OneHot EyeLike Scatter ScatterElements ScatterND Pad DepthToSpace SpaceToDepth Dropout Trilu Compress NonZero SequenceAt
		SequenceConstruct SequenceEmpty SequenceInsert SequenceErase SequenceLength ConcatFromSequence SplitToSequence Optional OptionalGetElement
		OptionalHasElement BitCast ReverseSequence`: func(view) (float64, bool) { return 0, true },
		`Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Elu Erf Exp Floor LeakyRelu Log Neg Not Reciprocal Relu Round Selu Sigmoid Sign Sin Sinh Softplus
		Softsign Sqrt Tan Tanh ThresholdedRelu HardSigmoid HardSwish Celu Gelu Mish Swish Shrink IsNaN IsInf Add And BitShift BitwiseAnd BitwiseNot
		BitwiseOr BitwiseXor Div Equal Greater GreaterOrEqual Less LessOrEqual Max Min Mod Mul Or Pow PRelu Sub Where Xor Clip Sum Mean QuantizeLinear
		DequantizeLinear RandomNormal RandomNormalLike RandomUniform RandomUniformLike Bernoulli`: each(1),
		`ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare GlobalAveragePool GlobalMaxPool
		ArgMax ArgMin CumSum`: ofInput(1),
		"BatchNormalization": ofInput(2), "Softmax LogSoftmax": ofInput(4), "RMSNormalization": ofInput(5),
		"LayerNormalization InstanceNormalization GroupNormalization LpNormalization MeanVarianceNormalization": ofInput(8),
	} {
		for _, op := range strings.Fields(ops) {
			costs[op] = f
		}
	}
}

// each counts k for an element of the first output; variadic operators one fewer than their inputs.
func each(k float64) func(view) (float64, bool) {
	return func(v view) (float64, bool) {
		n, ok := size(at(v.out, 0))
		if op := v.node.OpType; op == "Sum" || op == "Max" || op == "Min" {
			return n * float64(max(len(v.in)-1, 0)), ok
		}
		return k * n, ok
	}
}

// ofInput counts k for an element of the first input.
func ofInput(k float64) func(view) (float64, bool) {
	return func(v view) (float64, bool) {
		n, ok := size(at(v.in, 0))
		return k * n, ok
	}
}

// product: [… M K] × [… K N] takes 2 K for an element of the output.
func product(v view) (float64, bool) {
	a := at(v.in, 0)
	n, ok := size(at(v.out, 0))
	if !ok || len(a) == 0 {
		return 0, false
	}
	k, fixed := a[len(a)-1].Fixed()
	return 2 * float64(k) * n, fixed
}

// gemm: as product, and one for an element of C.
func gemm(v view) (float64, bool) {
	a := at(v.in, 0)
	n, ok := size(at(v.out, 0))
	if !ok || len(a) != 2 {
		return 0, false
	}
	inner := a[1]
	for _, attr := range v.node.Attribute {
		if attr.Name == "transA" && attr.I != 0 {
			inner = a[0]
		}
	}
	k, fixed := inner.Fixed()
	flops := 2 * float64(k) * n
	if len(v.in) > 2 && v.node.Input[2] != "" {
		flops += n
	}
	return flops, fixed
}

// convolution: weights [O I/group k…] take 2 I/group k… for an element of the output, and one for the bias.
func convolution(v view) (float64, bool) { return kernel(v, at(v.out, 0)) }

// transposed: weights [I O/group k…] take 2 O/group k… for an element of the input.
func transposed(v view) (float64, bool) { return kernel(v, at(v.in, 0)) }

// kernel is 2 (lengths of the weights but the first) for an element of a shape, and one for an element of the output with a bias.
func kernel(v view, s graph.Shape) (float64, bool) {
	w := at(v.in, 1)
	n, ok1 := size(s)
	out, ok2 := size(at(v.out, 0))
	if len(w) < 1 || !ok1 || !ok2 {
		return 0, false
	}
	k, ok := size(w[1:])
	flops := 2 * n * k
	if len(v.in) > 2 && v.node.Input[2] != "" && v.node.OpType != "ConvInteger" {
		flops += out
	}
	return flops, ok
}

// pooled: one for an element of the window, for an element of the output.
func pooled(v view) (float64, bool) {
	n, ok := size(at(v.out, 0))
	for _, a := range v.node.Attribute {
		if a.Name == "kernel_shape" {
			for _, k := range a.Ints {
				n *= float64(max(k, 0))
			}
			return n, ok
		}
	}
	return 0, false
}
