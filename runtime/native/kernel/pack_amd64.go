//go:build amd64 && !purego

package kernel

//go:noescape
func rows256(dst, src *float32, k, srcRow, vectors, last int)

//go:noescape
func rows512(dst, src *float32, k, srcRow, vectors, last int)

//go:noescape
func turn256(dst, src *float32, k, srcRow, dstRow int)

//go:noescape
func turn512(dst, src *float32, k, srcRow, dstRow int)

//go:noescape
func spread256(dst, src *float32, rows, srcRow, dstRow, pairs, step int)

//go:noescape
func spread512(dst, src *float32, rows, srcRow, dstRow, pairs, step int)

//go:noescape
func strips256(dst, src *float32, rows, srcRow, strips, step, piece int)

func spread(dst, src *float32, rows, srcRow, dstRow, pairs, step int) {
	if wide {
		spread512(dst, src, rows, srcRow, dstRow, pairs, step)
	} else {
		spread256(dst, src, rows, srcRow, dstRow, pairs, step)
	}
}

// pack lays out depth rows from row l and n columns from column j of op(B) by panels; missing columns of the last are zeros.
func pack(panels []float32, tB bool, depth, n int, b []float32, ldb, l, j int) {
	at := 0
	if full := n / shape.columns; full > 0 && !tB {
		spread(&panels[0], &b[l*ldb+j], depth, ldb, shape.columns, full, depth*shape.columns)
		at = full * shape.columns
	}
	for ; at < n; at += shape.columns {
		cols := min(shape.columns, n-at)
		panel := panels[at*depth:][:depth*width(cols)]
		if tB {
			packTurned(panel, depth, cols, b[(j+at)*ldb+l:], ldb)
			continue
		}
		vectors := width(cols) / shape.lanes
		src, last := &b[l*ldb+j+at], cols-(vectors-1)*shape.lanes
		if wide {
			rows512(&panel[0], src, depth, ldb, vectors, last)
		} else {
			rows256(&panel[0], src, depth, ldb, vectors, last)
		}
	}
}

// packTurned lays out a panel of columns that are rows of b: squares of numbers are transposed in registers, the rest one by one.
func packTurned(panel []float32, depth, cols int, b []float32, ldb int) {
	row, whole := len(panel)/depth, depth/shape.lanes*shape.lanes
	at := 0
	for ; at+shape.lanes <= cols && whole > 0; at += shape.lanes {
		if wide {
			turn512(&panel[at], &b[at*ldb], whole, ldb, row)
		} else {
			turn256(&panel[at], &b[at*ldb], whole, ldb, row)
		}
		for x := at; x < at+shape.lanes; x++ {
			for i := whole; i < depth; i++ {
				panel[i*row+x] = b[x*ldb+i]
			}
		}
	}
	for x := at; x < cols; x++ {
		for i, v := range b[x*ldb : x*ldb+depth] {
			panel[i*row+x] = v
		}
	}
	for i := 0; i < depth && cols < row; i++ {
		clear(panel[i*row+cols : (i+1)*row])
	}
}
