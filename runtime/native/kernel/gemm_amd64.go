//go:build amd64 && !purego

package kernel

// Blocks of the packed product: kc rows of a panel of 16 columns of B stay in the first-level cache.
const (
	kc = 256
	nr = Columns
	mr = 6
	mc = 96 // rows of A that stay in the second-level cache while all panels go by
)

// gemm is Gemm for k > 0: panel by panel of B, packed, times six rows of A read in place.
func gemm(tA, tB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	if !HasFMA {
		gemmPortable(tA, tB, m, n, k, a, lda, b, ldb, c, ldc, acc)
		return
	}
	var panel [kc * nr]float32
	aRow, aCol := lda, 1
	if tA {
		aRow, aCol = 1, lda
	}
	for l := 0; l < k; l += kc {
		depth := min(kc, k-l)
		for j := 0; j < n; j += nr {
			cols := min(nr, n-j)
			pack(panel[:depth*nr], tB, depth, cols, b, ldb, l, j)
			multiply(m, depth, cols, a[l*aCol:], aRow, aCol, panel[:], c[j:], ldc, acc || l > 0)
		}
	}
}

// pack copies depth rows from row l and cols columns from column j of op(B) into a panel of rows of 16; missing columns are zeros.
func pack(panel []float32, tB bool, depth, cols int, b []float32, ldb, l, j int) {
	if cols < nr {
		clear(panel)
	}
	if !tB {
		for i := range depth {
			at := (l+i)*ldb + j
			copy(panel[i*nr:i*nr+cols], b[at:at+cols])
		}
		return
	}
	for x := range cols {
		row := b[(j+x)*ldb+l : (j+x)*ldb+l+depth]
		for i, v := range row {
			panel[i*nr+x] = v
		}
	}
}

// zeros is what products begin from that do not add to C.
var zeros [nr]float32

// multiply writes m rows of A times a panel to C, or adds them if acc is set. Results of a narrow panel go by way of a small buffer.
func multiply(m, depth, cols int, a []float32, aRow, aCol int, panel, c []float32, ldc int, acc bool) {
	var edge [mr * nr]float32
	for i := 0; i < m; i += mr {
		rows := min(mr, m-i)
		to, stride := &c[i*ldc], ldc
		if cols < nr {
			if to, stride = &edge[0], nr; acc {
				for r := range rows {
					copy(edge[r*nr:], c[(i+r)*ldc:(i+r)*ldc+cols])
				}
			}
		}
		from, fromRow := &zeros[0], 0
		if acc {
			from, fromRow = to, stride
		}
		rowsTimes(rows, depth, &a[i*aRow], aRow, aCol, &panel[0], to, stride, from, fromRow)
		if cols < nr {
			for r := range rows {
				copy(c[(i+r)*ldc:(i+r)*ldc+cols], edge[r*nr:])
			}
		}
	}
}

func rowsTimes(rows, k int, a *float32, aRow, aCol int, b, c *float32, cRow int, from *float32, fromRow int) {
	switch rows {
	case 6:
		product6(k, a, aRow, aCol, b, c, cRow, from, fromRow)
	case 5:
		product5(k, a, aRow, aCol, b, c, cRow, from, fromRow)
	case 4:
		product4(k, a, aRow, aCol, b, c, cRow, from, fromRow)
	case 3:
		product3(k, a, aRow, aCol, b, c, cRow, from, fromRow)
	case 2:
		product2(k, a, aRow, aCol, b, c, cRow, from, fromRow)
	case 1:
		product1(k, a, aRow, aCol, b, c, cRow, from, fromRow)
	}
}

func (p *Packed) multiply(tA bool, m int, a []float32, lda int, c []float32, ldc, from, to int) {
	aRow, aCol := lda, 1
	if tA {
		aRow, aCol = 1, lda
	}
	for l := 0; l < p.k; l += kc {
		depth := min(kc, p.k-l)
		for i := 0; i < m; i += mc {
			for j := from; j < to; j += nr {
				multiply(min(mc, m-i), depth, min(nr, p.n-j), a[i*aRow+l*aCol:], aRow, aCol, p.panels[j*p.k+l*nr:][:depth*nr], c[i*ldc+j:], ldc, l > 0)
			}
		}
	}
}
