package native

import (
	"math"
	"slices"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native/kernel"
)

func init() {
	register("ReduceSum", reduction(func(acc, v float64) float64 { return acc + v }, func(acc, v int64) int64 { return acc + v }, 0, 0, false))
	register("ReduceMean", reduction(func(acc, v float64) float64 { return acc + v }, func(acc, v int64) int64 { return acc + v }, 0, 0, true))
	register("ReduceMax", reduction(greater[float64], greater[int64], math.Inf(-1), math.MinInt64, false))
	register("Softmax", prepareSoftmax)
}

// reduction accumulates floats in float64 and integers in int64, over the dimensions that the axes input names.
func reduction(f func(acc, v float64) float64, i func(acc, v int64) int64, start float64, startInt int64, mean bool) prepare {
	return func(c *call) (func() error, error) {
		x, out := c.in[0], c.out[0]
		over, err := reducedAxes(c)
		if err != nil {
			return nil, err
		}
		divisor := 1
		if mean && out.Len() > 0 {
			divisor = x.Len() / out.Len()
		}
		if v, ok := x.Any().([]float32); ok {
			fast := fastSum
			if c.node.Op == "ReduceMax" {
				fast = fastMax
			}
			if run := fast(v, out.Float32(), x.Shape(), over, float64(divisor)); run != nil {
				return run, nil
			}
		}
		to := newWalk(x.Shape(), keptStrides(x.Shape(), over), 0)
		if x.DType().IsFloat() {
			return reduceWide(x, out, tensor.New(tensor.Float64, x.Shape()...), tensor.New(tensor.Float64, out.Shape()...), to, f, start, float64(divisor)), nil
		}
		return reduceWide(x, out, tensor.New(tensor.Int64, x.Shape()...), tensor.New(tensor.Int64, out.Shape()...), to, i, startInt, int64(max(divisor, 1))), nil // no number: 0
	}
}

func reducedAxes(c *call) ([]bool, error) {
	var axes []int
	given := absent(c.in, 1)
	if !given.IsZero() {
		for _, a := range given.Convert(tensor.Int64).Int64() {
			axes = append(axes, int(a))
		}
	}
	return graph.ReduceAxes(c.node, axes, !given.IsZero(), c.in[0].Rank())
}

// keptStrides are the strides of the result walked as the operand: 0 along a reduced dimension.
func keptStrides(shape []int, over []bool) []int {
	strides := make([]int, len(shape))
	stride := 1
	for i := len(shape) - 1; i >= 0; i-- {
		if !over[i] {
			strides[i] = stride
			stride *= shape[i]
		}
	}
	return strides
}

// reduceWide converts, accumulates and converts back.
func reduceWide[T interface{ float64 | int64 }](x, out, wide, sum tensor.Tensor, to *walk, f func(acc, v T) T, start, divisor T) func() error {
	src, acc := tensor.Data[T](wide), tensor.Data[T](sum)
	return func() error {
		tensor.Convert(wide, x)
		for i := range acc {
			acc[i] = start
		}
		at := 0
		to.places(func(o int) {
			acc[o] = f(acc[o], src[at])
			at++
		})
		for i := range acc {
			acc[i] /= divisor
		}
		tensor.Convert(out, sum)
		return nil
	}
}

// places calls f with the place of each element in order.
func (w *walk) places(f func(at int)) {
	clear(w.count)
	for _, n := range w.dims {
		if n == 0 {
			return
		}
	}
	for at := w.offset; ; {
		f(at)
		d := len(w.dims) - 1
		for ; d >= 0; d-- {
			w.count[d]++
			at += w.strides[d]
			if w.count[d] < w.dims[d] {
				break
			}
			at -= w.strides[d] * w.dims[d]
			w.count[d] = 0
		}
		if d < 0 {
			return
		}
	}
}

// fastSum covers the sums that training meets: over everything, over leading dimensions (bias gradients), over trailing ones. It returns nil for others.
func fastSum(x, out []float32, shape []int, over []bool, divisor float64) func() error {
	first, last := 0, len(over)
	for first < len(over) && over[first] {
		first++
	}
	for last > 0 && over[last-1] {
		last--
	}
	all := func(list []bool, v bool) bool {
		for _, o := range list {
			if o != v {
				return false
			}
		}
		return true
	}
	switch {
	case all(over, true):
		return func() error { out[0] = float32(kernel.Sum(x) / divisor); return nil }
	case all(over[first:], false) && len(out) > 0: // rows are added
		sum := make([]float64, len(out))
		return func() error {
			clear(sum)
			kernel.SumRows(sum, x)
			for i, s := range sum {
				out[i] = float32(s / divisor)
			}
			return nil
		}
	case all(over[:last], false): // each row is summed
		n, sum := tensor.Size(shape[last:]), make([]float64, len(out))
		return func() error {
			kernel.RowSums(sum, x, n)
			for i, s := range sum {
				out[i] = float32(s / divisor)
			}
			return nil
		}
	}
	return nil
}

// sumSquares sums the squares of each of the rows of x, of which there are as many as results. They are added in float64 and never rounded to float32.
func sumSquares(x, out []float32) func() error {
	sum := make([]float64, len(out))
	return func() error {
		kernel.RowSquares(sum, x, len(x)/max(len(sum), 1))
		for i, s := range sum {
			out[i] = float32(s)
		}
		return nil
	}
}

// fastMax covers the largest of everything and over trailing dimensions. It returns nil for others.
func fastMax(x, out []float32, shape []int, over []bool, _ float64) func() error {
	last := len(over)
	for last > 0 && over[last-1] {
		last--
	}
	if slices.Contains(over[:last], true) {
		return nil
	}
	n := tensor.Size(shape[last:])
	return func() error {
		for i := range out {
			out[i] = kernel.Largest(x[i*n : (i+1)*n])
		}
		return nil
	}
}

// prepareSoftmax is eˣ⁻ᵐ/Σ along the axis, m the largest, in float64, or in float32 rows by their kernel.
func prepareSoftmax(c *call) (func() error, error) {
	x, out := c.in[0], c.out[0]
	axis, err := graph.Axis(c.node.Int("axis", -1), x.Rank())
	if err != nil {
		return nil, err
	}
	if x.Len() == 0 {
		return func() error { return nil }, nil
	}
	outer, inner := axisSizes(x.Shape(), axis)
	n := x.Dim(axis)
	if v, ok := x.Any().([]float32); ok && inner == 1 {
		dst := out.Float32()
		return func() error { kernel.Softmax(dst, v, n); return nil }, nil
	}
	wide := tensor.New(tensor.Float64, x.Shape()...)
	v := wide.Float64()
	return func() error {
		tensor.Convert(wide, x)
		for b := range outer {
			for j := range inner {
				softmaxRow(v[b*n*inner+j:], n, inner)
			}
		}
		tensor.Convert(out, wide)
		return nil
	}, nil
}

func softmaxRow(v []float64, n, stride int) {
	m, sum := math.Inf(-1), 0.0
	for i := range n {
		m = greater(m, v[i*stride])
	}
	for i := range n {
		e := math.Exp(v[i*stride] - m)
		v[i*stride] = e
		sum += e
	}
	for i := range n {
		v[i*stride] /= sum
	}
}
