package onnx_test

import (
	"testing"

	"fmtool/models/onnx"
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
