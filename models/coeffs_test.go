package models_test

import (
	"fmt"
	"math"
	"testing"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// In a graph the rows of the quantities, the factors between them and the weights are flow's, at every time that some model is trained at.
func TestPathIsFlows(t *testing.T) {
	var quantities []flow.Quantity
	for q := flow.Velocity; q <= flow.Score; q++ {
		quantities = append(quantities, q)
	}
	at := []float32{0.01, 0.2, 0.5, 0.77, 0.99}
	for _, name := range append(flow.Schedules(), "polynomial:3", "points:0,0,1;0.3,0.5,0.6;1,1,0") {
		s, err := flow.ParseSchedule(name)
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string, formula func(models.Path) *graph.Value, want func(flow.Coeffs) float64) {
			b := graph.NewBuilder(what)
			x, times := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(1)), b.Input("t", tensor.Float32, graph.Sym("batch"), graph.Fix(1))
			b.Output("y", b.Mul(x, formula(models.NewPath(b, flow.Spec{Dims: []int{1}, Schedule: s}, times))))
			g, err := b.Graph()
			if err != nil {
				t.Fatalf("%s, %s: %v", name, what, err)
			}
			ones := tensor.New(tensor.Float32, len(at), 1)
			for i := range at {
				ones.Float32()[i] = 1
			}
			for i, got := range execute(t, g, ones, tensor.Of(at, len(at), 1)) {
				if w := want(s.At(float64(at[i]))); math.Abs(float64(got)-w) > 2e-6*max(1, math.Abs(w)) {
					t.Errorf("%s, %s at t = %g: %g, want %g", name, what, at[i], got, w)
				}
			}
		}
		for _, q := range quantities {
			for k := range 2 {
				check(fmt.Sprint("row ", q, k), func(p models.Path) *graph.Value { return p.Row(q)[k] }, func(c flow.Coeffs) float64 { return c.Row(q)[k] })
			}
			for _, to := range quantities {
				gain := func(c flow.Coeffs) float64 { _, g := c.Convert(q, to); return g }
				check(fmt.Sprint(q, " to ", to), func(p models.Path) *graph.Value { return p.Gain(q, to) }, gain)
			}
		}
		for _, text := range flow.WeightNames()[1:] {
			w, err := flow.ParseWeight(text)
			if err != nil {
				t.Fatal(err)
			}
			check("weight "+text, func(p models.Path) *graph.Value { return p.Weight(w) }, w.At)
		}
	}
}
