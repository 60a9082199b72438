package kernel_test

import (
	"syscall"
	"testing"
	"unsafe"

	"fmtool/runtime/native/kernel"
)

// atTheEnd returns n numbers behind which memory ends: to read or write further is a fault.
func atTheEnd(t *testing.T, n int) []float32 {
	t.Helper()
	page := syscall.Getpagesize()
	size := (4*n + page - 1) / page * page
	all, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(all) })
	if err := syscall.Mprotect(all[size:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&all[size-4*n])), n)
}

// Nothing beyond an operand is read: each lies at the end of its memory, for every kind of product and length of a vector.
func TestNothingBeyondIsRead(t *testing.T) {
	for _, s := range [][3]int{{1, 1, 1}, {1, 130, 37}, {2, 70, 64}, {5, 2, 33}, {14, 32, 16}, {17, 47, 19}, {31, 36, 40}, {65, 97, 300}} {
		m, n, k := s[0], s[1], s[2]
		a, b, c := atTheEnd(t, m*k), atTheEnd(t, k*n), atTheEnd(t, m*n)
		for flags := range 4 {
			tA, tB := flags&1 != 0, flags&2 != 0
			lda, ldb := k, n
			if tA {
				lda = m
			}
			if tB {
				ldb = k
			}
			kernel.Gemm(tA, tB, m, n, k, a, lda, b, ldb, c, n, true)
			kernel.Pack(tB, n, k, b, ldb).Gemm(tA, m, a, lda, c, n, 0, n)
		}
	}
	for n := range 40 {
		x, y, z, dst := atTheEnd(t, n), atTheEnd(t, n), atTheEnd(t, n), atTheEnd(t, n)
		for _, f := range unary {
			f.f(dst, x)
		}
		for _, f := range binary {
			f.f(dst, x, y)
		}
		kernel.Where(dst, x, y, z)
		kernel.MulAdd(dst, x, y, z)
		kernel.SiLUBias(dst, z, y, x, x)
		kernel.SiLUBiasOnly(dst, x, y)
		kernel.SiLU(dst, z, x)
		kernel.SiLUOnly(dst, x)
		kernel.SiLUGrad(dst, x, y, z)
		step.Update(dst, x, y, z, dst, x, y, z, x)
		kernel.Sum(x)
		kernel.SumSquares(x, 1)
		kernel.Largest(x)
		kernel.SumRows(make([]float64, n), x)
		kernel.Softmax(dst, x, n)
		kernel.LayerNorm(dst, x, y, z, 1e-5, make([]float64, min(n, 1)), make([]float64, min(n, 1)))
	}
}
