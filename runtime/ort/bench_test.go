//go:build cgo

package ort_test

import (
	"fmt"
	"testing"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/ort/orttest"
)

// BenchmarkEulerLoop times 100 Euler steps of a sampler through onnxruntime against 100 bare runs of the same session, side by side: MLP 3×64 in two
// dimensions. The ratio is what the loop around the session costs.
func BenchmarkEulerLoop(b *testing.B) {
	e := orttest.Engine(b)
	spec := flow.Spec{Dims: []int{2}, Schedule: flow.Linear, TimeMax: 1, Condition: flow.Condition{Kind: flow.Unconditional},
		Normaliser: flow.Normaliser{Kind: "none", Mean: []float32{0}, Scale: []float32{1}}}
	m, err := models.New(spec, &models.MLP{Width: 64, Depth: 3}, noise.New(1, noise.Weights))
	if err != nil {
		b.Fatal(err)
	}
	g, err := models.VelocityGraph(m)
	if err != nil {
		b.Fatal(err)
	}
	file, err := onnx.FromGraph(g, onnx.Wide, m.Spec.Metadata())
	if err != nil {
		b.Fatal(err)
	}
	field, err := runtime.Open(e, file.Marshal(), engine.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer field.Close() //nolint:errcheck // a benchmark
	program, err := e.Open(file.Marshal(), engine.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer program.Close() //nolint:errcheck // a benchmark
	for _, n := range []int{1, 64, 1024} {
		b.Run(fmt.Sprint("N=", n), func(b *testing.B) {
			x, u, at := tensor.New(tensor.Float32, n, 2), tensor.New(tensor.Float32, n, 2), tensor.New(tensor.Float32, 1, 1)
			sampler := runtime.Sampler{Field: field, Steps: 100}
			in, out := []tensor.Tensor{x, at}, []tensor.Tensor{u}
			var loop, bare stopwatch
			for b.Loop() {
				loop.time(func() error { _, err := sampler.Sample(b.Context(), x, tensor.Tensor{}); return err }, b)
				bare.time(func() error {
					for range 100 {
						if err := program.Run(b.Context(), in, out); err != nil {
							return err
						}
					}
					return nil
				}, b)
			}
			b.ReportMetric(loop.median()/bare.median(), "loop/bare")
			b.ReportMetric(loop.median()/100*1e6, "µs/step")
		})
	}
}
