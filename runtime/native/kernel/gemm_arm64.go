//go:build arm64 && !purego

package kernel

import "sync"

// A product on arm64 is made of tiles of neonTile rows and columns in NEON's registers, at neonDepth of k at a time, from copies of A and B in which what a step
// over k reads lies together. Rows and columns that do not fill a tile are computed with zeros beside them, which are thrown away.
const neonTile, neonDepth, neonColumns = 8, 256, 128

// tile8x8 adds a product to the tile c: c[i][j] += a[l][i]·b[l][j], fused, for l from 0 to k−1, k ≥ 1.
//
//go:noescape
func tile8x8(k int, a, b, c *float32)

// neonScratch is the memory of a product.
type neonScratch struct {
	a [neonDepth * neonTile]float32
	b [neonDepth * neonColumns]float32
	c [neonTile * neonTile]float32
}

var neonScratches = sync.Pool{New: func() any { return new(neonScratch) }}

func gemm(tA, tB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	if !acc {
		clearRows(m, n, c, ldc)
	}
	aRow, aCol, bRow, bCol := lda, 1, ldb, 1
	if tA {
		aRow, aCol = 1, lda
	}
	if tB {
		bRow, bCol = 1, ldb
	}
	s := neonScratches.Get().(*neonScratch)
	defer neonScratches.Put(s)
	for l := 0; l < k; l += neonDepth {
		depth := min(neonDepth, k-l)
		for j := 0; j < n; j += neonColumns {
			last := min(j+neonColumns, n)
			for p := j; p < last; p += neonTile {
				strip(s.b[(p-j)*depth:], b[l*bRow+p*bCol:], bRow, bCol, min(neonTile, last-p), depth)
			}
			for i := 0; i < m; i += neonTile {
				rows := min(neonTile, m-i)
				strip(s.a[:], a[i*aRow+l*aCol:], aCol, aRow, rows, depth)
				for p := j; p < last; p += neonTile {
					s.add(depth, s.b[(p-j)*depth:], c[i*ldc+p:], ldc, rows, min(neonTile, last-p))
				}
			}
		}
	}
}

// add adds the product of the strip in s.a and strip b to a corner of C.
func (s *neonScratch) add(depth int, b, c []float32, ldc, rows, cols int) {
	for i := range rows {
		copy(s.c[i*neonTile:][:cols], c[i*ldc:])
	}
	tile8x8(depth, &s.a[0], &b[0], &s.c[0])
	for i := range rows {
		copy(c[i*ldc:][:cols], s.c[i*neonTile:])
	}
}

// strip copies depth groups of count numbers, step apart and beside apart within, and fills each group up with zeros.
func strip(dst, src []float32, step, beside, count, depth int) {
	for l := range depth {
		group := dst[l*neonTile:][:neonTile]
		if beside == 1 {
			copy(group, src[l*step:][:count])
		} else {
			for e := range count {
				group[e] = src[l*step+e*beside]
			}
		}
		clear(group[count:])
	}
}
