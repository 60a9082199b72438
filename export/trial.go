package export

import (
	"context"
	"fmt"
	"math"

	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
	"fmtool/runtime/solver"
)

// trial is one comparison: what a program is to compute, what float64 says, and how far apart they may be.
type trial struct {
	graph     string // for the report's row
	against   string // what the reference is, beside float64
	batch     int
	tolerance float64
	run       func(ctx context.Context, p program) (tensor.Tensor, error)
	want      []float64
	expect    func(ctx context.Context, s suspect) ([]float64, error) // want, if the graph had that mistake; nil: not known
	units     *flow.Normaliser                                        // of results in data units; nil: they are in model space
}

// program is an opened file and the floating-point type it computes in.
type program struct {
	engine.Program
	float tensor.DType
}

// evaluate runs the program on float32 numbers, converted to its type, for a result of the shape; another one, if there is more, is not wanted.
func (p program) evaluate(ctx context.Context, in []tensor.Tensor, shape []int, more bool) (tensor.Tensor, error) {
	own := make([]tensor.Tensor, len(in))
	for i, t := range in {
		if own[i] = t; t.DType().IsFloat() {
			own[i] = t.Convert(p.float)
		}
	}
	out := []tensor.Tensor{tensor.New(p.float, shape...)}
	if more {
		out = append(out, tensor.Tensor{})
	}
	return out[0], p.Run(ctx, own, out)
}

// solve takes the program, a velocity field with the inputs in (x, t and the rest), from in's x along the times, each held to those of training: float32
// programs as samplers do, float64 ones with states in float64.
func (p program) solve(ctx context.Context, m solver.Tableau, times []float64, s flow.Spec, in []tensor.Tensor) (tensor.Tensor, error) {
	held := func(t float64) float64 { return min(max(t, s.TimeMin), s.TimeMax) }
	shape := in[0].Shape()
	own := append([]tensor.Tensor{}, in...)
	own[1] = tensor.New(tensor.Float32, 1, 1)
	if p.float == tensor.Float32 {
		stepper := solver.NewStepper(m, in[0].Len())
		copy(stepper.State(), in[0].Float32())
		err := stepper.Run(ctx, func(ctx context.Context, dst, x []float32, t float32) error {
			own[0], own[1].Float32()[0] = tensor.Of(x, shape...), float32(held(float64(t)))
			return p.Run(ctx, own, []tensor.Tensor{tensor.Of(dst, shape...)})
		}, times, nil)
		return tensor.Of(stepper.State(), shape...), err
	}
	for i, t := range own {
		if t.DType().IsFloat() {
			own[i] = t.Convert(p.float)
		}
	}
	var x []float64
	for s, err := range m.Solve(ctx, func(ctx context.Context, dst, x []float64, t float64) error {
		own[0], own[1].Float64()[0] = tensor.Of(x, shape...), held(t)
		return p.Run(ctx, own, []tensor.Tensor{tensor.Of(dst, shape...)})
	}, own[0].Float64(), times) {
		if err != nil {
			return tensor.Tensor{}, err
		}
		x = s.X
	}
	return tensor.Of(x, shape...), nil
}

// difference is max|got − want| / max(1, max|want|), the largest number if that is not finite. Results in data units are taken to model space first, after what
// rounding to data units in float32 may cost.
func (t trial) difference(got []float64) (float64, error) {
	worst, scale := 0.0, 1.0
	for i, w := range t.want {
		if math.IsNaN(w) || math.IsInf(w, 0) {
			return 0, fmt.Errorf("the result is %v at element %d even in float64: the weights are broken", w, i)
		}
		g, unit, slack := got[i], 1.0, 0.0
		if n := t.units; n != nil {
			mean := float64(n.Mean[i%len(n.Mean)])
			unit = float64(n.Scale[i%len(n.Scale)])
			slack = rounding * max(math.Abs(mean), math.Abs(w))
			w -= mean
			g -= mean
		}
		scale = max(scale, math.Abs(w)/unit)
		worst = max(worst, max(math.Abs(g-w)-slack, 0)/unit) // max keeps a NaN
	}
	if !(worst <= math.MaxFloat64) {
		return math.MaxFloat64, nil
	}
	return worst / scale, nil
}

// ulps counts the results by their distance.
func (t trial) ulps(got []float64) (u Ulps) {
	for i, w := range t.want {
		u.add(got[i], w)
	}
	return u
}

// rounding is what float32 may lose of a number in a product and a sum, relative to the larger: twice half a unit of the last place, and half a unit for the
// numbers in between.
const rounding = 2.0 / (1 << 24)

// inputs are what the velocity field of a file takes, beside guidance: n random rows at times random times, and each condition in turn; salt makes them others.
func (d *described) inputs(n, times int, salt uint64) []tensor.Tensor {
	s := noise.New(0, noise.Probe).Sub(uint32(salt))
	draw := func(part uint32, shape ...int) tensor.Tensor {
		t := tensor.New(tensor.Float32, shape...)
		s.Sub(part).Normals(t.Float32(), 0)
		return t
	}
	t := tensor.New(tensor.Float32, times, 1)
	s.Sub(1).Uniforms(t.Float32(), 0)
	in := []tensor.Tensor{draw(0, append([]int{n}, d.spec.Dims...)...), t}
	switch c := d.spec.Condition; c.Kind {
	case flow.Labels:
		y := make([]int64, n)
		for i := range y {
			y[i] = int64((i + int(salt)) % (c.Classes + 1))
		}
		y[n-1] = int64(c.Classes) // none
		in = append(in, tensor.Of(y, n))
	case flow.Vector:
		drop := tensor.New(tensor.Float32, n, 1)
		for i := range n {
			drop.Float32()[i] = float32((i + int(salt)) % 2)
		}
		in = append(in, draw(2, n, c.Width), drop)
	}
	return in
}

// weights are guidance weights for n rows: by salt 1 or 3 for all, or one for each from 0 to 3.
func (d *described) weights(n int, salt uint64) []tensor.Tensor {
	if !d.guided {
		return nil
	}
	if salt%2 == 0 {
		return []tensor.Tensor{tensor.Full(float32(1+salt%4), 1)}
	}
	w := make([]float32, n)
	for i := range w {
		w[i] = float32(i % 4)
	}
	return []tensor.Tensor{tensor.Of(w, n)}
}
