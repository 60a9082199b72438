package native

import (
	"fmtool/models/tensor"
	"fmtool/runtime/native/kernel"
)

func init() {
	register("MatMul", viaFloat32(prepareMatMul))
	register("Gemm", viaFloat32(prepareGemm))
}

// viaFloat32 computes float16 operands in float32 and rounds the results; other types go to p as they are.
func viaFloat32(p prepare) prepare {
	return func(c *call) (func() error, error) {
		if c.in[0].DType() != tensor.Float16 {
			return p(c)
		}
		wide := func(list []tensor.Tensor) []tensor.Tensor {
			out := make([]tensor.Tensor, len(list))
			for i, t := range list {
				if !t.IsZero() {
					out[i] = tensor.New(tensor.Float32, t.Shape()...)
				}
			}
			return out
		}
		w := &call{node: c.node, in: wide(c.in), out: wide(c.out)}
		run, err := p(w)
		if err != nil {
			return nil, err
		}
		return func() error {
			for i, t := range c.in {
				if !t.IsZero() {
					tensor.Convert(w.in[i], t)
				}
			}
			if err := run(); err != nil {
				return err
			}
			for i, t := range c.out {
				tensor.Convert(t, w.out[i])
			}
			return nil
		}, nil
	}
}

// matrix is one product C = op(A)·op(B) of a batch of them.
type matrix struct {
	tA, tB  bool
	m, n, k int
}

// product returns the function that multiplies matrices of the tensors' type.
func product(c *call, s matrix) (func(a, b, dst int, acc bool), error) {
	lda, ldb := s.k, s.n
	if s.tA {
		lda = s.m
	}
	if s.tB {
		ldb = s.k
	}
	switch x := c.in[0].Any().(type) {
	case []float32:
		y, out := c.in[1].Float32(), c.out[0].Float32()
		return func(a, b, dst int, acc bool) {
			kernel.Gemm(s.tA, s.tB, s.m, s.n, s.k, x[a:], lda, y[b:], ldb, out[dst:], s.n, acc)
		}, nil
	case []float64:
		return plainProduct(s, x, lda, c.in[1].Float64(), ldb, c.out[0].Float64()), nil
	case []int32:
		return plainProduct(s, x, lda, tensor.Data[int32](c.in[1]), ldb, tensor.Data[int32](c.out[0])), nil
	case []int64:
		return plainProduct(s, x, lda, c.in[1].Int64(), ldb, c.out[0].Int64()), nil
	case []uint32:
		return plainProduct(s, x, lda, tensor.Data[uint32](c.in[1]), ldb, tensor.Data[uint32](c.out[0])), nil
	case []uint64:
		return plainProduct(s, x, lda, tensor.Data[uint64](c.in[1]), ldb, tensor.Data[uint64](c.out[0])), nil
	}
	return nil, unsupported(c)
}

// plainProduct multiplies by the definition, row by row of B so that memory is read in order.
func plainProduct[T number](s matrix, x []T, lda int, y []T, ldb int, out []T) func(a, b, dst int, acc bool) {
	return func(a, b, dst int, acc bool) {
		for i := range s.m {
			row := out[dst+i*s.n : dst+(i+1)*s.n]
			if !acc {
				clear(row)
			}
			for l := range s.k {
				at := a + i*lda + l
				if s.tA {
					at = a + l*lda + i
				}
				v := x[at]
				if s.tB {
					for j := range row {
						row[j] += v * y[b+j*ldb+l]
					}
					continue
				}
				for j, w := range y[b+l*ldb : b+l*ldb+s.n] {
					row[j] += v * w
				}
			}
		}
	}
}

// prepareMatMul multiplies the last two dimensions for each position of the broadcast leading ones; when one matrix on the right serves all, the
// rows on the left are taken as one tall matrix.
func prepareMatMul(c *call) (func() error, error) {
	a, b := c.in[0].Shape(), c.in[1].Shape()
	if len(a) == 1 {
		a = []int{1, a[0]}
	}
	if len(b) == 1 {
		b = []int{b[0], 1}
	}
	s := matrix{m: a[len(a)-2], k: a[len(a)-1], n: b[len(b)-1]}
	leadA, leadB := a[:len(a)-2], b[:len(b)-2]
	if tensor.Size(leadB) == 1 {
		s.m *= tensor.Size(leadA)
		leadA = nil
	}
	mul, err := product(c, s)
	if err != nil {
		return nil, err
	}
	lead, err := broadcastShape(leadA, leadB)
	if err != nil {
		return nil, err
	}
	if tensor.Size(lead) == 1 {
		return func() error { mul(0, 0, 0, false); return nil }, nil
	}
	var jobs [][2]int
	newLoop(append(append([]int{}, lead...), 1), append(append([]int{}, leadA...), 1), append(append([]int{}, leadB...), 1)).each(func(at []int) {
		jobs = append(jobs, [2]int{at[0] * s.m * s.k, at[1] * s.k * s.n})
	})
	return func() error {
		for i, at := range jobs {
			mul(at[0], at[1], i*s.m*s.n, false)
		}
		return nil
	}, nil
}

// each calls f for every single element with the operands' offsets.
func (l *loop) each(f func(at []int)) {
	pos := make([]int, len(l.step))
	l.run(func(_ int, at []int) {
		for i := range l.inner {
			for k := range pos {
				pos[k] = at[k] + i*l.step[k]
			}
			f(pos)
		}
	})
}

// prepareGemm is α·op(A)·op(B) + β·C.
func prepareGemm(c *call) (func() error, error) {
	tA, tB := c.node.Int("transA", 0) != 0, c.node.Int("transB", 0) != 0
	s := matrix{tA: tA, tB: tB, m: c.out[0].Dim(0), n: c.out[0].Dim(1), k: c.in[0].Dim(1)}
	if tA {
		s.k = c.in[0].Dim(0)
	}
	mul, err := product(c, s)
	if err != nil {
		return nil, err
	}
	runs := []func() error{func() error { mul(0, 0, 0, false); return nil }}
	out := c.out[0]
	if alpha := c.node.Float("alpha", 1); alpha != 1 {
		scale := tensor.Scalar(alpha).Convert(out.DType())
		run, err := kernels["Mul"](&call{node: c.node, in: []tensor.Tensor{out, scale}, out: c.out})
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	if bias := absent(c.in, 2); !bias.IsZero() && c.node.Float("beta", 1) != 0 {
		if beta := c.node.Float("beta", 1); beta != 1 {
			scaled := tensor.New(bias.DType(), bias.Shape()...)
			run, err := kernels["Mul"](&call{node: c.node, in: []tensor.Tensor{bias, tensor.Scalar(beta).Convert(out.DType())}, out: []tensor.Tensor{scaled}})
			if err != nil {
				return nil, err
			}
			runs, bias = append(runs, run), scaled
		}
		run, err := kernels["Add"](&call{node: c.node, in: []tensor.Tensor{out, bias}, out: c.out})
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return chain(runs), nil
}

// chain runs functions one after the other until one fails.
func chain(runs []func() error) func() error {
	if len(runs) == 1 {
		return runs[0]
	}
	return func() error {
		for _, run := range runs {
			if err := run(); err != nil {
				return err
			}
		}
		return nil
	}
}
