package native

import (
	"fmt"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

func init() {
	for _, name := range []string{"Reshape", "Flatten", "Squeeze", "Unsqueeze"} {
		register(name, prepareCopy)
	}
	register("Constant", func(c *call) (func() error, error) {
		value, out := c.node.Tensor("value"), c.out[0]
		return func() error { tensor.Copy(out, value); return nil }, nil
	})
	register("ConstantOfShape", prepareConstantOfShape)
	register("Shape", prepareShape)
	register("Range", prepareRange)
	register("Expand", func(c *call) (func() error, error) {
		return move(c.out[0], c.in[0], newWalk(c.out[0].Shape(), broadcastStrides(c.out[0].Shape(), c.in[0].Shape()), 0)), nil
	})
	register("Transpose", prepareTranspose)
	register("Slice", prepareSlice)
	register("Concat", prepareConcat)
	register("Split", prepareSplit)
}

func prepareConstantOfShape(c *call) (func() error, error) {
	value := c.node.Tensor("value")
	if value.IsZero() {
		value = tensor.New(tensor.Float32, 1)
	}
	out := c.out[0]
	return move(out, value, newWalk(out.Shape(), make([]int, out.Rank()), 0)), nil
}

func prepareShape(c *call) (func() error, error) {
	s := c.in[0].Shape()
	clamp := func(i int) int {
		if i < 0 {
			i += len(s)
		}
		return min(max(i, 0), len(s))
	}
	part := s[clamp(c.node.Int("start", 0)):]
	out := c.out[0].Int64()
	return func() error {
		for i := range out {
			out[i] = int64(part[i])
		}
		return nil
	}, nil
}

func prepareRange(c *call) (func() error, error) {
	start, delta, out := tensor.New(tensor.Float64), tensor.New(tensor.Float64), c.out[0]
	if out.DType().IsInteger() {
		start, delta = tensor.New(tensor.Int64), tensor.New(tensor.Int64)
	}
	list := tensor.New(start.DType(), out.Len())
	return func() error {
		tensor.Convert(start, c.in[0])
		tensor.Convert(delta, c.in[2])
		switch v := list.Any().(type) {
		case []float64:
			for i := range v {
				v[i] = start.Float64()[0] + float64(i)*delta.Float64()[0]
			}
		case []int64:
			for i := range v {
				v[i] = start.Int64()[0] + int64(i)*delta.Int64()[0]
			}
		}
		tensor.Convert(out, list)
		return nil
	}, nil
}

// walk lists, for a result of given lengths, where each element comes from: offset + Σ index·stride.
type walk struct {
	dims, strides []int
	offset        int
	count         []int
}

// newWalk merges dimensions that can be walked as one.
func newWalk(dims, strides []int, offset int) *walk {
	w := &walk{offset: offset}
	for i, n := range dims {
		last := len(w.dims) - 1
		switch {
		case n == 1:
		case last >= 0 && w.strides[last] == strides[i]*n:
			w.dims[last] *= n
			w.strides[last] = strides[i]
		default:
			w.dims, w.strides = append(w.dims, n), append(w.strides, strides[i])
		}
	}
	if len(w.dims) == 0 {
		w.dims, w.strides = []int{1}, []int{1}
	}
	w.count = make([]int, len(w.dims))
	return w
}

// move copies elements from src to dst as w says, whatever their type.
func move(dst, src tensor.Tensor, w *walk) func() error {
	if dst.Len() == 0 {
		return func() error { return nil }
	}
	switch d := dst.Bits().(type) {
	case []uint8:
		return moveWords(d, src.Bits().([]uint8), w)
	case []uint16:
		return moveWords(d, src.Bits().([]uint16), w)
	case []uint32:
		return moveWords(d, src.Bits().([]uint32), w)
	default:
		return moveWords(d.([]uint64), src.Bits().([]uint64), w)
	}
}

func moveWords[T any](dst, src []T, w *walk) func() error {
	last := len(w.dims) - 1
	n, stride := w.dims[last], w.strides[last]
	if last == 1 && stride != 1 && w.strides[0] == 1 {
		return transpose(dst, src[w.offset:], w.dims[0], n, stride)
	}
	return func() error {
		clear(w.count)
		for o, at := 0, w.offset; ; o += n {
			if stride == 1 {
				copy(dst[o:o+n], src[at:at+n])
			} else {
				for i, from := 0, at; i < n; i, from = i+1, from+stride {
					dst[o+i] = src[from]
				}
			}
			d := last - 1
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
				return nil
			}
		}
	}
}

// transpose writes a matrix [rows, n] whose element (i, j) is src[i + j·stride], in blocks that stay in cache.
func transpose[T any](dst, src []T, rows, n, stride int) func() error {
	const block = 16
	return func() error {
		for i0 := 0; i0 < rows; i0 += block {
			for j0 := 0; j0 < n; j0 += block {
				for i := i0; i < min(i0+block, rows); i++ {
					for j := j0; j < min(j0+block, n); j++ {
						dst[i*n+j] = src[i+j*stride]
					}
				}
			}
		}
		return nil
	}
}

// stridesOf are the row-major strides of a shape.
func stridesOf(shape []int) []int {
	s := make([]int, len(shape))
	stride := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = stride
		stride *= shape[i]
	}
	return s
}

func prepareTranspose(c *call) (func() error, error) {
	in := stridesOf(c.in[0].Shape())
	perm, ok := c.node.IntList("perm")
	strides := make([]int, len(in))
	for i := range strides {
		if !ok {
			strides[i] = in[len(in)-1-i]
		} else {
			strides[i] = in[perm[i]]
		}
	}
	return move(c.out[0], c.in[0], newWalk(c.out[0].Shape(), strides, 0)), nil
}

// prepareSlice reads starts, ends, axes and steps at each run; the lengths are already fixed by the shape rule.
func prepareSlice(c *call) (func() error, error) {
	x, rank := c.in[0], c.in[0].Rank()
	strides := stridesOf(x.Shape())
	step := append([]int(nil), strides...)
	list := func(i int) []int64 { return c.in[i].Convert(tensor.Int64).Int64() }
	starts, ends := list(1), list(2)
	offset := 0
	for i := range starts {
		axis, by := i, 1
		if t := absent(c.in, 3); !t.IsZero() {
			a, err := graph.Axis(int(list(3)[i]), rank)
			if err != nil {
				return nil, err
			}
			axis = a
		}
		if t := absent(c.in, 4); !t.IsZero() {
			by = int(list(4)[i])
		}
		first, count := graph.SliceRange(x.Dim(axis), clampInt(starts[i]), clampInt(ends[i]), by)
		if count != c.out[0].Dim(axis) {
			return nil, fmt.Errorf("native: Slice: %d elements of axis %d, planned %d", count, axis, c.out[0].Dim(axis))
		}
		offset += first * strides[axis]
		step[axis] *= by
	}
	if c.out[0].Len() == 0 {
		return func() error { return nil }, nil
	}
	return move(c.out[0], x, newWalk(c.out[0].Shape(), step, offset)), nil
}

// clampInt keeps ONNX's "to the end" numbers, such as 2⁶³ − 1, away from overflow.
func clampInt(v int64) int { return int(min(max(v, -1<<40), 1<<40)) }

// axisSizes cuts a shape at an axis: how many blocks lie before it, and how many elements one step along it spans.
func axisSizes(shape []int, axis int) (outer, inner int) {
	return tensor.Size(shape[:axis]), tensor.Size(shape[axis+1:])
}

func prepareConcat(c *call) (func() error, error) {
	axis, err := graph.Axis(c.node.Int("axis", 0), c.out[0].Rank())
	if err != nil {
		return nil, err
	}
	var runs []func()
	at := 0
	for _, in := range c.in {
		runs = append(runs, blocks(c.out[0], in, axis, at, 0, in.Dim(axis)))
		at += in.Dim(axis)
	}
	return sequence(runs), nil
}

func prepareSplit(c *call) (func() error, error) {
	axis, err := graph.Axis(c.node.Int("axis", 0), c.in[0].Rank())
	if err != nil {
		return nil, err
	}
	var runs []func()
	at := 0
	for _, out := range c.out {
		if out.IsZero() {
			return nil, fmt.Errorf("native: Split: an output without a place")
		}
		runs = append(runs, blocks(out, c.in[0], axis, 0, at, out.Dim(axis)))
		at += out.Dim(axis)
	}
	return sequence(runs), nil
}

func sequence(runs []func()) func() error {
	return func() error {
		for _, run := range runs {
			run()
		}
		return nil
	}
}

// blocks copies n steps along axis from position from of src to position to of dst.
func blocks(dst, src tensor.Tensor, axis, to, from, n int) func() {
	outer, inner := axisSizes(src.Shape(), axis)
	d, s := dst.Dim(axis)*inner, src.Dim(axis)*inner
	to, from, n = to*inner, from*inner, n*inner
	if x, ok := src.Any().([]float32); ok && n == 1 {
		y := dst.Float32()
		return func() {
			for i := range outer {
				y[i*d+to] = x[i*s+from]
			}
		}
	}
	size := src.DType().Size()
	d, s, to, from, n = d*size, s*size, to*size, from*size, n*size
	db, sb := dst.Memory(), src.Memory()
	return func() {
		for i := range outer {
			copy(db[i*d+to:i*d+to+n], sb[i*s+from:i*s+from+n])
		}
	}
}
