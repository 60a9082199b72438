package onnx

import (
	"strings"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// Operators whose outputs can be told without a row, or on element types that no program has: with the type of the first input, with its element type and
// the shape that all inputs broadcast to, with its shape and another element type, with its element type alone.
var (
	alike = nameSet(`Acos Acosh Asin Asinh Atan Atanh Ceil Cosh Sinh Tan ThresholdedRelu HardSigmoid HardSwish Celu Gelu Mish Swish Shrink Softsign Round
		BatchNormalization GroupNormalization RMSNormalization LayerNormalization InstanceNormalization LpNormalization MeanVarianceNormalization LRN
		Softmax LogSoftmax Hardmax Dropout CumSum CumProd PRelu Trilu RandomNormalLike RandomUniformLike Bernoulli RotaryEmbedding ScatterND Identity Relu
		Sigmoid Tanh Exp Log Sqrt Erf Sin Cos Neg Abs Elu Selu LeakyRelu Softplus Reciprocal Floor Clip Sign Not`)
	broadcast    = nameSet("Add Sub Mul Div Pow Sum Mean Max Min Mod And Or Xor BitwiseAnd BitwiseOr BitwiseXor BitShift")
	otherElement = nameSet("IsNaN IsInf QuantizeLinear DequantizeLinear CastLike Cast")
	otherShape   = nameSet(`Resize Upsample Pad Tile Einsum GatherElements GatherND TopK ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp
		ReduceSumSquare ReduceSum ReduceMean ReduceMax DepthToSpace SpaceToDepth Attention Compress GridSample ReverseSequence MatMul Gemm Concat Reshape
		Transpose Slice Squeeze Unsqueeze Flatten Expand Gather Split`)
	compare = nameSet("Equal Less Greater LessOrEqual GreaterOrEqual")
)

// foreignTypes tells the outputs' types of operators that have no row, for the cost of models by others.
func foreignTypes(n *Node, in []known) []known {
	out := make([]known, len(n.Output))
	if len(in) == 0 || len(out) == 0 || domain(n.Domain) != "" {
		return out
	}
	x := in[0]
	x.Data, x.Ints = tensor.Tensor{}, nil
	typed := func(k known, s graph.Shape, ok bool) {
		out[0] = known{k.code, graph.Known{Type: graph.Type{DType: k.DType}}}
		if ok {
			out[0].Shape = s
		}
	}
	switch op := n.OpType; {
	case alike[op]:
		out[0] = x
	case broadcast[op]:
		s, ok := broadcastAll(in)
		typed(x, s, ok)
	case compare[op]:
		s, ok := broadcastAll(in)
		typed(scalarOf(tensor.Bool), s, ok)
	case op == "Where" && len(in) == 3:
		s, ok := broadcastAll(in)
		typed(in[1], s, ok)
	case op == "CastLike" && len(in) == 2:
		typed(in[1], x.Shape, true)
	case otherElement[op]:
		typed(known{}, x.Shape, true)
	case op == "Conv" || op == "MaxPool" || op == "AveragePool" || op == "LpPool":
		s, ok := slid(n, x.Shape, shapeOfInput(in, 1))
		typed(x, s, ok)
	case op == "ConvTranspose":
		s, ok := spread(n, x.Shape, shapeOfInput(in, 1))
		typed(x, s, ok)
	case strings.HasPrefix(op, "Global"):
		s, ok := onlyChannels(x.Shape)
		typed(x, s, ok)
	case otherShape[op]:
		typed(x, nil, false)
	}
	return out
}

// broadcastAll is the shape that all inputs broadcast to.
func broadcastAll(in []known) (s graph.Shape, ok bool) {
	for i, k := range in {
		var err error
		if i == 0 {
			s = k.Shape
		} else if s, err = graph.Broadcast(s, k.Shape); err != nil {
			return nil, false
		}
		if k.Shape == nil {
			return nil, false
		}
	}
	return s, s != nil
}

func shapeOfInput(in []known, i int) graph.Shape {
	if i < len(in) {
		return in[i].Shape
	}
	return nil
}

// intsOf is an integer-list attribute padded to n numbers with otherwise.
func intsOf(n *Node, name string, count int, otherwise int64) []int64 {
	for _, a := range n.Attribute {
		if a.Name == name && len(a.Ints) == count {
			return a.Ints
		}
	}
	list := make([]int64, count)
	for i := range list {
		list[i] = otherwise
	}
	return list
}

func textOf(n *Node, name string) string {
	for _, a := range n.Attribute {
		if a.Name == name {
			return string(a.S)
		}
	}
	return ""
}

func intOf(n *Node, name string, otherwise int64) int64 {
	for _, a := range n.Attribute {
		if a.Name == name {
			return a.I
		}
	}
	return otherwise
}

// window is what the attributes of a node say about one spatial dimension.
type window struct{ length, kernel, stride, dilation, pads, more int64 }

// windows reads the spatial dimensions of x under weights w, nil for pools.
func windows(n *Node, x, w graph.Shape) (list []window, ok bool) {
	count := len(x) - 2
	if count < 1 || count > 8 {
		return nil, false
	}
	kernels := intsOf(n, "kernel_shape", count, 0)
	strides, dilations, pads := intsOf(n, "strides", count, 1), intsOf(n, "dilations", count, 1), intsOf(n, "pads", 2*count, 0)
	more := intsOf(n, "output_padding", count, 0)
	for i := range count {
		length, fixed := x[2+i].Fixed()
		k := kernels[i]
		if len(w) == len(x) {
			v, known := w[2+i].Fixed()
			k, fixed = int64(v), fixed && known
		}
		sizes := []int64{int64(length), k, strides[i], dilations[i], pads[i], pads[count+i], more[i]}
		for _, v := range sizes {
			fixed = fixed && v >= 0 && v < 1<<24
		}
		if !fixed || k == 0 || strides[i] == 0 {
			return nil, false
		}
		list = append(list, window{int64(length), k, strides[i], dilations[i], pads[i] + pads[count+i], more[i]})
	}
	return list, true
}

// slid is the output's shape of a convolution or a pool.
func slid(n *Node, x, w graph.Shape) (graph.Shape, bool) {
	list, ok := windows(n, x, w)
	if !ok {
		return nil, false
	}
	out := graph.Shape{x[0], x[1]}
	if n.OpType == "Conv" {
		if len(w) != len(x) {
			return nil, false
		}
		out[1] = w[0]
	}
	same := strings.HasPrefix(textOf(n, "auto_pad"), "SAME")
	for _, d := range list {
		room := d.length + d.pads - d.dilation*(d.kernel-1) - 1
		if intOf(n, "ceil_mode", 0) != 0 {
			room += d.stride - 1
		}
		length := room/d.stride + 1
		if same {
			length = (d.length + d.stride - 1) / d.stride
		}
		if length < 0 || room < 0 && !same {
			return nil, false
		}
		out = append(out, graph.Fix(int(length)))
	}
	return out, true
}

// spread is the output's shape of a transposed convolution without output_shape.
func spread(n *Node, x, w graph.Shape) (graph.Shape, bool) {
	list, ok := windows(n, x, w)
	if !ok || len(w) != len(x) || textOf(n, "auto_pad") != "" && textOf(n, "auto_pad") != "NOTSET" {
		return nil, false
	}
	group := intOf(n, "group", 1)
	if group < 1 || group > 1<<24 {
		return nil, false
	}
	out := graph.Shape{x[0], w[1].Mul(graph.Fix(int(group)))}
	for _, d := range list {
		length := d.stride*(d.length-1) + d.more + d.dilation*(d.kernel-1) + 1 - d.pads
		if length < 0 {
			return nil, false
		}
		out = append(out, graph.Fix(int(length)))
	}
	return out, true
}

// onlyChannels is x with spatial dimensions of 1.
func onlyChannels(x graph.Shape) (graph.Shape, bool) {
	if len(x) < 3 {
		return nil, false
	}
	out := graph.Shape{x[0], x[1]}
	for range x[2:] {
		out = append(out, graph.Fix(1))
	}
	return out, true
}
