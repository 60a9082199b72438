package runtime_test

import (
	"context"
	"fmt"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
)

// unitFile is the file of the field between N(0, 1) and N(0, 1) on the straight path, u = x (2t − 1)/(t² + (1−t)²), for data in units of 2 around 10.
func unitFile() []byte {
	b := graph.NewBuilder("unit")
	x, t := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(1)), b.Input("t", tensor.Float32, graph.Sym(graph.TimeDim), graph.Fix(1))
	s := b.Shift(b.Neg(t), 1)
	b.Output("velocity", b.Mul(x, b.Div(b.Shift(b.Scale(t, 2), -1), b.Add(b.Mul(t, t), b.Mul(s, s)))))
	g, err := b.Graph()
	if err != nil {
		panic(err)
	}
	f, err := onnx.FromGraph(g, onnx.Wide, spec(flow.Condition{Kind: flow.Unconditional}, 1).Metadata())
	if err != nil {
		panic(err)
	}
	return f.Marshal()
}

// The log-density of the mean of N(10, 2²) is −ln(2 √(2π)) = −1.6121, one deviation off it is half a nat less.
func ExampleLikelihood() {
	f, err := runtime.OpenDivergence(native.Engine{}, unitFile(), engine.Options{}, runtime.Divergence{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close() //nolint:errcheck // it only frees
	d, err := runtime.Likelihood{Field: f}.Data(context.Background(), tensor.Of([]float32{10, 12}, 2, 1), tensor.Tensor{})
	fmt.Printf("%.4f %v\n", d.Log, err)
	// Output: [-1.6121 -2.1121] <nil>
}

// Half-way between noise and data of the same spread, a point is expected to come from data at its own place.
func ExamplePosteriorMean() {
	m, err := runtime.Open(native.Engine{}, unitFile(), engine.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close() //nolint:errcheck // it only frees
	x, mean := tensor.Of([]float32{0.5}, 1, 1), tensor.New(tensor.Float32, 1, 1)
	err = runtime.PosteriorMean(context.Background(), m, mean, x, tensor.Of([]float32{0.5}, 1, 1), tensor.Tensor{})
	fmt.Printf("%.2f %v\n", mean.Float32(), err)
	// Output: [0.50] <nil>
}

// A field of two labels that move to −1 and 1, guided by 3 towards the second, moves to 1 + 2 (1 − 0): the unconditional one stays.
func ExampleGuide() {
	f := &formula{u: func(_, _ float32, y int64) float32 { return []float32{-1, 1, 0}[y] }, drop: 0.1}
	g, err := runtime.Guide(f, runtime.Guidance{Weight: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	u := tensor.New(tensor.Float32, 1, 1)
	err = g.Velocity(context.Background(), u, tensor.New(tensor.Float32, 1, 1), tensor.New(tensor.Float32, 1, 1), tensor.Of([]int64{1}, 1))
	fmt.Println(u.Float32(), err)
	// Output: [3] <nil>
}
