package onnx_test

import (
	"strings"
	"testing"

	"fmtool/models/onnx"
)

// Check accepts every model in ONNX's test data: they are valid, programs or not.
func TestCheckAcceptsValidModels(t *testing.T) {
	eachModel(t, func(t *testing.T, name string, file []byte) {
		m, err := onnx.Unmarshal(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
}

// valid is a model that every case below breaks in one place.
func valid() *onnx.Model {
	float := func(name string, dims ...int64) *onnx.ValueInfo {
		s := &onnx.Shape{}
		for _, d := range dims {
			s.Dim = append(s.Dim, &onnx.Dimension{Value: new(d)})
		}
		return &onnx.ValueInfo{Name: name, Type: &onnx.Type{Tensor: &onnx.TensorType{ElemType: 1, Shape: s}}}
	}
	return &onnx.Model{
		IRVersion: 8, OpsetImport: []*onnx.OperatorSetID{{Version: 17}},
		Main: &onnx.Graph{
			Name: "g", Input: []*onnx.ValueInfo{float("x", 2, 3)}, Output: []*onnx.ValueInfo{float("y", 2, 4)}, ValueInfo: []*onnx.ValueInfo{float("h", 2, 4)},
			Initializer: []*onnx.Tensor{{Name: "w", DataType: 1, Dims: []int64{3, 4}, RawData: make([]byte, 48)}},
			Node: []*onnx.Node{
				{Name: "a", OpType: "MatMul", Input: []string{"x", "w"}, Output: []string{"h"}},
				{Name: "b", OpType: "Elu", Input: []string{"h"}, Output: []string{"y"}, Attribute: []*onnx.Attribute{{Name: "alpha", Type: onnx.FloatAttribute, F: 2}}},
			},
		},
	}
}

// Check names what is wrong and where.
func TestCheckRefuses(t *testing.T) {
	if err := valid().Check(); err != nil {
		t.Fatalf("the model before it is broken: %v", err)
	}
	for _, c := range []struct {
		name, want string
		breakIt    func(m *onnx.Model)
	}{
		{"no graph", "no graph", func(m *onnx.Model) { m.Main = nil }},
		{"no graph name", "the graph has no name", func(m *onnx.Model) { m.Main.Name = "" }},
		{"no IR version", "no IR version", func(m *onnx.Model) { m.IRVersion = 0 }},
		{"no opset", "no operator set is imported", func(m *onnx.Model) { m.OpsetImport = nil }},
		{"two opsets", `operator set "ai.onnx" is imported twice`, func(m *onnx.Model) {
			m.OpsetImport = append(m.OpsetImport, &onnx.OperatorSetID{Domain: "ai.onnx", Version: 17})
		}},
		{"domain", `domain "com.x" is not imported`, func(m *onnx.Model) { m.Main.Node[0].Domain = "com.x" }},
		{"old IR", "initialisers that are no inputs need IR version 4", func(m *onnx.Model) { m.IRVersion = 3 }},
		{"functions", "functions need IR version 8", func(m *onnx.Model) { m.IRVersion = 7; m.Functions = []*onnx.Function{{Name: "f", Domain: "d"}} }},
		{"metadata", `metadata key "k" stands twice`, func(m *onnx.Model) { m.MetadataProps = []*onnx.StringStringEntry{{Key: "k"}, {Key: "k"}} }},
		{"order", `node 0 "b" (Elu): input "h" is not computed before it`, func(m *onnx.Model) { m.Main.Node[0], m.Main.Node[1] = m.Main.Node[1], m.Main.Node[0] }},
		{"two values", `the name "h" is given to two values`, func(m *onnx.Model) { m.Main.Node[1].Output[0] = "h" }},
		{"two nodes", "two nodes have this name", func(m *onnx.Model) { m.Main.Node[1].Name = "a" }},
		{"no operator", "no operator", func(m *onnx.Model) { m.Main.Node[1].OpType = "" }},
		{"output", `output "z" is not computed`, func(m *onnx.Model) { m.Main.Output[0].Name = "z" }},
		{"attribute twice", "attribute alpha stands twice", func(m *onnx.Model) { n := m.Main.Node[1]; n.Attribute = append(n.Attribute, n.Attribute[0]) }},
		{"attribute type", "attribute alpha: declared type 2", func(m *onnx.Model) { m.Main.Node[1].Attribute[0].Type = onnx.IntAttribute }},
		{"attribute empty", "attribute alpha: declared type 1, values of types []", func(m *onnx.Model) { m.Main.Node[1].Attribute[0].F = 0 }},
		{"reference", "only in a function's body", func(m *onnx.Model) { a := m.Main.Node[1].Attribute[0]; a.F, a.RefAttrName = 0, "r" }},
		{"unknown attribute", `Elu has no attribute "gamma"`, func(m *onnx.Model) { m.Main.Node[1].Attribute[0].Name = "gamma" }},
		{"weights", `tensor "w"`, func(m *onnx.Model) { m.Main.Initializer[0].RawData = make([]byte, 47) }},
		{"inner", "inner 5 ≠ 3", func(m *onnx.Model) { m.Main.Input[0].Type.Tensor.Shape.Dim[1].Value = new(int64(5)) }},
		{"declared shape", `value "h" is declared as float32[2 5], its node gives float32[2 4]`, func(m *onnx.Model) { m.Main.ValueInfo[0].Type.Tensor.Shape.Dim[1].Value = new(int64(5)) }},
		{"declared output", `value "y" is declared as int64[2 4]`, func(m *onnx.Model) { m.Main.Output[0].Type.Tensor.ElemType = 7 }},
		{"shadowing", `the name "h" is given to two values`, func(m *onnx.Model) {
			inner := &onnx.Graph{Name: "i", Node: []*onnx.Node{{OpType: "Identity", Input: []string{"x"}, Output: []string{"h"}}}, Output: []*onnx.ValueInfo{{Name: "h"}}}
			n := m.Main.Node[1]
			n.Attribute = append(n.Attribute, &onnx.Attribute{Name: "body", Type: onnx.GraphAttribute, G: inner})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := valid()
			c.breakIt(m)
			if err := m.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
