package onnx_test

import (
	"context"
	"strings"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
)

// frame writes a graph from the builder.
func frame(t *testing.T, build func(b *graph.Builder)) *onnx.Model {
	t.Helper()
	b := graph.NewBuilder("frame")
	build(b)
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.FromGraph(g, onnx.Wide, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// around are the graphs that give a network 2x for its input in and take its output out, plus x.
func around(t *testing.T) (before, after *onnx.Model) {
	n := graph.Sym("N")
	before = frame(t, func(b *graph.Builder) {
		x := b.Input("x", tensor.Float32, n)
		b.Scope("first", func() { b.Output("net/in", b.Scale(x, 2)) })
	})
	after = frame(t, func(b *graph.Builder) {
		x, q := b.Input("x", tensor.Float32, n), b.Input("net/out", tensor.Float32, n)
		b.Scope("last", func() { q = b.Add(x, q) })
		b.Output("y", q)
	})
	return before, after
}

// A network between two graphs computes after(net(before(x))), its own names out of the way: within control flow, and where they are those of the frame.
func TestBetween(t *testing.T) {
	n := graph.Sym("N")
	for name, build := range map[string]func(b *graph.Builder){
		"the frame's names": func(b *graph.Builder) {
			in := b.Input("in", tensor.Float32, n)
			x := b.Param("x", tensor.Of([]float32{3}, 1))
			b.Output("out", b.Node(&graph.Node{Op: "Mul", Name: "y", In: []*graph.Value{in, x}}, 1)[0])
		},
		"a loop that captures": func(b *graph.Builder) {
			in := b.Input("in", tensor.Float32, n)
			zero := b.Scale(in, 0)
			body := b.Sub("body", func(sub *graph.Builder) {
				sub.SubInput("k", graph.Type{DType: tensor.Int64, Shape: graph.Shape{}})
				more := sub.SubInput("more", graph.Type{DType: tensor.Bool, Shape: graph.Shape{}})
				sum := sub.SubInput("sum", graph.Type{DType: tensor.Float32, Shape: graph.Shape{n}})
				sub.Output("goes", sub.Op("Identity", nil, more))
				sub.Output("next", sub.Add(sum, in))
			})
			yes := b.Const(tensor.Scalar(true))
			b.Output("out", b.Op("Loop", graph.Attrs{"body": body}, b.Const(tensor.Scalar(int64(3))), yes, zero))
		},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := around(t)
			m, err := frame(t, build).Between("net/", before, after)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Check(); err != nil {
				t.Errorf("the checker: %v", err)
			}
			if got := evaluate(t, m, []float32{1, -2}); got[0] != 7 || got[1] != -14 { // x + 3·2x
				t.Errorf("got %v, want [7 -14]", got)
			}
		})
	}
}

func evaluate(t *testing.T, m *onnx.Model, x []float32) []float32 {
	t.Helper()
	p, err := native.Engine{}.Open(m.Marshal(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	y := tensor.New(tensor.Float32, len(x))
	if err := p.Run(context.Background(), []tensor.Tensor{tensor.Of(x, len(x))}, []tensor.Tensor{y}); err != nil {
		t.Fatal(err)
	}
	return y.Float32()
}

// A network of an opset whose operators mean something else is written anew; one that cannot be read then is an error, while in a newer opset its nodes stay.
func TestBetweenOpsets(t *testing.T) {
	network := func(opset int64, op string) *onnx.Model {
		m := nodeModel(op, opset, []*onnx.Attribute{{Name: "axes", Type: onnx.IntsAttribute, Ints: []int64{0}}}, []tensor.Tensor{tensor.New(tensor.Float32, 2)}, 1)
		m.Main.Node[0].Input[0], m.Main.Input[0].Name = "in", "in"
		if op == "Squeeze" {
			m.Main.Input[0].Type.Tensor.Shape.Dim = append([]*onnx.Dimension{{Value: new(int64(1))}}, m.Main.Input[0].Type.Tensor.Shape.Dim...)
		}
		m.Main.Node[0].Output[0], m.Main.Output[0].Name = "out", "out"
		return m
	}
	before := frame(t, func(b *graph.Builder) {
		x := b.Input("x", tensor.Float32, graph.Fix(2))
		b.Output("net/in", b.Reshape(x, b.Ints(1, 2)))
	})
	_, after := around(t)
	m, err := network(11, "Squeeze").Between("net/", before, after)
	if err != nil {
		t.Fatal(err)
	}
	if got := evaluate(t, m, []float32{1, 2}); got[0] != 2 || got[1] != 4 || m.OpsetImport[0].Version != 17 {
		t.Errorf("Squeeze of opset 11 gives %v in opset %d, want [2 4] in 17", got, m.OpsetImport[0].Version)
	}
	if _, err := network(11, "Det").Between("net/", before, after); err == nil || !strings.Contains(err.Error(), "Det") {
		t.Errorf("Det of opset 11: %v, want an error that names it", err)
	}
	if m, err := network(13, "Det").Between("net/", before, after); err != nil || m.OpsetImport[0].Version != 13 {
		t.Errorf("Det of opset 13: %v, want its node as it is", err)
	}
}
