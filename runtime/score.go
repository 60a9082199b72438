package runtime

import (
	"context"
	"fmt"
	"math"

	"fmtool/models/flow"
	"fmtool/models/tensor"
)

// Score writes ∇ log p_t(x) of a field: Predict of flow.Score. It has no limit at t = 1, where β = 0, which is an error.
func Score(ctx context.Context, f VelocityField, dst, x, t, y tensor.Tensor) error {
	return Predict(ctx, f, flow.Score, dst, x, t, y)
}

// PosteriorMean writes E[x1 | x_t = x], the data that a noisy point is expected to come from [EF11]: Predict of flow.X1. At t = 1 it is x itself.
func PosteriorMean(ctx context.Context, f VelocityField, dst, x, t, y tensor.Tensor) error {
	return Predict(ctx, f, flow.X1, dst, x, t, y)
}

// Predict writes what a field knows of a quantity at x_t = x, a x + b u with a, b from flow.Coeffs.Convert at each row's time, held to those of
// training. Where the velocity does not tell but x itself does, x does: x1 = x/α where β = 0, noise = x/β and score = −x/β² where α = 0.
//
//	dst, x, t, y   as of VelocityField.Velocity, model space; dst must not be x
//
// Where neither tells, as of x1 at t = 0 on a polynomial schedule, and where the model's training left no such relation (flow.Spec.CheckScore, and
// path noise for every quantity but the velocity), it is an error.
func Predict(ctx context.Context, f VelocityField, q flow.Quantity, dst, x, t, y tensor.Tensor) error {
	spec := f.Spec()
	if err := checkQuantity(spec, q); err != nil {
		return err
	}
	if err := f.Velocity(ctx, dst, x, t, y); err != nil {
		return err
	}
	dim, out, in, times := spec.Dim(), dst.Float32(), x.Float32(), t.Float32()
	var a, b float64
	var err error
	for i := range x.Dim(0) {
		if i < len(times) {
			if a, b, err = fromVelocity(spec, float64(times[i]), q); err != nil {
				return err
			}
		}
		for j := i * dim; j < (i+1)*dim; j++ {
			out[j] = float32(a*float64(in[j]) + b*float64(out[j]))
		}
	}
	return nil
}

func checkQuantity(spec flow.Spec, q flow.Quantity) error {
	if q == flow.Score {
		return spec.CheckScore()
	}
	if q != flow.Velocity && spec.Sigma > 0 {
		return fmt.Errorf("runtime: the model was trained with path noise sigma %g: its velocity gives no %v, which needs sigma 0", spec.Sigma, q)
	}
	return nil
}

// fromVelocity is a, b of q = a x + b u at a time.
func fromVelocity(spec flow.Spec, t float64, q flow.Quantity) (a, b float64, err error) {
	c := spec.Schedule.At(min(max(t, spec.TimeMin), spec.TimeMax))
	const none = 1e-12 // of α or β: what rounding leaves of 0
	switch {
	case q == flow.X1 && math.Abs(c.Beta) < none:
		return 1 / c.Alpha, 0, nil
	case q == flow.Noise && math.Abs(c.Alpha) < none:
		return 1 / c.Beta, 0, nil
	case q == flow.Score && math.Abs(c.Alpha) < none:
		return -1 / (c.Beta * c.Beta), 0, nil
	}
	a, b = c.Convert(flow.Velocity, q)
	if !(math.Abs(a) < maxSlope && math.Abs(b) < maxSlope) {
		return 0, 0, fmt.Errorf("runtime: the velocity at t = %g on the %s schedule tells no %v: choose a time within 0 to 1",
			t, spec.Schedule.Name(), q)
	}
	return a, b, nil
}
