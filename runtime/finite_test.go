package runtime_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/solver"
)

// Rows whose way leaves the float32 numbers are an error that names the row, by given and by chosen steps, on the way and when denoised: no NaN is a result.
func TestNoResultIsNaN(t *testing.T) {
	s := spec(flow.Condition{Kind: flow.Unconditional}, 2)
	s.Normaliser.Scale = []float32{0.1}
	m := open(t, s)
	rows := func() tensor.Tensor { return tensor.Of([]float32{1, 2, math.MaxFloat32, 3}, 2, 2) }
	_, given := runtime.Sampler{Field: m, Steps: 3}.Encode(t.Context(), rows(), rows(), tensor.Tensor{})
	_, chosen := runtime.Sampler{Field: m, Adaptive: &solver.Adaptive{}}.Encode(t.Context(), rows(), rows(), tensor.Tensor{})
	denoised := runtime.Denoiser{Field: m, Time: 0.5}.Denoise(t.Context(), rows(), tensor.Tensor{})
	frames := 0
	var way error
	for _, way = range (runtime.Sampler{Field: explosion{m}, Steps: 3}).Trajectory(t.Context(), 2, tensor.Tensor{}) {
		frames++
	}
	if frames != 2 { // the noise, and the error in place of the next
		t.Errorf("%d frames of a way that leaves the numbers at once", frames)
	}
	for name, err := range map[string]error{"given steps": given, "chosen steps": chosen, "denoised": denoised, "on the way": way} {
		if err == nil || !strings.Contains(err.Error(), "row") {
			t.Errorf("%s: got %v, want an error that names the row", name, err)
		}
	}
}

// explosion is a field without bounds.
type explosion struct{ runtime.VelocityField }

func (explosion) Velocity(_ context.Context, dst, _, _, _ tensor.Tensor) error {
	for i := range dst.Float32() {
		dst.Float32()[i] = float32(math.Inf(1))
	}
	return nil
}
