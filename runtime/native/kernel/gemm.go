package kernel

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// Gemm writes C = op(A)·op(B), or adds it to C if acc is set; op transposes if the flag says so.
//
//	op(A)  [m, k]   a with row stride lda: [m, k], or [k, m] if tA
//	op(B)  [k, n]   b with row stride ldb: [k, n], or [n, k] if tB
//	C      [m, n]   c with row stride ldc; it must not overlap a or b
//
// Each element is one chain of sums over k in ascending order, begun anew at the same blocks, so a row of C does not depend on the others. Up to four columns
// left over beside whole panels (Columns) may be as many chains as a vector has lanes, number i of k going to chain i modulo that. Whichever the order,
// the result is within (k+2)·2⁻²⁴ of Σ|a·b|, and NaN and infinity reach it also beside a factor of 0.
func Gemm(tA, tB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	if m == 0 || n == 0 {
		return
	}
	if k == 0 {
		if !acc {
			clearRows(m, n, c, ldc)
		}
		return
	}
	gemm(tA, tB, m, n, k, a, lda, b, ldb, c, ldc, acc)
}

func clearRows(m, n int, c []float32, ldc int) {
	for i := range m {
		clear(c[i*ldc : i*ldc+n])
	}
}

// square is the largest block handed to gonum, which stays in the calling goroutine and allocates nothing up to this size.
const square = 64

// gemmPortable is Gemm by gonum, square by square.
func gemmPortable(tA, tB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	if !acc {
		clearRows(m, n, c, ldc)
	}
	transA, transB := blas.NoTrans, blas.NoTrans
	if tA {
		transA = blas.Trans
	}
	if tB {
		transB = blas.Trans
	}
	rows, cols := k, n
	if tB {
		rows, cols = n, k
	}
	if !allFinite(rows, cols, b, ldb) { // gonum leaves out factors of 0 in A
		gemmPlain(tA, tB, m, n, k, a, lda, b, ldb, c, ldc)
		return
	}
	impl := blas32.Implementation()
	for i := 0; i < m; i += square {
		ai := i * lda
		if tA {
			ai = i
		}
		for j := 0; j < n; j += square {
			bj := j
			if tB {
				bj = j * ldb
			}
			impl.Sgemm(transA, transB, min(square, m-i), min(square, n-j), k, 1, a[ai:], lda, b[bj:], ldb, 1, c[i*ldc+j:], ldc)
		}
	}
}

// allFinite reports that a matrix holds neither NaN nor infinity.
func allFinite(rows, cols int, x []float32, ld int) bool {
	for i := range rows {
		for _, v := range x[i*ld : i*ld+cols] {
			if v-v != 0 {
				return false
			}
		}
	}
	return true
}

// gemmPlain adds op(A)·op(B) to C by the definition.
func gemmPlain(tA, tB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int) {
	aRow, aCol, bRow, bCol := lda, 1, ldb, 1
	if tA {
		aRow, aCol = 1, lda
	}
	if tB {
		bRow, bCol = 1, ldb
	}
	for i := range m {
		for l := range k {
			v := a[i*aRow+l*aCol]
			for j := range n {
				c[i*ldc+j] += v * b[l*bRow+j*bCol]
			}
		}
	}
}
