package runtime_test

import (
	"testing"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/ort/orttest"
	"fmtool/runtime/solver"
)

// With steps of their own, rows do not depend on the rows around them on onnxruntime either. Its kernels may round a row otherwise in a batch of another
// size, which a solver carries on: the last bits may differ, and no more.
func TestAdaptiveRowsOnOnnxruntime(t *testing.T) {
	file, _ := networkFile(t, spec(flow.Condition{Kind: flow.Labels, Classes: 3}, 2, 3))
	m, err := runtime.Open(orttest.Engine(t), file, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	y := make([]int64, 50)
	for i := range y {
		y[i] = int64(i % 4)
	}
	draw := func(batch, from, n int) []float32 {
		dst := tensor.New(tensor.Float32, n, 2, 3)
		s := runtime.Sampler{Field: m, Adaptive: &solver.Adaptive{RTol: 1e-4, ATol: 1e-4}, Seed: 9, Offset: uint64(from), Batch: batch}
		if _, err := s.Sample(t.Context(), dst, tensor.Of(y[from:from+n], n)); err != nil {
			t.Fatal(err)
		}
		return dst.Float32()
	}
	whole := draw(50, 0, 50)
	for name, d := range map[string]float64{
		"in batches of 7": worst32(draw(7, 0, 50), whole), "alone": worst32(draw(50, 20, 1), whole[20*6:21*6]), "among five": worst32(draw(50, 20, 5), whole[20*6:25*6]),
	} {
		t.Logf("%s: %g apart, of numbers near 10", name, d)
		if d > 1e-5 {
			t.Errorf("%s: %g apart", name, d)
		}
	}
}

// The graph of a field with its divergence is of ordinary operators: onnxruntime gives the same log-densities, exact and by probes, for networks with
// labels, with vectors and for images.
func TestLikelihoodOnOnnxruntime(t *testing.T) {
	ort := orttest.Engine(t)
	for name, s := range map[string]flow.Spec{
		"labels":  spec(flow.Condition{Kind: flow.Labels, Classes: 3, Drop: 0.1}, 2),
		"vectors": spec(flow.Condition{Kind: flow.Vector, Width: 2, Drop: 0.1}, 3),
		"images":  spec(flow.Condition{Kind: flow.Unconditional}, 1, 2, 3),
	} {
		file, s := networkFile(t, s)
		rows := tensor.New(tensor.Float32, 5, s.Dim())
		for i := range rows.Float32() {
			rows.Float32()[i] = 10 + float32(i%5) - 2
		}
		for _, d := range []runtime.Divergence{{}, {Probes: 3, Seed: 2}} {
			var logs [2][]float64
			for i, e := range []engine.Engine{native.Engine{}, ort} {
				f, err := runtime.OpenDivergence(e, file, engine.Options{}, d)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				found, err := (runtime.Likelihood{Field: f, Steps: 10, Batch: 3}).Data(t.Context(), rows, tensor.Tensor{})
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				logs[i] = found.Log
				if err := f.Close(); err != nil {
					t.Error(err)
				}
			}
			for i, v := range logs[0] {
				if diff := max(v-logs[1][i], logs[1][i]-v); diff > 1e-3*max(1, -v/10) {
					t.Errorf("%s, %d probes, row %d: native %g, onnxruntime %g", name, d.Probes, i, v, logs[1][i])
				}
			}
		}
	}
}
