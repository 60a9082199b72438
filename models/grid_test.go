package models_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
)

// The times of a sampler's steps in a graph are flow.Grid's for every distribution that has a formula, exactly 0 and 1 at the ends; the others are refused.
func TestGridTime(t *testing.T) {
	grids := []string{"uniform", "shift:3", "shift:0.2", "u-shaped:4", "u-shaped:0.5 shift:2", "logit-normal:0,1", "logit-normal:-1,2", "logit-normal:0.5,0.3 shift:3"}
	for _, name := range flow.TimesNames() {
		if name != "beta" {
			grids = append(grids, name)
		}
	}
	const n = 1000
	q := make([]float32, n+1)
	for k := range q {
		q[k] = float32(k) / n
	}
	for _, text := range grids {
		g, err := flow.ParseGrid(text)
		if err != nil {
			t.Fatal(err)
		}
		b := graph.NewBuilder("grid")
		b.Output("t", models.GridTime(b, g, b.Input("q", tensor.Float32, graph.Fix(n+1), graph.Fix(1))))
		p, err := b.Graph()
		if err != nil {
			t.Fatal(err)
		}
		plan, err := native.Compile(p, native.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := tensor.New(tensor.Float32, n+1, 1)
		if err := plan.Run(context.Background(), []tensor.Tensor{tensor.Of(q, n+1, 1)}, []tensor.Tensor{got}); err != nil {
			t.Fatal(err)
		}
		for k, at := range got.Float32() {
			want := g.At(float64(k) / n)
			if d := math.Abs(float64(at) - want); !(d <= 3e-7) || (k == 0 || k == n) && float64(at) != want {
				t.Errorf("%s: share %d/%d at %g, want %g", text, k, n, at, want)
			}
		}
	}
	beta, err := flow.ParseGrid("beta:2,3")
	if err != nil {
		t.Fatal(err)
	}
	b := graph.NewBuilder("grid")
	models.GridTime(b, beta, b.Input("q", tensor.Float32, graph.Fix(1), graph.Fix(1)))
	if err := b.Err(); err == nil || !strings.Contains(err.Error(), "fix the number of steps") {
		t.Errorf("beta: %v", err)
	}
}
