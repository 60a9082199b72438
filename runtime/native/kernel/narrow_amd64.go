//go:build amd64 && !purego

package kernel

// thin is the number of columns up to which a last panel is no panel but the columns themselves, each one after another.
const thin = 4

// narrowColumns is the number of the last of n columns that are too few for a panel.
func narrowColumns(n int) int {
	if rest := n & (shape.columns - 1); rest <= thin {
		return rest
	}
	return 0
}

//go:noescape
func dots256(t *tile, kind int)

//go:noescape
func dots512(t *tile, kind int)

// narrowDepth is the depth of a block of a narrow product. Sums over k begin anew there.
const narrowDepth = 8192

// narrowProduct writes C = s + A·B for n ≤ thin columns, the rows of b. Where the numbers of a row of A lie one after another they are multiplied as vectors,
// a sum having as many parts as a vector has lanes. Where those of a column do, the transpose of C is a product with A on the right.
func narrowProduct(mem *borrowed, m, n, k int, a, b left, c []float32, ldc int, s start) {
	if a.col != 1 {
		turnedProduct(mem, m, n, k, a, b, c, ldc, s)
		return
	}
	for l := 0; l < k; l += narrowDepth {
		depth, y := min(narrowDepth, k-l), b.at(0, l)
		if b.col != 1 {
			y = mem.get().gather(y, n, depth)
		}
		dots(m, n, depth, a.at(0, l), y, c, ldc, s)
		s = start{c, ldc}
	}
}

func dots(m, n, k int, a, b left, c []float32, ldc int, s start) {
	t := tile{k: k, aRow: a.row, b: &b.data[0], bPanel: b.row, cRow: ldc, fromRow: s.row, last: (k-1)&(shape.lanes-1) + 1}
	rows, kind := shape.lanes/4, thin+n-1
	for i := 0; i < m; i += rows {
		if m-i < rows {
			rows, kind = 1, n-1
		}
		t.a, t.c, t.from = &a.data[i*a.row], &c[i*ldc], s.first(i, 0)
		if wide {
			dots512(&t, kind)
		} else {
			dots256(&t, kind)
		}
	}
}

// gather copies n rows of k numbers to where these lie one after another.
func (mem *scratch) gather(b left, n, k int) left {
	for j := range n {
		row := mem.b[j*k:][:k]
		for i := range row {
			row[i] = b.data[j*b.row+i*b.col]
		}
	}
	return left{data: mem.b[:], row: k, col: 1}
}

// turnedProduct is narrowProduct as Cᵀ = Bᵀ·Aᵀ, some columns at a time.
func turnedProduct(mem *borrowed, m, n, k int, a, b left, c []float32, ldc int, s start) {
	const most = len(mem.turned) / thin
	for j := 0; j < m; j += most {
		cols, sum, from := min(most, m-j), mem.get().turned[:], start{}
		full := cols / shape.columns * shape.columns
		for l := 0; l < k; l += kc {
			depth := min(kc, k-l)
			if full > 0 {
				mem.product(n, depth, b.at(0, l), &right{data: a.data[l*a.col+j:], n: full, row: a.col}, sum, most, from, 0, full)
			}
			if full < cols {
				pack(mem.b[:], false, depth, cols-full, a.data, a.col, l, j+full)
				mem.product(n, depth, b.at(0, l), &right{data: mem.b[:], n: cols - full, deep: depth}, sum[full:], most, from.at(0, full), 0, cols-full)
			}
			from = start{sum, most}
		}
		for i := range cols {
			for x := range n {
				at := (j+i)*ldc + x
				c[at] = *s.first(j+i, x) + sum[x*most+i]
			}
		}
	}
}

// fill lays out columns from to to−1.
func (p *Packed) fill(tB bool, b []float32, ldb, from, to int) {
	n := p.n - narrowColumns(p.n)
	if to > n {
		y := left{data: b[n:], row: 1, col: ldb}
		if tB {
			y = left{data: b[n*ldb:], row: ldb, col: 1}
		}
		for j := range to - n {
			row := p.panels[(n+j)*p.k:][:p.k]
			for i := range row {
				row[i] = y.data[j*y.row+i*y.col]
			}
		}
		to = n
	}
	if from < to {
		pack(p.panels[from*p.k:], tB, p.k, to-from, b, ldb, 0, from)
	}
}
