//go:build amd64 && !purego

package kernel

import "sync"

// blocks are the sizes of the packed product.
type blocks struct {
	lanes   int // numbers of a vector
	columns int // of a panel of B: two vectors, or one for a last panel that needs no more
	rows    int // of A in a micro-kernel
	tall    int // rows of A that stay in the second-level cache while the panels of B go by
	wide    int // columns of B laid out at a time
}

// kc is the depth of a block: so many rows of a panel of B stay in the first-level cache. Sums over k begin anew there.
const kc = 256

var narrowShape, wideShape = blocks{8, 16, 6, 96, 256}, blocks{16, 32, 14, 224, 512}

// shape is that of the instructions in use.
var shape blocks

// Columns is the width of a panel, and the multiple on which products with a Packed may be cut along n.
func Columns() int { return shape.columns }

// tile is the work of a micro-kernel: rows of C are rows of from plus op(A)·op(B). The assembly reads the fields in this order.
type tile struct {
	k          int
	a          *float32
	aRow, aCol int // distances in A, in numbers, as all are
	b          *float32
	bRow       int
	bPanel     int // from one pair of vectors of B to the next
	c          *float32
	cRow       int
	from       *float32
	fromRow    int
	last       int // columns of the last vector, 1 to lanes
}

//go:noescape
func product256(t *tile, kind int)

//go:noescape
func product512(t *tile, kind int)

// run calls the micro-kernel of so many rows and vectors; for more than two vectors the rows are few, see several.
func (t *tile) run(rows, vectors int) {
	kind := rows - 1
	switch vectors {
	case 2:
		kind += shape.rows
	case 4:
		kind += 2 * shape.rows
	case 8:
		kind += 2*shape.rows + 2
	}
	if wide {
		product512(t, kind)
	} else {
		product256(t, kind)
	}
}

// several is the number of vectors that a kernel of a few rows does at a time, so that enough sums hide the latency of an addition.
func several(rows, panels int) int {
	switch {
	case rows == 1 && panels >= 4:
		return 8
	case rows <= 2 && panels >= 2:
		return 4
	}
	return 2
}

// left is op(A) as a product reads it.
type left struct {
	data     []float32
	row, col int // distances
}

func leftOf(tA bool, a []float32, lda int) left {
	if tA {
		return left{a, 1, lda}
	}
	return left{a, lda, 1}
}

func (a left) at(i, l int) left { return left{a.data[i*a.row+l*a.col:], a.row, a.col} }

// right is some rows of op(B) by panels.
type right struct {
	data []float32
	n    int // columns
	deep int // numbers of a panel for each of its columns
	skip int // rows of a panel to leave out
	row  int // from a row to the next in place; 0: packed, a panel's width
}

// panel is the panel at column j, which has cols columns.
func (b *right) panel(j int) (at *float32, row, cols int) {
	cols = min(shape.columns, b.n-j)
	if b.row > 0 {
		return &b.data[j], b.row, cols
	}
	row = width(cols)
	return &b.data[j*b.deep+b.skip*row], row, cols
}

// step is the distance from a panel to the next.
func (b *right) step() int {
	if b.row > 0 {
		return shape.columns
	}
	return b.deep * shape.columns
}

// width is that of a panel which holds so many columns.
func width(cols int) int {
	if cols <= shape.lanes {
		return shape.lanes
	}
	return shape.columns
}

// zeros are the columns that products begin from that are added to nothing.
var zeros [8 * 16]float32

func (s start) at(i, j int) start {
	if s.data != nil {
		s.data = s.data[i*s.row+j:]
	}
	return s
}

// first is where the sums of row i from column j on begin.
func (s start) first(i, j int) *float32 {
	if s.data == nil {
		return &zeros[0]
	}
	return &s.data[i*s.row+j]
}

// byRows is the number of columns from which a product goes row by row of micro-kernels, not panel by panel: rows of C are then written in long runs.
const byRows = 512

// multiply writes columns from to to−1 of C = start + A·B for m rows of A and depth rows of B; from is a multiple of a panel's columns.
func multiply(m, depth int, a left, b *right, c []float32, ldc int, s start, from, to int) {
	if to-from < byRows {
		panels(m, depth, a, b, c, ldc, s, from, to)
		return
	}
	parts := (m + shape.rows - 1) / shape.rows
	for part, i := 0, 0; part < parts; part++ {
		next := m * (part + 1) / parts
		panels(next-i, depth, a.at(i, 0), b, c[i*ldc:], ldc, s.at(i, 0), from, to)
		i = next
	}
}

// panels is multiply, panel by panel.
func panels(m, depth int, a left, b *right, c []float32, ldc int, s start, from, to int) {
	t := tile{k: depth, aRow: a.row, aCol: a.col, bPanel: b.step(), cRow: ldc, fromRow: s.row}
	parts := (m + shape.rows - 1) / shape.rows
	for j := from; j < to; {
		var cols int
		t.b, t.bRow, cols = b.panel(j)
		vectors := width(cols) / shape.lanes
		if many := several(m, (to-j)/shape.columns); many > 2 {
			vectors, cols = many, many*shape.lanes
		}
		t.last = cols - (vectors-1)*shape.lanes
		for part, i := 0, 0; part < parts; part++ {
			next := m * (part + 1) / parts
			t.a, t.c, t.from = &a.data[i*a.row], &c[i*ldc+j], s.first(i, j)
			t.run(next-i, vectors)
			i = next
		}
		j += cols
	}
}

// scratch is the memory of a product: a block of B by panels, and a block of A.
type scratch struct {
	b [kc * 512]float32
	a [(kc + pad) * (224 + pad)]float32
}

// pad keeps rows of a block of A apart, so that they do not fall on the same places of the first-level cache.
const pad = 16

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// gemm is Gemm for k > 0: block by block of B, laid out unless it is read but a few times, times blocks of A.
func gemm(tA, tB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	if !HasFMA {
		gemmPortable(tA, tB, m, n, k, a, lda, b, ldb, c, ldc, acc)
		return
	}
	mem := scratches.Get().(*scratch)
	defer scratches.Put(mem)
	x := leftOf(tA, a, lda)
	from := start{}
	if acc {
		from = start{c, ldc}
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
		for j := direct; j < n; j += shape.wide {
			cols := min(shape.wide, n-j)
			pack(mem.b[:], tB, depth, cols, b, ldb, l, j)
			mem.product(m, depth, x.at(0, l), &right{data: mem.b[:], n: cols, deep: depth}, c[j:], ldc, from.at(0, j), 0, cols)
		}
		from = start{c, ldc}
	}
}

// inPlace reports that op(B) = B is read with less time lost where it lies than by laying it out.
func inPlace(m, k, ldb int) bool { return m <= 2*shape.rows || ldb <= 128 || k <= 64 }

// copied reports that rows of A are better read from a copy by products with n columns: its numbers for a micro-kernel lie so far apart that they
// fall on few places of the caches.
func (a left) copied(n int) bool {
	if a.row == 1 {
		return a.col >= 512 && n >= 2*shape.columns
	}
	return a.row%1024 == 0 && n >= 4*shape.columns
}

// product is multiply, block by block of A.
func (mem *scratch) product(m, depth int, a left, b *right, c []float32, ldc int, s start, from, to int) {
	copied := a.copied(to - from)
	for i := 0; i < m; i += shape.tall {
		rows := min(shape.tall, m-i)
		x := a.at(i, 0)
		if copied {
			x = mem.copy(x, rows, depth)
		}
		multiply(rows, depth, x, b, c[i*ldc:], ldc, s.at(i, 0), from, to)
	}
}

// copy copies rows of A, depth deep.
func (mem *scratch) copy(a left, rows, depth int) left {
	if a.row == 1 {
		stride := (rows+pad-1)/pad*pad + pad
		for l := range depth {
			copy(mem.a[l*stride:l*stride+rows], a.data[l*a.col:])
		}
		return left{mem.a[:], 1, stride}
	}
	for i := range rows {
		copy(mem.a[i*(kc+pad):][:depth], a.data[i*a.row:])
	}
	return left{mem.a[:], kc + pad, 1}
}

// multiply writes C = start + op(A)·op(B) for the columns from to to−1.
func (p *Packed) multiply(tA bool, m int, a []float32, lda int, s start, c []float32, ldc, from, to int) {
	mem := scratches.Get().(*scratch)
	defer scratches.Put(mem)
	x := leftOf(tA, a, lda)
	for l := 0; l < p.k; l += kc {
		mem.product(m, min(kc, p.k-l), x.at(0, l), &right{data: p.panels, n: p.n, deep: p.k, skip: l}, c, ldc, s, from, to)
		s = start{c, ldc}
	}
}
