package onnx_test

import (
	"context"
	"math"
	"testing"

	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
)

// Older definitions of operators compute what they say, once read: the numbers of each case are worked out by hand from that version's definition.
func TestOlderDefinitions(t *testing.T) {
	x := tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	ints := func(name string, v ...int64) *onnx.Attribute {
		return &onnx.Attribute{Name: name, Type: onnx.IntsAttribute, Ints: v}
	}
	integer := func(name string, v int64) *onnx.Attribute {
		return &onnx.Attribute{Name: name, Type: onnx.IntAttribute, I: v}
	}
	float := func(name string, v float32) *onnx.Attribute {
		return &onnx.Attribute{Name: name, Type: onnx.FloatAttribute, F: v}
	}
	softmax := func(v ...float64) (out []float32) {
		sum := 0.0
		for _, v := range v {
			sum += math.Exp(v)
		}
		for _, v := range v {
			out = append(out, float32(math.Exp(v)/sum))
		}
		return out
	}
	for _, c := range []struct {
		op    string
		opset int64
		in    []tensor.Tensor
		attrs []*onnx.Attribute
		want  tensor.Tensor
	}{
		{"ReduceSum", 11, []tensor.Tensor{x}, []*onnx.Attribute{ints("axes", 1), integer("keepdims", 0)}, tensor.Of([]float32{6, 15}, 2)},
		{"ReduceMean", 13, []tensor.Tensor{x}, []*onnx.Attribute{ints("axes", 0)}, tensor.Of([]float32{2.5, 3.5, 4.5}, 1, 3)},
		{"ReduceMax", 17, []tensor.Tensor{x}, nil, tensor.Of([]float32{6}, 1, 1)},
		{"Squeeze", 11, []tensor.Tensor{x.Reshape(2, 1, 3)}, []*onnx.Attribute{ints("axes", 1)}, x},
		{"Unsqueeze", 11, []tensor.Tensor{x}, []*onnx.Attribute{ints("axes", 0)}, x.Reshape(1, 2, 3)},
		{"Reshape", 1, []tensor.Tensor{x}, []*onnx.Attribute{ints("shape", 3, -1)}, x.Reshape(3, 2)},
		{"Clip", 6, []tensor.Tensor{x}, []*onnx.Attribute{float("min", 2), float("max", 5)}, tensor.Of([]float32{2, 2, 3, 4, 5, 5}, 2, 3)},
		{"Clip", 6, []tensor.Tensor{tensor.Of([]float32{float32(math.Inf(1)), -3}, 2)}, []*onnx.Attribute{float("min", -1)}, tensor.Of([]float32{math.MaxFloat32, -1}, 2)},
		{"Slice", 9, []tensor.Tensor{x}, []*onnx.Attribute{ints("starts", 1), ints("ends", 3), ints("axes", 1)}, tensor.Of([]float32{2, 3, 5, 6}, 2, 2)},
		{"Softmax", 11, []tensor.Tensor{tensor.Of([]float32{1, 2, 3, 4}, 1, 2, 2)}, nil, tensor.Of(softmax(1, 2, 3, 4), 1, 2, 2)},
		{"Softmax", 12, []tensor.Tensor{tensor.Of([]float32{1, 2, 3}, 1, 3)}, nil, tensor.Of(softmax(1, 2, 3), 1, 3)},
		{"Add", 6, []tensor.Tensor{x, tensor.Of([]float32{10, 20}, 2)}, []*onnx.Attribute{integer("broadcast", 1), integer("axis", 0)}, tensor.Of([]float32{11, 12, 13, 24, 25, 26}, 2, 3)},
		{"Mul", 6, []tensor.Tensor{x, tensor.Of([]float32{1, 0, -1}, 3)}, []*onnx.Attribute{integer("broadcast", 1)}, tensor.Of([]float32{1, 0, -3, 4, 0, -6}, 2, 3)},
		{"Relu", 1, []tensor.Tensor{tensor.Of([]float32{-1, 1}, 2)}, []*onnx.Attribute{ints("consumed_inputs", 0)}, tensor.Of([]float32{0, 1}, 2)},
		{"Selu", 1, []tensor.Tensor{tensor.Of([]float32{2}, 1)}, nil, tensor.Of([]float32{2 * 1.0507}, 1)},
		{"Cast", 1, []tensor.Tensor{x}, []*onnx.Attribute{{Name: "to", Type: onnx.StringAttribute, S: []byte("INT64")}}, x.Convert(tensor.Int64)},
		{"Concat", 1, []tensor.Tensor{x.Reshape(3, 2), x.Reshape(3, 2)}, nil, tensor.Of([]float32{1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6}, 3, 4)},
		{"Scatter", 9, []tensor.Tensor{tensor.Of([]float32{1, 2, 3}, 3), tensor.Of([]int64{1}, 1), tensor.Of([]float32{9}, 1)}, nil, tensor.Of([]float32{1, 9, 3}, 3)},
		{"Gemm", 6, []tensor.Tensor{x, x.Reshape(3, 2), tensor.Of([]float32{1, 2}, 2)}, []*onnx.Attribute{integer("broadcast", 1)}, tensor.Of([]float32{23, 30, 50, 66}, 2, 2)},
		{"PRelu", 6, []tensor.Tensor{tensor.Of([]float32{-1, -2, 3, -4}, 1, 2, 2), tensor.Of([]float32{2, 10}, 2)}, nil, tensor.Of([]float32{-2, -4, 3, -40}, 1, 2, 2)},
		{"Sum", 6, []tensor.Tensor{x, x, x}, nil, tensor.Of([]float32{3, 6, 9, 12, 15, 18}, 2, 3)},
		{"Mean", 6, []tensor.Tensor{x, x.Convert(tensor.Float32)}, nil, x},
		{"Dropout", 7, []tensor.Tensor{x}, []*onnx.Attribute{float("ratio", 0.9)}, x},
		{"ReduceMin", 11, []tensor.Tensor{x}, []*onnx.Attribute{ints("axes", 1), integer("keepdims", 0)}, tensor.Of([]float32{1, 4}, 2)},
		{"ReduceL2", 13, []tensor.Tensor{tensor.Of([]float32{3, 4}, 1, 2)}, []*onnx.Attribute{ints("axes", 1)}, tensor.Of([]float32{5}, 1, 1)},
		{"LogSoftmax", 11, []tensor.Tensor{tensor.Of([]float32{0, 0}, 1, 2)}, nil, tensor.Of([]float32{-math.Ln2, -math.Ln2}, 1, 2)},
		{"Constant", 12, nil, []*onnx.Attribute{ints("value_ints", 4, 5)}, tensor.Of([]int64{4, 5}, 2)},
		{"Constant", 12, nil, []*onnx.Attribute{float("value_float", 1.5)}, tensor.Scalar(float32(1.5))},
	} {
		t.Run(c.op, func(t *testing.T) {
			got := runNode(t, c.op, c.opset, c.attrs, c.in, c.want)
			for i, w := range c.want.Convert(tensor.Float64).Float64() {
				if g := got.Convert(tensor.Float64).Float64()[i]; math.Abs(g-w) > 1e-6*math.Abs(w) {
					t.Errorf("element %d = %v, want %v", i, g, w)
				}
			}
		})
	}
}

// Split of opset 11 takes its parts from an attribute.
func TestOlderSplit(t *testing.T) {
	m := nodeModel("Split", 11, []*onnx.Attribute{{Name: "split", Type: onnx.IntsAttribute, Ints: []int64{1, 2}}}, []tensor.Tensor{tensor.New(tensor.Float32, 3)}, 2)
	g, err := m.Graph()
	if err != nil {
		t.Fatal(err)
	}
	if a, b := g.Output("y0").Type.String(), g.Output("y1").Type.String(); a != "float32[1]" || b != "float32[2]" {
		t.Errorf("parts %s and %s, want 1 and 2", a, b)
	}
}

func nodeModel(op string, opset int64, attrs []*onnx.Attribute, in []tensor.Tensor, outputs int) *onnx.Model {
	n := &onnx.Node{OpType: op, Attribute: attrs}
	g := &onnx.Graph{Name: op, Node: []*onnx.Node{n}}
	for i, t := range in {
		name := string(rune('a' + i))
		n.Input = append(n.Input, name)
		s := &onnx.Shape{}
		for _, d := range t.Shape() {
			s.Dim = append(s.Dim, &onnx.Dimension{Value: new(int64(d))})
		}
		g.Input = append(g.Input, &onnx.ValueInfo{Name: name, Type: &onnx.Type{Tensor: &onnx.TensorType{ElemType: onnx.TensorOf("", t).DataType, Shape: s}}})
	}
	for i := range outputs {
		name := "y" + string(rune('0'+i))
		n.Output = append(n.Output, name)
		g.Output = append(g.Output, &onnx.ValueInfo{Name: name})
	}
	return &onnx.Model{IRVersion: 7, OpsetImport: []*onnx.OperatorSetID{{Version: opset}}, Main: g}
}

func runNode(t *testing.T, op string, opset int64, attrs []*onnx.Attribute, in []tensor.Tensor, like tensor.Tensor) tensor.Tensor {
	t.Helper()
	p, err := native.Engine{}.Open(nodeModel(op, opset, attrs, in, 1).Marshal(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	out := tensor.New(like.DType(), like.Shape()...)
	if err := p.Run(context.Background(), in, []tensor.Tensor{out}); err != nil {
		t.Fatal(err)
	}
	return out
}
