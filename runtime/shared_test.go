package runtime_test

import (
	"context"
	"testing"

	"fmtool/export"
	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
)

// sharedField is x·(t + 1) in two dimensions, with one time for all rows.
func sharedField(t *testing.T) []byte {
	t.Helper()
	b := graph.NewBuilder("main")
	x, at := b.Input("x", tensor.Float32, graph.Sym("rows"), graph.Fix(2)), b.Input("t", tensor.Float32)
	b.Output("v", b.Mul(x, b.Shift(at, 1)))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.FromGraph(g, onnx.Wide, nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := export.Adopt(m.Marshal(), map[string]string{"prediction": "velocity"})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// A field of one time for all rows serves rows with a time each as if each were alone; its divergence says that it cannot.
func TestSharedTime(t *testing.T) {
	m, err := runtime.Open(native.Engine{}, sharedField(t), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	x, u := tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 3, 2), tensor.New(tensor.Float32, 3, 2)
	if err := m.Velocity(context.Background(), u, x, tensor.Of([]float32{0.5, 0.5, 1}, 3, 1), tensor.Tensor{}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float32{1.5, 3, 4.5, 6, 10, 12} {
		if got := u.Float32()[i]; got != want {
			t.Errorf("element %d = %g, want %g", i, got, want)
		}
	}
	d, err := runtime.OpenDivergence(native.Engine{}, sharedField(t), engine.Options{}, runtime.Divergence{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	div, u64 := tensor.New(tensor.Float64, 1, 3), tensor.New(tensor.Float64, 3, 2)
	at := func(t ...float64) error {
		return d.VelocityDivergence(context.Background(), u64, div, x.Convert(tensor.Float64), tensor.Of(t, len(t), 1), tensor.Tensor{}, tensor.Tensor{})
	}
	if err := at(0.5, 0.5, 0.5); err != nil || div.Float64()[2] != 3 {
		t.Errorf("equal times: %v, divergence %v, want 3", err, div.Float64())
	}
	if err := at(0.5, 0.5, 1); err == nil {
		t.Error("unequal times: no error")
	}
}
