package kernel_test

import (
	"fmt"
	"testing"

	"fmtool/models/noise"
	"fmtool/runtime/native/kernel"
)

// Rows come in the order of the index, some of them more than once, and nothing else is written.
func TestGather(t *testing.T) {
	for _, width := range []int{0, 1, 2, 15, 16, 17, 64, 600} {
		for _, rows := range []int{0, 1, 7, 300} {
			src, dst, index := guarded(t, 50*width), guarded(t, rows*width), make([]int, rows)
			normal(src, 1, 1)
			for i := range index {
				index[i] = (i*i + 3) % 50
			}
			kernel.Gather(dst, src, width, index)
			for i, r := range index {
				for k := range width {
					if dst[i*width+k] != src[r*width+k] {
						t.Fatalf("%d rows of %d: number %d of row %d is %g, want %g of row %d", rows, width, k, i, dst[i*width+k], src[r*width+k], r)
					}
				}
			}
		}
	}
}

// BenchmarkGather draws batches of 256 rows from sets within the caches and beyond.
func BenchmarkGather(b *testing.B) {
	for _, width := range []int{2, 64, 784} {
		for _, bytes := range []int{1 << 18, 1 << 26} {
			n := bytes / 4 / width
			src, dst, order := make([]float32, n*width), make([]float32, 256*width), make([]int, n)
			noise.New(1, noise.Probe).Perm(order)
			for _, f := range []struct {
				name string
				f    func(index []int)
			}{{"", func(index []int) { kernel.Gather(dst, src, width, index) }}, {"/naive", func(index []int) {
				for i, r := range index {
					copy(dst[i*width:(i+1)*width], src[r*width:(r+1)*width])
				}
			}}} {
				b.Run(fmt.Sprintf("%d of %d KiB%s", width, bytes>>10, f.name), func(b *testing.B) {
					b.SetBytes(int64(2 * 4 * len(dst)))
					at := 0
					for b.Loop() {
						if at += 256; at+256 > n {
							at = 0
						}
						f.f(order[at:min(at+256, n)])
					}
				})
			}
		}
	}
}
