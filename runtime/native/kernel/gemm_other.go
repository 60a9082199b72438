//go:build (!amd64 && !arm64) || purego

package kernel

func gemm(tA, tB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	gemmPortable(tA, tB, m, n, k, a, lda, b, ldb, c, ldc, acc)
}
