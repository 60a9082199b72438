package export_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"fmtool/export"
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
)

// BenchmarkSamplerLoop times 50 Euler steps of sampler.onnx, one Loop, against the library's sampler around velocity.onnx on the same engine, in turns: MLP 3×64 in
// two dimensions, noise included on both sides. The ratio of the medians is what the Loop costs.
func BenchmarkSamplerLoop(b *testing.B) {
	const steps = 50
	m := model(b, spec(flow.Condition{Kind: flow.Unconditional}, 2), &models.MLP{Width: 64, Depth: 3})
	velocity, _, err := export.Velocity(b.Context(), m, export.Options{Checks: checks()})
	if err != nil {
		b.Fatal(err)
	}
	file, _, err := export.Sampler(b.Context(), m, export.Options{Checks: checks()})
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range engines(b) {
		field, err := runtime.Open(e.Engine, velocity, engine.Options{})
		if err != nil {
			b.Fatal(err)
		}
		whole, err := e.Engine.Open(file, engine.Options{})
		if err != nil {
			b.Fatal(err)
		}
		for _, n := range []int{1, 64, 1024} {
			b.Run(fmt.Sprintf("%s/N=%d", e.Name, n), func(b *testing.B) {
				samples, x0, k := tensor.New(tensor.Float32, n, 2), tensor.New(tensor.Float32, n, 2), tensor.Scalar(int64(steps))
				sampler := runtime.Sampler{Field: field, Steps: steps}
				var graph, library []time.Duration
				for b.Loop() {
					graph = append(graph, timed(b, func() error {
						noise.New(0, noise.Sampling).Rows(x0.Float32(), 0, 2)
						return whole.Run(b.Context(), []tensor.Tensor{x0, k}, []tensor.Tensor{samples})
					}))
					library = append(library, timed(b, func() error { _, err := sampler.Sample(b.Context(), samples, tensor.Tensor{}); return err }))
				}
				b.ReportMetric(float64(median(graph))/float64(median(library)), "loop/library")
				b.ReportMetric(float64(median(graph))/steps/1e3, "µs/step")
			})
		}
		_, _ = field.Close(), whole.Close()
	}
}

func timed(b *testing.B, f func() error) time.Duration {
	start := time.Now()
	if err := f(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}
