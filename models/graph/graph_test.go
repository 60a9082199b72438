package graph_test

import (
	"fmt"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

func Example() {
	b := graph.NewBuilder("linear")
	x := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(2))
	w := b.Param("w", tensor.New(tensor.Float32, 2, 3))
	b.Output("y", b.Add(b.MatMul(x, w), b.Const(tensor.Of([]float32{1, 2, 3}, 1, 3))))
	g, err := b.Graph()
	fmt.Print(g)
	fmt.Print(err)
	// Output:
	// graph linear
	//   input    x float32[batch 2]
	//   param    w float32[2 3]
	//   constant const float32[1 3] [1 2 3]
	//   matmul float32[batch 3] = MatMul(x, w)
	//   add float32[batch 3] = Add(matmul, const)
	//   output   y float32[batch 3] = add
	// <nil>
}

// The first mistake is kept, with its place, and both sides are shown.
func TestBuilderKeepsFirstError(t *testing.T) {
	b := graph.NewBuilder("wrong")
	x := b.Input("x", tensor.Float32, graph.Sym("N"), graph.Fix(3))
	b.Scope("layer1", func() {
		y := b.MatMul(x, b.Param("w", tensor.New(tensor.Float32, 4, 8)))
		b.Output("y", b.Op("NoSuchOp", nil, y))
	})
	_, err := b.Graph()
	if want := "layer1: graph: MatMul: [N 3] × [4 8]: inner 3 ≠ 4"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
