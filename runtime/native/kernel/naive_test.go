package kernel_test

import (
	"fmt"
	"testing"
)

// BenchmarkGemmNaive is the product by its definition, at the sizes of BenchmarkGemm.
func BenchmarkGemmNaive(b *testing.B) {
	for _, s := range shapes {
		m, n, k := s[0], s[1], s[2]
		x, y, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
		normal(x, 1, 1)
		normal(y, 2, 1)
		b.Run(fmt.Sprint(s, "NN"), func(b *testing.B) {
			for b.Loop() {
				for i := range m {
					for j := range n {
						sum := float32(0)
						for l := range k {
							sum += x[i*k+l] * y[l*n+j]
						}
						c[i*n+j] = sum
					}
				}
			}
			b.ReportMetric(2*float64(m*n*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
