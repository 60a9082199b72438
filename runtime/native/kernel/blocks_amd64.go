//go:build amd64 && !purego

package kernel

import "sync"

// scratch is the memory of a product: a block of B by panels, and a block of A.
type scratch struct {
	b [kc * mostWide]float32
	// of a product that is written transposed
	turned [thin * 512]float32
	a      [(kc + pad) * (mostTall + pad)]float32
}

// pad keeps rows of a block of A apart, so that they do not fall on the same places of the first-level cache.
const pad = 16

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// borrowed is a scratch once it is needed.
type borrowed struct{ *scratch }

func (b *borrowed) get() *scratch {
	if b.scratch == nil {
		b.scratch = scratches.Get().(*scratch)
	}
	return b.scratch
}

func (b *borrowed) giveBack() {
	if b.scratch != nil {
		scratches.Put(b.scratch)
	}
}

// inPlace reports that op(B) = B is read with less time lost where it lies than by laying it out. With AVX2 laying it out costs little: see layOut.
func inPlace(m, k, ldb int) bool {
	const few, numbers = 64, 1 << 18 // rows of A, and numbers that stay in the second-level cache
	return m <= 2*shape.rows || wide && (m <= few && k*ldb <= numbers || ldb <= shape.near || k <= 64)
}

// layOut is the next columns from column j of op(B), at most n, depth rows from row l: laid out or, in place, to be laid out by the product that reads them,
// which has m rows.
func (mem *borrowed) layOut(tB bool, m, depth, n int, b []float32, ldb, l, j int) (right, int) {
	memory := mem.get().b[:]
	if tB || wide {
		n = min(n, shape.wide)
		pack(memory, tB, depth, n, b, ldb, l, j)
		return right{data: memory, n: n, deep: depth}, n
	}
	y := right{data: b[l*ldb+j:], row: ldb, keep: memory, once: m <= shape.tall}
	if !y.once {
		n = min(n, shape.wide)
	}
	y.n, y.deep = n, depth
	if full := n / shape.columns * shape.columns; full < n {
		pack(memory[y.keptAt(full):], false, depth, n-full, b, ldb, l, j+full)
	}
	return y, n
}

// copied reports that rows of A are better read from a copy by products with n columns: its numbers for a micro-kernel lie so far apart that they
// fall on few places of the caches.
func (a left) copied(n int) bool {
	if a.row == 1 {
		return a.col >= shape.far && n >= 2*shape.columns || !wide && n > 4*shape.columns
	}
	return a.row%1024 == 0 && n >= 512 // rows a power of two apart share the few places of a set
}

// product is multiply, block by block of A and of the columns of B.
func (mem *borrowed) product(m, depth int, a left, b *right, c []float32, ldc int, s start, from, to int) {
	copied := a.copied(to - from)
	parts := partsOf(m, shape.tall)
	y := *b
	for part, i := 0, 0; part < parts.n; part++ {
		rows := parts.size(part)
		x := a.at(i, 0)
		if copied {
			x = mem.get().copy(x, rows, depth)
		}
		multiply(rows, depth, x, &y, c[i*ldc:], ldc, s.at(i, 0), from, to)
		i += rows
		if y.keep != nil { // laid out by now
			y = right{data: y.keep, n: y.n, deep: y.deep}
		}
	}
}

// copy copies rows of A, depth deep.
func (mem *scratch) copy(a left, rows, depth int) left {
	switch {
	case a.row == 1 && !wide:
		return mem.strips(a, rows, depth)
	case a.row == 1:
		stride := (rows+pad-1)/pad*pad + pad
		pairs := rows / shape.columns
		if pairs > 0 {
			spread(&mem.a[0], &a.data[0], depth, a.col, stride, pairs, shape.columns)
		}
		for at, l := pairs*shape.columns, 0; l < depth && at < rows; l++ {
			copy(mem.a[l*stride+at:l*stride+rows], a.data[l*a.col+at:])
		}
		return left{data: mem.a[:], row: 1, col: stride}
	}
	for i := range rows {
		copy(mem.a[i*(kc+pad):][:depth], a.data[i*a.row:])
	}
	return left{data: mem.a[:], row: kc + pad, col: 1}
}

// strips copies rows of a transposed A, depth deep, so that those of each micro-kernel lie together.
func (mem *scratch) strips(a left, rows, depth int) left {
	parts, strip, whole := partsOf(rows, shape.rows), shape.rows*depth+pad, 0
	if rows >= shape.lanes {
		whole = depth - 1
	}
	if first := parts.more * (parts.least + 1); whole > 0 {
		strips256(&mem.a[0], &a.data[0], whole, a.col, parts.more, strip, parts.least+1)
		strips256(&mem.a[parts.more*strip], &a.data[first], whole, a.col, parts.n-parts.more, strip, parts.least)
	}
	for part, i := 0, 0; part < parts.n; part++ {
		n := parts.size(part)
		for l := whole; l < depth; l++ {
			copy(mem.a[part*strip+l*shape.rows:], a.data[l*a.col+i:][:n])
		}
		i += n
	}
	return left{data: mem.a[:], row: 1, col: shape.rows, strip: strip}
}
