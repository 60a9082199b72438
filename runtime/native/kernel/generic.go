package kernel

func gemm(tA, tB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int) {
	gemmPortable(tA, tB, m, n, k, a, lda, b, ldb, c, ldc)
}
