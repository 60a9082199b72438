package native

import (
	"fmt"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

func init() {
	register("Gather", prepareGather)
	register("ScatterElements", prepareScatter)
	register("OneHot", prepareOneHot)
}

// indices reads int32 or int64 positions into room made once.
func indices(t tensor.Tensor) (list []int64, read func()) {
	if t.DType() == tensor.Int64 {
		return t.Int64(), func() {}
	}
	wide := tensor.New(tensor.Int64, t.Shape()...)
	return wide.Int64(), func() { tensor.Convert(wide, t) }
}

func outside(op string, at int64, n int) error {
	return fmt.Errorf("native: %s: index %d outside [%d, %d)", op, at, -n, n)
}

func prepareGather(c *call) (func() error, error) {
	x, out := c.in[0], c.out[0]
	axis, err := graph.Axis(c.node.Int("axis", 0), x.Rank())
	if err != nil {
		return nil, err
	}
	outer, inner := axisSizes(x.Shape(), axis)
	n, size := x.Dim(axis), inner*x.DType().Size()
	list, read := indices(c.in[1])
	dst, src := out.Memory(), x.Memory()
	return func() error {
		read()
		o := 0
		for b := range outer {
			for _, at := range list {
				if at < 0 {
					at += int64(n)
				}
				if at < 0 || at >= int64(n) {
					return outside("Gather", at, n)
				}
				from := (b*n + int(at)) * size
				o += copy(dst[o:o+size], src[from:from+size])
			}
		}
		return nil
	}, nil
}

// prepareScatter copies data, then puts (or adds, …) each update in its place, in row-major order of the updates.
func prepareScatter(c *call) (func() error, error) {
	data, updates, out := c.in[0], c.in[2], c.out[0]
	axis, err := graph.Axis(c.node.Int("axis", 0), data.Rank())
	if err != nil {
		return nil, err
	}
	list, read := indices(c.in[1])
	s := &scatter{shape: c.in[1].Shape(), strides: stridesOf(data.Shape()), axis: axis, n: data.Dim(axis), list: list, count: make([]int, data.Rank())}
	var put func(to, from int)
	switch reduction := c.node.Str("reduction", "none"); reduction {
	case "none":
		put = replace(out, updates)
	default:
		if put, err = accumulate(out, updates, reduction); err != nil {
			return nil, err
		}
	}
	return func() error {
		read()
		tensor.Copy(out, data)
		return s.run(put)
	}, nil
}

type scatter struct {
	shape, strides []int
	axis, n        int
	list           []int64
	count          []int
}

// run calls put with the place and the number of each update.
func (s *scatter) run(put func(to, from int)) error {
	clear(s.count)
	for k, at := range s.list {
		if at < 0 {
			at += int64(s.n)
		}
		if at < 0 || at >= int64(s.n) {
			return outside("ScatterElements", at, s.n)
		}
		to := int(at) * s.strides[s.axis]
		for d, i := range s.count {
			if d != s.axis {
				to += i * s.strides[d]
			}
		}
		put(to, k)
		for d := len(s.count) - 1; d >= 0; d-- {
			if s.count[d]++; s.count[d] < s.shape[d] {
				break
			}
			s.count[d] = 0
		}
	}
	return nil
}

func replace(out, updates tensor.Tensor) func(to, from int) {
	dst, src, size := out.Memory(), updates.Memory(), out.DType().Size()
	return func(to, from int) { copy(dst[to*size:(to+1)*size], src[from*size:(from+1)*size]) }
}

// accumulate combines on the widest type of the element's sort.
func accumulate(out, updates tensor.Tensor, reduction string) (func(to, from int), error) {
	switch dst := out.Any().(type) {
	case []float32:
		return into(dst, updates.Float32(), reduction), nil
	case []float64:
		return into(dst, updates.Float64(), reduction), nil
	case []int32:
		return into(dst, tensor.Data[int32](updates), reduction), nil
	case []int64:
		return into(dst, updates.Int64(), reduction), nil
	}
	return nil, fmt.Errorf("native: ScatterElements: no reduction %s for %v", reduction, out.DType())
}

func into[T number](dst, src []T, reduction string) func(to, from int) {
	f := map[string]func(x, y T) T{"add": add[T], "mul": mul[T], "max": greater[T], "min": lesser[T]}[reduction]
	return func(to, from int) { dst[to] = f(dst[to], src[from]) }
}

// prepareOneHot: an index outside [−depth, depth) gives a row of "off", as ONNX wants.
func prepareOneHot(c *call) (func() error, error) {
	out := c.out[0]
	axis, err := graph.Axis(c.node.Int("axis", -1), out.Rank())
	if err != nil {
		return nil, err
	}
	depth := out.Dim(axis)
	outer, inner := axisSizes(out.Shape(), axis)
	at := tensor.New(tensor.Int64, c.in[0].Shape()...)
	size := out.DType().Size()
	dst, values := out.Memory(), c.in[2].Memory()
	return func() error {
		tensor.Convert(at, c.in[0])
		list := at.Int64()
		for i := 0; i < len(dst); i += size {
			copy(dst[i:i+size], values[:size])
		}
		for b := range outer {
			for j := range inner {
				k := list[b*inner+j]
				if k < 0 {
					k += int64(depth)
				}
				if k >= 0 && k < int64(depth) {
					to := ((b*depth+int(k))*inner + j) * size
					copy(dst[to:to+size], values[size:2*size])
				}
			}
		}
		return nil
	}, nil
}
