package onnx_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/onnx"
)

// Whatever happens to a valid model's parts, reading it gives a program or an error, never a panic.
func TestMutatedModels(t *testing.T) {
	ops := graph.Ops()
	rng := rand.New(rand.NewPCG(1, 2))
	ints := []int64{-3, -2, -1, 0, 1, 2, 3, 5, 64, 1 << 31, 1 << 62, -1 << 63}
	pick := func() int64 { return ints[rng.IntN(len(ints))] }
	mutate := func(m *onnx.Model) {
		g := m.Main
		n := g.Node[rng.IntN(len(g.Node))]
		switch rng.IntN(8) {
		case 0:
			n.OpType = ops[rng.IntN(len(ops))]
		case 1:
			if len(n.Attribute) > 0 {
				a := n.Attribute[rng.IntN(len(n.Attribute))]
				a.I, a.T = pick(), nil
				for i := range a.Ints {
					a.Ints[i] = pick()
				}
			}
		case 2:
			n.Input = append(n.Input, n.Input...)
		case 3:
			if len(n.Input) > 0 {
				n.Input[rng.IntN(len(n.Input))] = ""
			}
		case 4:
			if len(g.Input) > 0 {
				in := g.Input[rng.IntN(len(g.Input))]
				if in.Type != nil && in.Type.Tensor != nil && in.Type.Tensor.Shape != nil {
					in.Type.Tensor.Shape.Dim = append(in.Type.Tensor.Shape.Dim, &onnx.Dimension{Value: new(pick())})[rng.IntN(2):]
				}
			}
		case 5:
			if len(g.Input) > 0 && g.Input[0].Type != nil && g.Input[0].Type.Tensor != nil {
				g.Input[rng.IntN(len(g.Input))].Type = &onnx.Type{Tensor: &onnx.TensorType{ElemType: int32(rng.IntN(14)), Shape: &onnx.Shape{}}}
			}
		case 6:
			if len(g.Input) > 0 { // an input's numbers become known
				in := g.Input[rng.IntN(len(g.Input))]
				list := make([]int64, rng.IntN(4))
				for i := range list {
					list[i] = pick()
				}
				g.Initializer = append(g.Initializer, &onnx.Tensor{Name: in.Name, DataType: 7, Dims: []int64{int64(len(list))}, Int64Data: list})
			}
		case 7:
			n.Output = append(n.Output, "extra", "more")
		}
	}
	programs, refused := 0, 0
	eachModel(t, func(t *testing.T, name string, file []byte) {
		for range 20 {
			m, err := onnx.Unmarshal(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Main.Node) == 0 || len(m.Main.Node) > 200 {
				return
			}
			if _, err := m.Graph(); errors.Is(err, errors.ErrUnsupported) {
				return
			}
			for range 1 + rng.IntN(3) {
				mutate(m)
			}
			if _, err := m.Graph(); err == nil {
				programs++
			} else {
				refused++
			}
			_ = m.Check()
			onnx.Inspect(m, nil)
		}
	})
	if programs == 0 || refused == 0 {
		t.Errorf("%d programs and %d errors: want both", programs, refused)
	}
}
