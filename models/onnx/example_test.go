package onnx_test

import (
	"fmt"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
)

// A program becomes a file, and the file a program again.
func Example() {
	b := graph.NewBuilder("linear")
	x := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(2))
	w := b.Param("weight", tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3))
	b.Output("y", b.ReduceMean(b.MatMul(x, w), false, 1))
	g, err := b.Graph()
	if err != nil {
		panic(err)
	}

	m, err := onnx.FromGraph(g, onnx.Wide, map[string]string{"model_license": "Apache-2.0"})
	if err != nil {
		panic(err)
	}
	file := m.Marshal()

	m, err = onnx.Unmarshal(file)
	if err != nil {
		panic(err)
	}
	back, err := m.Graph()
	if err != nil {
		panic(err)
	}
	fmt.Println("IR", m.IRVersion, "opset", m.OpsetImport[0].Version, m.Metadata())
	fmt.Print(back)
	// Output:
	// IR 8 opset 17 map[model_license:Apache-2.0]
	// graph linear
	//   input    x float32[batch 2]
	//   param    weight float32[2 3]
	//   constant reducemean/axes int64[1] [1]
	//   matmul float32[batch 3] = MatMul(x, weight)
	//   reducemean float32[batch] = ReduceMean(matmul, reducemean/axes) {keepdims=0}
	//   output   y float32[batch] = reducemean
}

// A file of 64 MB of weights is read in the time its small parts take, and written at the speed of copying.
func BenchmarkMarshal(b *testing.B) {
	m := &onnx.Model{IRVersion: 8, Main: &onnx.Graph{Name: "g"}}
	for range 64 {
		m.Main.Initializer = append(m.Main.Initializer, &onnx.Tensor{DataType: 1, Dims: []int64{1 << 18}, RawData: make([]byte, 1<<20)})
	}
	file := m.Marshal()
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(len(file)))
		for b.Loop() {
			m.Marshal()
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(file)))
		for b.Loop() {
			if _, err := onnx.Unmarshal(file); err != nil {
				b.Fatal(err)
			}
		}
	})
}
