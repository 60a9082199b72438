package runtime_test

import (
	"testing"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/ort/orttest"
)

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
