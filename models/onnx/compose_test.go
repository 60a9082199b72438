package onnx_test

import (
	"fmt"
	"testing"

	"fmtool/models/onnx"
	"fmtool/models/tensor"
)

// A formula stays small whatever lengths a file declares: what would not is refused before anything is allocated.
func TestFormulasAreBounded(t *testing.T) {
	integer := func(name string, v ...int64) *onnx.Tensor { return onnx.TensorOf(name, tensor.Of(v, len(v))) }
	for _, c := range []struct {
		op    string
		shape []int64
		more  *onnx.Tensor
	}{
		{"ReduceProd", []int64{1 << 20}, nil},
		{"CumSum", []int64{1 << 20}, integer("b", 0)},
		{"Trilu", []int64{1 << 15, 1 << 15}, nil},
		{"Tile", []int64{2}, integer("b", 1<<40)},
		{"Tile", []int64{2}, integer("b", -1)},
	} {
		t.Run(fmt.Sprint(c.op, c.shape), func(t *testing.T) {
			m := nodeModel(c.op, 14, nil, []tensor.Tensor{tensor.New(tensor.Float32, 1)}, 1)
			m.Main.Input[0].Type.Tensor.Shape.Dim = nil
			for _, n := range c.shape {
				m.Main.Input[0].Type.Tensor.Shape.Dim = append(m.Main.Input[0].Type.Tensor.Shape.Dim, &onnx.Dimension{Value: new(n)})
			}
			if c.more != nil {
				m.Main.Node[0].Input = append(m.Main.Node[0].Input, "b")
				m.Main.Initializer = append(m.Main.Initializer, c.more)
			}
			before := allocated()
			_, err := m.Graph()
			if used := allocated() - before; err == nil || used > 1<<20 {
				t.Errorf("%v after %d bytes, want an error and less than a mebibyte", err, used)
			}
		})
	}
}
