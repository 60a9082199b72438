//go:build amd64 && !purego

package kernel

// AddsOnce reports that Gemm adds all of a product of depth k to each element of C in one addition, so that C += A·B gives what adding a product by
// itself does.
func AddsOnce(k int) bool { return HasFMA && k <= kc }

// multiply writes columns from to to−1 of C = start + A·B for m rows of A and depth rows of B; from is a multiple of a panel's columns.
func multiply(m, depth int, a left, b *right, c []float32, ldc int, s start, from, to int) {
	if !wide {
		panels(m, depth, a, b, c, ldc, s, from, to)
		return
	}
	for j := from; j < to; j += shape.wide {
		next := min(to, j+shape.wide)
		if next-j < byRows {
			panels(m, depth, a, b, c, ldc, s, j, next)
			continue
		}
		parts := partsOf(m, shape.rows)
		for part, i := 0, 0; part < parts.n; part++ {
			rows := parts.size(part)
			panels(rows, depth, a.at(i, 0), b, c[i*ldc:], ldc, s.at(i, 0), j, next)
			i += rows
		}
	}
}

// byRows is the number of columns from which a product with AVX-512 goes row by row of micro-kernels, not panel by panel: rows of C are then written in long
// runs.
const byRows = 512

// resident is how many numbers of panels stay in the second-level cache of processors with AVX2, beside all else. Of more than that the next panel is asked for
// while one is read.
const resident = 1 << 16

// panels is multiply, panel by panel.
func panels(m, depth int, a left, b *right, c []float32, ldc int, s start, from, to int) {
	t := tile{k: depth, aRow: a.row, aCol: a.col, bPanel: b.step(), cRow: ldc, fromRow: s.row}
	parts := partsOf(m, shape.rows)
	for j := from; j < to; {
		var cols int
		t.b, t.bRow, cols = b.panel(j)
		vectors := width(cols) / shape.lanes
		if many := several(m, to-j); many > 2 {
			vectors, cols = many, many*shape.lanes
		}
		t.last = cols - (vectors-1)*shape.lanes
		t.lines = 0
		if next := j + cols; !wide && b.row == 0 && next < to && depth*b.n > resident {
			t.ahead, t.lines = 4*b.step(), (depth+parts.n-1)/parts.n
		}
		for part, at, i := 0, 0, 0; part < parts.n; {
			rows, alike := parts.size(part), 1
			t.a, t.c, t.from, t.step = &a.data[at], &c[i*ldc+j], s.first(i, j), 4*a.step(rows)
			if keep := part == 0 && b.keep != nil && cols == shape.columns; keep {
				t.keep = &b.keep[b.keptAt(j)]
				t.runKeep(rows)
				t.b, t.bRow = t.keep, shape.columns
			} else {
				if !wide {
					alike = parts.alike(part)
				}
				t.run(rows, vectors, alike)
			}
			part += alike
			at += alike * a.step(rows)
			i += alike * rows
		}
		j += cols
	}
}

// gemm is Gemm for k > 0: block by block of B, laid out unless it is read but a few times, times blocks of A.
func gemm(tA, tB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	if !HasFMA {
		gemmPortable(tA, tB, m, n, k, a, lda, b, ldb, c, ldc, acc)
		return
	}
	mem := borrowed{}
	defer mem.giveBack()
	x, from := leftOf(tA, a, lda), start{}
	if acc {
		from = start{c, ldc}
	}
	if narrow := narrowColumns(n); narrow > 0 {
		n -= narrow
		y := left{data: b[n:], row: 1, col: ldb} // the columns as rows
		if tB {
			y = left{data: b[n*ldb:], row: ldb, col: 1}
		}
		narrowProduct(&mem, m, narrow, k, x, y, c[n:], ldc, from.at(0, n))
	}
	direct := 0 // columns read in place
	if !tB && inPlace(m, k, ldb) {
		direct = n / shape.columns * shape.columns
	}
	for l := 0; l < k; l += kc {
		depth := min(kc, k-l)
		if direct > 0 {
			mem.product(m, depth, x.at(0, l), &right{data: b[l*ldb:], n: n, row: ldb}, c, ldc, from, 0, direct)
		}
		for j, cols := direct, 0; j < n; j += cols {
			var y right
			y, cols = mem.layOut(tB, m, depth, n-j, b, ldb, l, j)
			mem.product(m, depth, x.at(0, l), &y, c[j:], ldc, from.at(0, j), 0, cols)
		}
		from = start{c, ldc}
	}
}

// multiply writes C = s + op(A)·op(B) for the columns from to to−1.
func (p *Packed) multiply(tA bool, m int, a []float32, lda int, s start, c []float32, ldc, from, to int) {
	mem := borrowed{}
	defer mem.giveBack()
	x, n := leftOf(tA, a, lda), p.n-narrowColumns(p.n)
	if to > n {
		narrowProduct(&mem, m, to-n, p.k, x, left{data: p.panels[n*p.k:], row: p.k, col: 1}, c[n:], ldc, s.at(0, n))
		to = n
	}
	if m <= few && from < to {
		p.stream(m, x, s, c, ldc, n, from, to)
		return
	}
	for l := 0; l < p.k && from < to; l += kc {
		mem.product(m, min(kc, p.k-l), x.at(0, l), &right{data: p.panels, n: n, deep: p.k, skip: l}, c, ldc, s, from, to)
		s = start{c, ldc}
	}
}

// few is the number of rows for which a product does no more than read its panels once; swing the bytes from which it reads them forwards and backwards in
// turns.
const few, swing = 2, 64 << 10

// stream is multiply for a few rows: some panels after another, each at its whole depth. The panels of a network that do not stay in the second-level cache
// would all be gone when the same way through them begins again; on the way back the last ones are still there. Sums are the same either way.
func (p *Packed) stream(m int, x left, s start, c []float32, ldc, n, from, to int) {
	step := 4 * shape.columns
	back := p.Bytes() >= swing && p.turns.Add(1)%2 == 0
	for done := from; done < to; done += step {
		left := done
		if back {
			left = from + (to-1-done)/step*step
		}
		sum := s
		for l := 0; l < p.k; l += kc {
			fewRows(m, min(kc, p.k-l), x.at(0, l), &right{data: p.panels, n: n, deep: p.k, skip: l}, c, ldc, sum, left, min(left+step, to))
			sum = start{c, ldc}
		}
	}
}

// fewRows is panels for no more rows than a micro-kernel has.
func fewRows(m, depth int, a left, b *right, c []float32, ldc int, s start, from, to int) {
	t := tile{k: depth, a: &a.data[0], aRow: a.row, aCol: a.col, bPanel: b.step(), cRow: ldc, fromRow: s.row}
	for j := from; j < to; {
		var cols int
		t.b, t.bRow, cols = b.panel(j)
		vectors := width(cols) / shape.lanes
		if many := several(m, to-j); many > 2 {
			vectors, cols = many, many*shape.lanes
		}
		t.last, t.c, t.from = cols-(vectors-1)*shape.lanes, &c[j], s.first(0, j)
		t.run(m, vectors, 1)
		j += cols
	}
}
