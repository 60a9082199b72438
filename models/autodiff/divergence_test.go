package autodiff_test

import (
	"math"
	"strings"
	"testing"

	"fmtool/models"
	"fmtool/models/autodiff"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/noise"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
)

// network is the graph of a velocity network with random weights and the inputs of n rows, in float64.
func network(t *testing.T, n int, dims ...int) (*graph.Graph, []tensor.Tensor) {
	t.Helper()
	spec := flow.Spec{Dims: dims, Condition: flow.Condition{Kind: flow.Labels, Classes: 2}, Schedule: flow.Linear, TimeMax: 1,
		Normaliser: flow.Normaliser{Kind: "none", Mean: []float32{0}, Scale: []float32{1}}}
	m, err := models.New(spec, &models.MLP{Width: 8, Depth: 2, Inject: true, Residual: true}, noise.New(1, noise.Weights))
	if err != nil {
		t.Fatal(err)
	}
	noise.New(2, noise.Weights).Normals(m.Weights["net.out.weight"].Float32(), 0)
	g, err := models.VelocityGraph(m)
	if err != nil {
		t.Fatal(err)
	}
	labels := make([]int64, n)
	for i := range labels {
		labels[i] = int64(i % 3)
	}
	return g, []tensor.Tensor{uniform(-1, 1, append([]int{n}, dims...)...), tensor.Full(0.3, 1, 1), tensor.Of(labels, n)}
}

// evaluate runs a graph through the bytes of its file in float64.
func evaluate(t *testing.T, g *graph.Graph, in []tensor.Tensor, shapes ...[]int) []tensor.Tensor {
	t.Helper()
	f, err := onnx.FromGraph(g, onnx.Wide, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Check(); err != nil {
		t.Fatal(err)
	}
	p, err := native.Engine{}.Open(f.Marshal(), engine.Options{Float64: true})
	if err != nil {
		t.Fatal(err)
	}
	out := make([]tensor.Tensor, len(shapes))
	for i, s := range shapes {
		out[i] = tensor.New(tensor.Float64, s...)
	}
	if err := p.Run(t.Context(), in, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// The divergence is the sum of central differences, over all elements or the kept ones; unit probes give its terms; and the field itself is
// unchanged.
func TestDivergence(t *testing.T) {
	const n, h = 3, 1e-5
	for _, dims := range [][]int{{1}, {3}, {1, 2, 2}} {
		g, in := network(t, n, dims...)
		size := tensor.Size(dims)
		plain := evaluate(t, g, in, in[0].Shape())[0].Float64()
		diagonal := make([]float64, n*size) // ∂u_i/∂x_i
		for i := range size {
			side := func(h float64) []float64 {
				x := in[0].Clone()
				for r := range n {
					x.Float64()[r*size+i] += h
				}
				return evaluate(t, g, []tensor.Tensor{x, in[1], in[2]}, x.Shape())[0].Float64()
			}
			up, down := side(h), side(-h)
			for r := range n {
				diagonal[r*size+i] = (up[r*size+i] - down[r*size+i]) / (2 * h)
			}
		}
		for _, keep := range [][]bool{nil, append([]bool{true}, make([]bool, size-1)...)} {
			exact, err := autodiff.WithDivergence(g, 0, keep)
			if err != nil {
				t.Fatal(err)
			}
			out := evaluate(t, exact, in, in[0].Shape(), []int{1, n})
			for r := range n {
				want := 0.0
				for i := range size {
					if keep == nil || keep[i] {
						want += diagonal[r*size+i]
					}
				}
				if got := out[1].Float64()[r]; math.Abs(got-want) > 1e-6 {
					t.Errorf("%v, keep %v, row %d: divergence %g, by differences %g", dims, keep, r, got, want)
				}
			}
			for i, u := range out[0].Float64() {
				if u != plain[i] {
					t.Errorf("%v: u[%d] = %g beside the divergence, %g alone", dims, i, u, plain[i])
				}
			}
		}
		probed, err := autodiff.WithDivergence(g, size, nil)
		if err != nil {
			t.Fatal(err)
		}
		probes := tensor.New(tensor.Float64, append([]int{size, n}, dims...)...)
		for p := range size {
			for r := range n {
				probes.Float64()[(p*n+r)*size+p] = 1
			}
		}
		out := evaluate(t, probed, append(in[:len(in):len(in)], probes), in[0].Shape(), []int{size, n})
		for p := range size {
			for r := range n {
				if got, want := out[1].Float64()[p*n+r], diagonal[r*size+p]; math.Abs(got-want) > 1e-6 {
					t.Errorf("%v: probe %d, row %d: %g, by differences %g", dims, p, r, got, want)
				}
			}
		}
	}
}

// What has no divergence is refused with what it is.
func TestDivergenceRefuses(t *testing.T) {
	g, _ := network(t, 2, 3)
	for name, c := range map[string]struct {
		probes int
		keep   []bool
		want   string
	}{
		"other width": {0, []bool{true}, "rows of 3"},
		"nothing":     {0, make([]bool, 3), "no element"},
		"less":        {-1, nil, "-1 probes"},
	} {
		if _, err := autodiff.WithDivergence(g, c.probes, c.keep); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want a word about %q", name, err, c.want)
		}
	}
	b := graph.NewBuilder("open")
	x := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Sym("width"))
	b.Output("u", b.Neg(x))
	open, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := autodiff.WithDivergence(open, 0, nil); err == nil || !strings.Contains(err.Error(), "fixed") {
		t.Errorf("rows of unknown width: %v", err)
	}
}
