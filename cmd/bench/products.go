package main

import (
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"fmtool/models/noise"
	"fmtool/runtime/native/kernel"
)

// product is C [m, n] = op(A)·op(B) with the transpositions of a training step.
type product struct {
	Kind string `json:"kind"` // "gemm"
	M    int    `json:"m"`
	N    int    `json:"n"`
	K    int    `json:"k"`
	TA   bool   `json:"ta"`
	TB   bool   `json:"tb"`
}

// widths are the pairs K, N of the weights.
var widths = [][2]int{{64, 64}, {128, 128}, {256, 256}, {512, 512}, {1024, 1024}, {64, 1024}, {1024, 64}, {256, 1024}}

// products are matrix products with weights [K, N] at batches of 256 and 1024: NN forward, X·W; NT the gradient of X, dY·Wᵀ; TN that of W, Xᵀ·dY.
// Ours have the weights packed beforehand, as the engine has; the gradient of W has nothing to pack before.
func (b *bench) products() []block {
	var list []block
	for _, batch := range []int{256, 1024} {
		for _, w := range widths {
			k, n := w[0], w[1]
			list = append(list, block{
				b.product(fmt.Sprintf("NN %d: %d→%d", batch, k, n), product{"gemm", batch, n, k, false, false}),
				b.product(fmt.Sprintf("NT %d: %d→%d", batch, k, n), product{"gemm", batch, k, n, false, true}),
				b.product(fmt.Sprintf("TN %d: %d→%d", batch, k, n), product{"gemm", k, n, batch, true, false}),
			})
		}
	}
	return list
}

func (b *bench) product(name string, p product) benchCase {
	c := benchCase{table: "gemm", name: name, threads: 1, unit: "product", per: 1, share: 0.2, flops: 2 * float64(p.M) * float64(p.N) * float64(p.K)}
	x, y, z := normalSlice(p.M*p.K), normalSlice(p.K*p.N), make([]float32, p.M*p.N)
	lda, ldb := p.K, p.N
	if p.TA {
		lda = p.M
	}
	if p.TB {
		ldb = p.K
	}
	inline := func() (work, error) {
		return warm(local{1, func() error { kernel.Gemm(p.TA, p.TB, p.M, p.N, p.K, x, lda, y, ldb, z, p.N, false); return nil }, nil})
	}
	packed := func() (work, error) {
		w := kernel.Pack(p.TB, p.N, p.K, y, ldb)
		return warm(local{1, func() error { w.Gemm(p.TA, p.M, x, lda, z, p.N, 0, p.N); return nil }, nil})
	}
	if p.TA {
		c.candidates = []candidate{{key: "fmtool", open: inline}}
	} else {
		c.candidates = []candidate{{key: "fmtool", open: packed}, {key: "fmtool-unpacked", open: inline}}
	}
	c.candidates = append(c.candidates,
		candidate{key: "numpy", open: b.asks("", b.python, "numpy_kernels.py", 1, p)},
		candidate{key: "gonum", open: p.gonum(x, lda, y, ldb, z), every: 5})
	return c
}

func (p product) gonum(x []float32, lda int, y []float32, ldb int, z []float32) func() (work, error) {
	transpose := map[bool]blas.Transpose{false: blas.NoTrans, true: blas.Trans}
	return func() (work, error) {
		return warm(local{1, func() error {
			blas32.Implementation().Sgemm(transpose[p.TA], transpose[p.TB], p.M, p.N, p.K, 1, x, lda, y, ldb, 0, z, p.N)
			return nil
		}, nil})
	}
}

func normalSlice(n int) []float32 {
	x := make([]float32, n)
	noise.New(1, noise.Data).Normals(x, 0)
	return x
}
