package native

import (
	"math"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native/kernel"
)

func init() {
	register("LayerNormalization", prepareLayerNorm)
	register("InstanceNormalization", prepareInstanceNorm)
}

// moments are the mean and 1/√(variance + ε) of values, in float64.
func moments(v []float64, epsilon float64) (mean, inv float64) {
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	variance := 0.0
	for _, x := range v {
		variance += (x - mean) * (x - mean)
	}
	return mean, 1 / math.Sqrt(variance/float64(len(v))+epsilon)
}

func prepareLayerNorm(c *call) (func() error, error) {
	x := c.in[0]
	axis, err := graph.Axis(c.node.Int("axis", -1), x.Rank())
	if err != nil {
		return nil, err
	}
	rows, n := tensor.Size(x.Shape()[:axis]), tensor.Size(x.Shape()[axis:])
	epsilon := float64(c.node.Float("epsilon", 1e-5))
	means, invs := tensor.New(tensor.Float64, rows), tensor.New(tensor.Float64, rows)
	if gain, shift := c.in[1], absent(c.in, 2); x.DType() == tensor.Float32 && full32(gain, n) && (shift.IsZero() || full32(shift, n)) {
		var bias []float32
		if !shift.IsZero() {
			bias = shift.Float32()
		}
		return func() error {
			kernel.LayerNorm(c.out[0].Float32(), x.Float32(), gain.Float32(), bias, epsilon, means.Float64(), invs.Float64())
			writeMoments(c, means, invs)
			return nil
		}, nil
	}
	wide := tensor.New(tensor.Float64, x.Shape()...)
	scale, bias := stretched(c.in[1], x.Shape(), axis), stretched(absent(c.in, 2), x.Shape(), axis)
	return func() error {
		tensor.Convert(wide, x)
		g, b := scale(), bias()
		for r := range rows {
			v := wide.Float64()[r*n : (r+1)*n]
			mean, inv := moments(v, epsilon)
			means.Float64()[r], invs.Float64()[r] = mean, inv
			for i := range v {
				v[i] = (v[i] - mean) * inv * g[i]
				if b != nil {
					v[i] += b[i]
				}
			}
		}
		tensor.Convert(c.out[0], wide)
		writeMoments(c, means, invs)
		return nil
	}, nil
}

// full32 reports n numbers of float32, which need not be repeated.
func full32(t tensor.Tensor, n int) bool { return t.DType() == tensor.Float32 && t.Len() == n }

// writeMoments writes the results of a layer norm that ask for the rows' means and 1/√(variance + ε).
func writeMoments(c *call, means, invs tensor.Tensor) {
	for i, stat := range []tensor.Tensor{means, invs} {
		if 1+i < len(c.out) && !c.out[1+i].IsZero() {
			tensor.Convert(c.out[1+i], stat)
		}
	}
}

// stretched reads a scale or bias as float64 values of the normalised dimensions; nil if it is absent.
func stretched(t tensor.Tensor, shape []int, axis int) func() []float64 {
	if t.IsZero() {
		return func() []float64 { return nil }
	}
	inner := shape[axis:]
	wide, full := tensor.New(tensor.Float64, t.Shape()...), tensor.New(tensor.Float64, inner...)
	s := t.Shape()
	for len(s) > len(inner) { // leading lengths of 1
		s = s[1:]
	}
	fill := move(full, wide, newWalk(inner, broadcastStrides(inner, s), 0))
	return func() []float64 {
		tensor.Convert(wide, t)
		_ = fill() // moving cannot fail
		return full.Float64()
	}
}

func prepareInstanceNorm(c *call) (func() error, error) {
	x := c.in[0]
	channels := x.Dim(1)
	n := tensor.Size(x.Shape()[2:])
	epsilon := float64(c.node.Float("epsilon", 1e-5))
	wide := tensor.New(tensor.Float64, x.Shape()...)
	scale, bias := tensor.New(tensor.Float64, channels), tensor.New(tensor.Float64, channels)
	return func() error {
		tensor.Convert(wide, x)
		tensor.Convert(scale, c.in[1])
		tensor.Convert(bias, c.in[2])
		for r := range x.Dim(0) * channels {
			v := wide.Float64()[r*n : (r+1)*n]
			mean, inv := moments(v, epsilon)
			g, b := scale.Float64()[r%channels], bias.Float64()[r%channels]
			for i := range v {
				v[i] = (v[i]-mean)*inv*g + b
			}
		}
		tensor.Convert(c.out[0], wide)
		return nil
	}, nil
}
