package runtime_test

import (
	"math"
	"strings"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/solver"
)

// Rows whose way leaves the float32 numbers are an error that names the row, by given and by chosen steps and when denoised: no NaN is a result.
func TestNoResultIsNaN(t *testing.T) {
	s := spec(flow.Condition{Kind: flow.Unconditional}, 2)
	s.Normaliser.Scale = []float32{0.1}
	m := open(t, s)
	rows := func() tensor.Tensor { return tensor.Of([]float32{1, 2, math.MaxFloat32, 3}, 2, 2) }
	_, given := runtime.Sampler{Field: m, Steps: 3}.Encode(t.Context(), rows(), rows(), tensor.Tensor{})
	_, chosen := runtime.Sampler{Field: m, Adaptive: &solver.Adaptive{}}.Encode(t.Context(), rows(), rows(), tensor.Tensor{})
	denoised := runtime.Denoiser{Field: m, Time: 0.5}.Denoise(t.Context(), rows(), tensor.Tensor{})
	for name, err := range map[string]error{"given steps": given, "chosen steps": chosen, "denoised": denoised} {
		if err == nil || !strings.Contains(err.Error(), "row") {
			t.Errorf("%s: got %v, want an error that names the row", name, err)
		}
	}
}
