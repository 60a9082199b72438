package onnx

import (
	"fmt"
	"slices"
	"strings"
)

// kernelGap says that onnxruntime's CPU provider cannot compute operators on elements of some types, up to a release or up to now.
type kernelGap struct {
	elements string // names as ElementName gives them; "*" for all
	ops      string
	opset    int64  // from this opset on
	since    string // the release that can; "": none up to 1.32
}

// arithmetic are operators that compute; those that only move data take every type.
const arithmetic = `Gemm MatMul Add Sub Mul Div Pow Sigmoid Tanh Exp Log Sqrt Sin Cos Tan Erf Relu Softplus Softmax LogSoftmax Gelu Mish Neg Abs Reciprocal
	Floor Ceil Round Elu LeakyRelu Selu Celu HardSigmoid HardSwish Softsign PRelu ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL2 Max Min Sum
	Mean Less Equal Greater Where Mod CumSum InstanceNormalization GroupNormalization BatchNormalization Conv ConvTranspose
	GlobalAveragePool AveragePool MaxPool Resize Einsum Attention RMSNormalization Atan Acos Sinh RandomNormalLike`

// kernelGaps were measured by opening models of one node on releases 1.20.1, 1.21.1, 1.24.4, 1.27.0 and 1.32.0; TestKernelGaps opens them again on the
// installed one.
var kernelGaps = []kernelGap{
	{"bfloat16", arithmetic, 1, ""},
	{"bfloat16", "LayerNormalization", 1, "1.32"},
	{"float64", `Erf Softplus Gelu Elu Selu HardSigmoid HardSwish Tan Atan Acos Sinh Softsign InstanceNormalization Conv ConvTranspose GlobalAveragePool
		AveragePool Resize`, 1, ""},
	{"float64", "Cos", 1, "1.32"},
	{"uint8 uint16 uint32 uint64 int8 int16", "Add Sub Mul Div Less Equal", 1, "1.21"},
	{"int32 int64 uint32 uint64", "Gemm", 1, ""},
	{"int64 int16", "Relu", 1, ""},
	{"uint32 uint64", "ReduceSum ReduceMean ReduceMax CumSum", 1, ""},
	{"float16", "RandomNormalLike", 1, "1.32"},
	{"*", "RandomNormalLike", 22, ""},
	{"*", "Swish", 25, ""},
}

// missingKernel is a gap that a model falls into.
type missingKernel struct{ op, element, since string }

// gap is the row of kernelGaps for an operator of an opset on elements of a type.
func gap(op, element string, opset int64) (missingKernel, bool) {
	for _, g := range kernelGaps {
		if opset >= g.opset && (g.elements == "*" || slices.Contains(strings.Fields(g.elements), element)) && slices.Contains(strings.Fields(g.ops), op) {
			return missingKernel{op, element, g.since}, true
		}
	}
	return missingKernel{}, false
}

// String says what is missing and what to do.
func (k missingKernel) String() string {
	if k.since != "" {
		return fmt.Sprintf("onnxruntime below %s has no CPU kernel of %s for %s", k.since, k.op, k.element)
	}
	remedy := "save the model in float32"
	if k.op == "Swish" {
		remedy = "write Mul(x, Sigmoid(x))"
	}
	return fmt.Sprintf("no release of onnxruntime has a CPU kernel of %s for %s; %s", k.op, k.element, remedy)
}
