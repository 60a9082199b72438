package native_test

import (
	"context"
	"slices"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
)

// counter counts in its parameter: output next is w + x, output old is w as it was before the run.
func counter(t *testing.T, o native.Options) (*native.Plan, error) {
	t.Helper()
	b := graph.NewBuilder("counter")
	x := b.Input("x", tensor.Float32, graph.Fix(1))
	w := b.Param("w", tensor.Of([]float32{1}, 1))
	b.Param("v", tensor.Of([]float32{1}, 1))
	b.Output("next", b.Add(w, x))
	b.Output("old", w)
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return native.Compile(g, o)
}

// A run reads its parameters as they were, and one that is refused changes none.
func TestStateFollowsTheRun(t *testing.T) {
	p, err := counter(t, native.Options{State: []native.State{{Param: "w", Next: "next"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	in := []tensor.Tensor{tensor.Of([]float32{2}, 1)}
	if err := p.Run(context.Background(), in, []tensor.Tensor{tensor.New(tensor.Float32, 5), {}}); err == nil {
		t.Error("an output of another shape was taken")
	}
	next, old := tensor.New(tensor.Float32, 1), tensor.New(tensor.Float32, 1)
	if err := p.Run(context.Background(), in, []tensor.Tensor{next, old}); err != nil {
		t.Fatal(err)
	}
	if next.Float32()[0] != 3 || old.Float32()[0] != 1 {
		t.Errorf("next %v, old %v, want 3 and 1", next.Float32(), old.Float32())
	}
	if w, _ := p.ReadParam("w"); w.Float32()[0] != 3 {
		t.Errorf("w = %v after the run, want 3", w.Float32())
	}
}

// Each state needs an output and a parameter of its own.
func TestStateIsOneToOne(t *testing.T) {
	for name, s := range map[string][]native.State{
		"one output for two parameters": {{Param: "w", Next: "next"}, {Param: "v", Next: "next"}},
		"two outputs for one parameter": {{Param: "w", Next: "next"}, {Param: "w", Next: "old"}},
	} {
		if p, err := counter(t, native.Options{State: s}); err == nil {
			p.Close()
			t.Errorf("%s: taken", name)
		}
	}
}

// A view of a parameter, read after the next value is made, still shows the old one.
func TestStateLeavesViews(t *testing.T) {
	b := graph.NewBuilder("views")
	x := b.Input("x", tensor.Float32, graph.Fix(4))
	w := b.Param("w", tensor.Of([]float32{1, 2, 3, 4}, 4))
	sum := b.ReduceSum(x, false) // so that the view is ready before what follows
	next := b.Add(w, sum)
	b.Output("next", next)
	b.Output("y", b.Mul(b.Reshape(w, b.Ints(4)), next))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	p, err := native.Compile(g, native.Options{State: []native.State{{Param: "w", Next: "next"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	y := tensor.New(tensor.Float32, 4)
	if err := p.Run(context.Background(), []tensor.Tensor{tensor.Full(float32(1), 4)}, []tensor.Tensor{{}, y}); err != nil {
		t.Fatal(err)
	}
	if want := []float32{5, 12, 21, 32}; !slices.Equal(y.Float32(), want) {
		t.Errorf("y = %v, want %v", y.Float32(), want)
	}
}

// A product that is fused into a later sum still reads the parameter as it was.
func TestStateWaitsForFusedReaders(t *testing.T) {
	b := graph.NewBuilder("fused")
	x := b.Input("x", tensor.Float32, graph.Fix(4))
	w := b.Param("w", tensor.Of([]float32{1, 2, 3, 4}, 4))
	product := b.Mul(w, x)
	next := b.Op("Neg", nil, w)
	b.Output("next", next)
	b.Output("y", b.Add(product, next))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	p, err := native.Compile(g, native.Options{State: []native.State{{Param: "w", Next: "next"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	y := tensor.New(tensor.Float32, 4)
	if err := p.Run(context.Background(), []tensor.Tensor{tensor.Full(float32(3), 4)}, []tensor.Tensor{{}, y}); err != nil {
		t.Fatal(err)
	}
	if want := []float32{2, 4, 6, 8}; !slices.Equal(y.Float32(), want) {
		t.Errorf("y = %v, want %v", y.Float32(), want)
	}
}
