package native_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
)

// Floats from 2⁶³ to 2⁶⁴ have a uint64 of their own; beyond it the largest stands, and NaN is 0.
func TestCastToUint64(t *testing.T) {
	b := graph.NewBuilder("cast")
	x := b.Input("x", tensor.Float64, graph.Fix(6))
	b.Output("y", b.Op("Cast", graph.Attrs{"to": int64(graph.Code(tensor.Uint64))}, x))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	p, err := native.Compile(g, native.Options{})
	if err != nil {
		t.Fatal(err)
	}
	y := tensor.New(tensor.Uint64, 6)
	in := tensor.Of([]float64{2.9, 1 << 62, 1 << 63, 1.5e19, 1e30, math.NaN()}, 6)
	if err := p.Run(context.Background(), []tensor.Tensor{in}, []tensor.Tensor{y}); err != nil {
		t.Fatal(err)
	}
	want := []uint64{2, 1 << 62, 1 << 63, 15000000000000000000, math.MaxUint64, 0}
	if got := tensor.Data[uint64](y); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
