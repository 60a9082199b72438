package native

import (
	"fmtool/models/tensor"
	"fmtool/runtime/native/kernel"
)

// rowStep keeps the cut between two goroutines of a product on a whole number of micro-kernel rows and of cache lines.
const rowStep = 48

// prepareProduct is a product of two matrices, either of which may be read transposed; rows of the result, or columns if they are few, are
// cut among goroutines.
func (b *binder) prepareProduct(c *call, j *job) (func() error, error) {
	rows, cols := c.out[0].Dim(0), c.out[0].Dim(1)
	inner := c.in[0].Dim(1)
	if j.tA {
		inner = c.in[0].Dim(0)
	}
	if c.in[0].DType() != tensor.Float32 {
		mul, err := product(c, matrix{j.tA, j.tB, rows, cols, inner})
		return func() error { mul(0, 0, 0, false); return nil }, err
	}
	x, y, out := c.in[0].Float32(), c.in[1].Float32(), c.out[0].Float32()
	lda, ldb := max(c.in[0].Dim(1), 1), max(c.in[1].Dim(1), 1)
	parts := b.pool.parts(rows*cols*inner, 1<<18)
	byRows := rows >= 2*rowStep
	if !byRows && cols < 2*rowStep {
		parts = 1
	}
	if parts == 1 {
		return func() error { kernel.Gemm(j.tA, j.tB, rows, cols, inner, x, lda, y, ldb, out, cols, false); return nil }, nil
	}
	t := b.pool.task(parts, func(p int) {
		if byRows {
			from, to := cutAt(rows, p, parts), cutAt(rows, p+1, parts)
			a := from * lda
			if j.tA {
				a = from
			}
			kernel.Gemm(j.tA, j.tB, to-from, cols, inner, x[a:], lda, y, ldb, out[from*cols:], cols, false)
			return
		}
		from, to := cutAt(cols, p, parts), cutAt(cols, p+1, parts)
		at := from
		if j.tB {
			at = from * ldb
		}
		kernel.Gemm(j.tA, j.tB, rows, to-from, inner, x, lda, y[at:], ldb, out[from:], cols, false)
	})
	return func() error { t.run(); return nil }, nil
}

// cutAt is where part p of n begins, on a multiple of rowStep.
func cutAt(n, p, parts int) int {
	if p == parts {
		return n
	}
	return n * p / parts / rowStep * rowStep
}
