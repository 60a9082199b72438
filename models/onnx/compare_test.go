package onnx_test

import (
	"testing"

	"fmtool/models/onnx"
	"fmtool/models/tensor"
)

// A model does not differ from itself; one changed weight, node and initialiser are each named, the weight with its size.
func TestCompare(t *testing.T) {
	base := func() *onnx.Model { return plain(initialiser(floats(2, 2))) }
	if d := onnx.Compare(base(), base()); len(d) != 0 {
		t.Errorf("differs from itself: %+v", d)
	}
	other := base()
	other.Main.Initializer[0].FloatData = []float32{0, 0.5}
	other.Main.Node[0].OpType = "Abs"
	other.Main.Initializer = append(other.Main.Initializer, &onnx.Tensor{Name: "v", DataType: 1})
	d := onnx.Compare(base(), other)
	if len(d) != 4 || d[2].Name != "w" || d[2].Absolute != 0.5 || d[2].Relative != 1 || d[3].Name != "v" || d[3].A != "absent" {
		t.Errorf("%+v", d)
	}
}

// An initialiser with the same numbers under another name is renamed, and the nodes that use it do not differ for that, within graphs too.
func TestCompareRenamed(t *testing.T) {
	model := func(first, second string, raw bool) *onnx.Model {
		return plain(func(m *onnx.Model) {
			a, b := onnx.TensorOf(first, tensor.Of([]float32{1, 2}, 2)), onnx.TensorOf(second, tensor.Of([]float32{3, 4}, 2))
			if !raw {
				a.RawData, a.FloatData = nil, []float32{1, 2}
			}
			m.Main.Initializer = []*onnx.Tensor{a, b}
			body := nested(1)
			body.Node[0].Input = []string{first}
			m.Main.Node = append(m.Main.Node, &onnx.Node{OpType: "Add", Input: []string{first, second}, Output: []string{"s"}},
				&onnx.Node{OpType: "If", Input: []string{"c"}, Attribute: []*onnx.Attribute{{Name: "then_branch", G: body}}})
		})
	}
	for _, raw := range []bool{false, true} {
		d := onnx.Compare(model("w", "v", true), model("weight", "v", raw))
		if len(d) != 1 || d[0].What != "renamed" || d[0].A != "w" || d[0].B != "weight" {
			t.Errorf("%+v, want w renamed to weight alone", d)
		}
	}
	if d := onnx.Compare(model("w", "v", true), model("v", "w", true)); len(d) < 2 {
		t.Errorf("exchanged weights are no renaming: %+v", d)
	}
}
