package onnx_test

import (
	"fmt"
	"strings"
	"testing"

	"fmtool/models/onnx"
	"fmtool/runtime/engine"
	"fmtool/runtime/ort/orttest"
)

// one is a model of one operator on inputs of one element type and of shapes that fit it.
func one(op string, code int32, opset, ir int64) *onnx.Model {
	shapes := map[string][][]any{
		"Conv": {{1, 1, 4, 4}, {1, 1, 2, 2}}, "ConvTranspose": {{1, 1, 4, 4}, {1, 1, 2, 2}}, "GlobalAveragePool": {{1, 1, 4, 4}}, "AveragePool": {{1, 1, 4, 4}},
		"InstanceNormalization": {{1, 1, 4, 4}, {1}, {1}}, "LayerNormalization": {{4, 4}, {4}},
	}[op]
	two := " Gemm MatMul Add Sub Mul Div Less Equal Max Min Pow "
	switch {
	case shapes != nil:
	case strings.Contains(two, " "+op+" "):
		shapes = [][]any{{4, 4}, {4, 4}}
	default:
		shapes = [][]any{{4, 4}}
	}
	n := &onnx.Node{OpType: op, Output: []string{"y"}}
	if op == "AveragePool" {
		n.Attribute = []*onnx.Attribute{{Name: "kernel_shape", Type: onnx.IntsAttribute, Ints: []int64{2, 2}}}
	}
	g := &onnx.Graph{Name: "g", Node: []*onnx.Node{n}}
	for i, s := range shapes {
		name := fmt.Sprint("x", i)
		n.Input = append(n.Input, name)
		in := floatType(s...)
		in.Tensor.ElemType = code
		g.Input = append(g.Input, &onnx.ValueInfo{Name: name, Type: in})
	}
	out := &onnx.TensorType{ElemType: code}
	if op == "Less" || op == "Equal" {
		out.ElemType = 9
	}
	g.Output = []*onnx.ValueInfo{{Name: "y", Type: &onnx.Type{Tensor: out}}}
	return &onnx.Model{IRVersion: ir, OpsetImport: []*onnx.OperatorSetID{{Version: opset}}, Main: g}
}

// What Inspect says of kernels is what the installed onnxruntime does: it refuses an operator that no release has a kernel for, and opens the others.
func TestKernelGaps(t *testing.T) {
	e := orttest.Engine(t)
	codes := map[string]int32{"float32": 1, "float64": 11, "bfloat16": 16, "int32": 6, "int64": 7, "uint32": 12, "uint64": 13, "float16": 10}
	for _, c := range []struct {
		element, ops string
		opset, ir    int64
	}{
		{"bfloat16", "Gemm MatMul Add Mul Sigmoid Tanh Exp Sin Erf Relu Softmax ReduceMean Conv LayerNormalization Less Neg", 17, 8},
		{"float64", "Erf Softplus Elu Selu HardSigmoid HardSwish Tan Atan Acos Sinh Softsign InstanceNormalization Conv ConvTranspose GlobalAveragePool AveragePool", 17, 8},
		{"float64", "Gemm MatMul Add Sigmoid Tanh Exp Sin Relu Softmax ReduceMean LayerNormalization Max", 17, 8},
		{"float32", "Gemm MatMul Conv ConvTranspose Erf Softplus InstanceNormalization LayerNormalization AveragePool", 17, 8},
		{"float16", "Gemm MatMul Conv Sigmoid Erf Softmax", 17, 8},
		{"int64", "Gemm Relu", 17, 8}, {"int64", "Add MatMul Neg ReduceMean Max", 17, 8},
		{"uint32", "Gemm ReduceSum", 17, 8}, {"uint64", "Add Sub Mul Div Less Equal", 17, 8},
		{"float32", "Swish", 25, 11},
	} {
		for op := range strings.FieldsSeq(c.ops) {
			m := one(op, codes[c.element], c.opset, c.ir)
			in := onnx.Inspect(m, nil)
			p, err := e.Open(m.Marshal(), engine.Options{})
			if err == nil {
				_ = p.Close()
			}
			if refused := in.Runtime == "" || onnx.Older(e.Version(), in.Runtime); refused != (err != nil) {
				t.Errorf("%s for %s: onnxruntime %s says %v, Inspect %q %v", op, c.element, e.Version(), err, in.Runtime, in.Warnings)
			}
		}
	}
}

// The table of releases says what the installed onnxruntime loads, and no more.
func TestReleases(t *testing.T) {
	e := orttest.Engine(t)
	for opset := int64(16); opset <= 28; opset++ {
		r, ok := onnx.OldestRelease(8, opset)
		p, err := e.Open(one("Neg", 1, opset, 8).Marshal(), engine.Options{})
		if err == nil {
			_ = p.Close()
		}
		if loads := ok && !onnx.Older(e.Version(), r.Version); loads != (err == nil) {
			t.Errorf("opset %d: table says from %v on, onnxruntime %s says %v", opset, r, e.Version(), err)
		}
	}
}
