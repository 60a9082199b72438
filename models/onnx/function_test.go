package onnx_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
)

func node(op, domain string, in, out []string, attrs ...*onnx.Attribute) *onnx.Node {
	return &onnx.Node{OpType: op, Domain: domain, Input: in, Output: out, Attribute: attrs}
}

func refer(name, to string, kind onnx.AttributeType) *onnx.Attribute {
	return &onnx.Attribute{Name: name, RefAttrName: to, Type: kind}
}

// calls is a model y = f(x) of one vector, with the functions of domain "d".
func calls(n *onnx.Node, functions ...*onnx.Function) *onnx.Model {
	for _, f := range functions {
		f.Domain, f.OpsetImport = "d", []*onnx.OperatorSetID{{Version: 18}, {Domain: "d", Version: 1}}
	}
	return &onnx.Model{
		IRVersion: 8, OpsetImport: []*onnx.OperatorSetID{{Version: 18}, {Domain: "d", Version: 1}}, Functions: functions,
		Main: &onnx.Graph{
			Name: "g", Node: []*onnx.Node{n}, Output: []*onnx.ValueInfo{{Name: "y"}},
			Input: []*onnx.ValueInfo{{Name: "x", Type: &onnx.Type{Tensor: &onnx.TensorType{ElemType: 1, Shape: &onnx.Shape{Dim: []*onnx.Dimension{{Value: new(int64(2))}}}}}}},
		},
	}
}

// A function with attributes is replaced by its nodes: an attribute comes from the call, through a function between them too, from the function's default, or
// is left to the operator's.
func TestFunctionAttributes(t *testing.T) {
	leaky := &onnx.Function{
		Name: "Leaky", Input: []string{"a"}, Output: []string{"b"}, Attribute: []string{"slope"},
		Node: []*onnx.Node{node("LeakyRelu", "", []string{"a"}, []string{"b"}, refer("alpha", "slope", onnx.FloatAttribute))},
	}
	outer := &onnx.Function{
		Name: "Outer", Input: []string{"a"}, Output: []string{"b"}, AttributeProto: []*onnx.Attribute{{Name: "s", Type: onnx.FloatAttribute, F: 0.25}},
		Node: []*onnx.Node{node("Leaky", "d", []string{"a"}, []string{"b"}, refer("slope", "s", onnx.FloatAttribute))},
	}
	half := &onnx.Attribute{Type: onnx.FloatAttribute, F: 0.5}
	named := func(name string) *onnx.Attribute { a := *half; a.Name = name; return &a }
	for _, c := range []struct {
		name string
		call *onnx.Node
		want float32 // f(−1)
	}{
		{"of the call", node("Leaky", "d", []string{"x"}, []string{"y"}, named("slope")), -0.5},
		{"through a function", node("Outer", "d", []string{"x"}, []string{"y"}, named("s")), -0.5},
		{"the function's default", node("Outer", "d", []string{"x"}, []string{"y"}), -0.25},
		{"the operator's default", node("Leaky", "d", []string{"x"}, []string{"y"}), -0.01},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := calls(c.call, leaky, outer)
			if err := m.Check(); err != nil {
				t.Error(err)
			}
			p, err := native.Engine{}.Open(m.Marshal(), engine.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			out := tensor.New(tensor.Float32, 2)
			if err := p.Run(t.Context(), []tensor.Tensor{tensor.Of([]float32{-1, 3}, 2)}, []tensor.Tensor{out}); err != nil {
				t.Fatal(err)
			}
			if got := out.Float32(); math.Abs(float64(got[0]-c.want)) > 1e-7 || got[1] != 3 {
				t.Errorf("f(-1), f(3) = %v, want %v and 3", got, c.want)
			}
		})
	}
}

// Functions that never end, or that blow up a small file, are refused.
func TestHostileFunctions(t *testing.T) {
	self := &onnx.Function{Name: "F", Input: []string{"a"}, Output: []string{"b"}, Node: []*onnx.Node{node("F", "d", []string{"a"}, []string{"b"})}}
	var doubling []*onnx.Function
	for i := range 40 {
		callee, where := fmt.Sprintf("F%d", i-1), "d"
		if i == 0 {
			callee, where = "Neg", ""
		}
		doubling = append(doubling, &onnx.Function{Name: fmt.Sprintf("F%d", i), Input: []string{"a"}, Output: []string{"b"}, Node: []*onnx.Node{
			node(callee, where, []string{"a"}, []string{"h"}), node(callee, where, []string{"h"}, []string{"b"}),
		}})
	}
	for _, c := range []struct {
		name, want string
		m          *onnx.Model
	}{
		{"calls itself", "more than 64 deep", calls(node("F", "d", []string{"x"}, []string{"y"}), self)},
		{"2⁴⁰ nodes", "more than 524288 nodes", calls(node("F39", "d", []string{"x"}, []string{"y"}), doubling...)},
		{"unknown", "operator G of domain d is not in the table", calls(node("G", "d", []string{"x"}, []string{"y"}), self)},
		{"too many inputs", "takes 1 and gives 1, called with 2", calls(node("F", "d", []string{"x", "x"}, []string{"y"}), self)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := c.m.Graph(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// Constant takes its value from whichever attribute holds it; strings are refused.
func TestConstantForms(t *testing.T) {
	for _, c := range []struct {
		a    *onnx.Attribute
		want string
	}{
		{&onnx.Attribute{Name: "value_float", Type: onnx.FloatAttribute, F: 2}, "float32[]"},
		{&onnx.Attribute{Name: "value_floats", Type: onnx.FloatsAttribute, Floats: []float32{1, 2}}, "float32[2]"},
		{&onnx.Attribute{Name: "value_int", Type: onnx.IntAttribute, I: 2}, "int64[]"},
		{&onnx.Attribute{Name: "value_ints", Type: onnx.IntsAttribute}, "int64[0]"},
		{&onnx.Attribute{Name: "value", Type: onnx.TensorAttribute, T: onnx.TensorOf("", tensor.Of([]bool{true}, 1, 1))}, "bool[1 1]"},
		{&onnx.Attribute{Name: "value", T: onnx.TensorOf("", tensor.Scalar(int32(1)))}, "int32[]"}, // without a type, as IR version 1 has it
		{&onnx.Attribute{Name: "value_string", Type: onnx.StringAttribute, S: []byte("s")}, "no values of a program"},
		{&onnx.Attribute{Name: "sparse_value", Type: onnx.SparseTensorAttribute, SparseTensor: &onnx.SparseTensor{}}, "are not read"},
	} {
		m := nodeModel("Constant", 13, []*onnx.Attribute{c.a}, nil, 1)
		g, err := m.Graph()
		got := fmt.Sprint(err)
		if err == nil {
			got = g.Output("y0").Type.String()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.a.Name, got, c.want)
		}
	}
}
