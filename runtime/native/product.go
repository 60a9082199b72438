package native

import (
	"fmtool/models/tensor"
	"fmtool/runtime/native/kernel"
)

// rowStep keeps the cut between two goroutines of a product on a whole number of micro-kernel rows and of cache lines.
const rowStep = 3 * kernel.Columns

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
	right := b.packed(j, cols, inner, y, ldb)
	gemm := func(from, to, left, at int) { // rows from to to−1, columns left to at−1
		a := from * lda
		if j.tA {
			a = from
		}
		if right != nil {
			right.Gemm(j.tA, to-from, x[a:], lda, out[from*cols:], cols, left, at)
			return
		}
		w := left
		if j.tB {
			w = left * ldb
		}
		kernel.Gemm(j.tA, j.tB, to-from, at-left, inner, x[a:], lda, y[w:], ldb, out[from*cols+left:], cols, false)
	}
	parts := b.pool.parts(rows*cols*inner, 1<<18)
	byRows := rows >= 2*rowStep
	if !byRows && cols < 2*rowStep {
		parts = 1
	}
	if parts == 1 {
		return func() error { gemm(0, rows, 0, cols); return nil }, nil
	}
	t := b.pool.task(parts, func(p int) {
		if byRows {
			gemm(cutAt(rows, p, parts), cutAt(rows, p+1, parts), 0, cols)
			return
		}
		gemm(0, rows, cutAt(cols, p, parts), cutAt(cols, p+1, parts))
	})
	return func() error { t.run(); return nil }, nil
}

// packed lays out the right operand once if it never changes between runs: a constant, or a parameter that is no state. It is nil otherwise.
func (b *binder) packed(j *job, n, k int, y []float32, ldb int) *kernel.Packed {
	t, ok := b.fixed[j.in[1]]
	if !ok || !kernel.HasFMA || t.Len() == 0 {
		return nil
	}
	for _, param := range b.next {
		if sameMemory(t, param) {
			return nil
		}
	}
	return kernel.Pack(j.tB, n, k, y, ldb)
}

// cutAt is where part p of n begins, on a multiple of rowStep.
func cutAt(n, p, parts int) int {
	if p == parts {
		return n
	}
	return n * p / parts / rowStep * rowStep
}
