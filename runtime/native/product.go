package native

import (
	"slices"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native/kernel"
)

// rowStep keeps the cut between two parts of a product on a whole number of cache lines, and of rows enough for the micro-kernels.
const rowStep = 48

// packKey names a right operand that never changes: the memory it lies in, and whether it is read transposed.
type packKey struct {
	at   *float32
	rows int // of the result of op, for two views of one memory
	tB   bool
}

// packing is the layout of op(B) [k, n] for products.
type packing struct {
	tB   bool
	k, n int
}

// isFloat32Product reports a product whose operands the assembly takes.
func (b *binder) isFloat32Product(j *job) bool {
	return j.product && b.known[j.in[0]].DType == tensor.Float32 && kernel.HasFMA
}

// changes reports a value that a run may find with other numbers than the last: anything but constants, and parameters that are no state.
func (b *binder) changes(v *graph.Value) bool {
	t, ok := b.fixed[b.root(v)]
	if !ok || t.Len() == 0 || b.vary[b.root(v)] {
		return true
	}
	for _, param := range b.next {
		if sameMemory(t, param) {
			return true
		}
	}
	return false
}

// layOut gives products of rows a right operand that is laid out once a run, before the rows, if it changes between runs.
func (b *binder) layOut() {
	type key struct {
		v  *graph.Value
		tB bool
	}
	made := map[key]*graph.Value{}
	var jobs []*job
	for _, j := range b.jobs {
		if j.rows && !j.sums && b.isFloat32Product(j) && b.changes(j.in[1]) && b.size(j.in[1]) > 0 {
			k := key{j.in[1], j.tB}
			if made[k] == nil {
				p := &packing{tB: j.tB, k: b.shape(j.in[1])[0], n: b.shape(j.in[1])[1]}
				if j.tB {
					p.k, p.n = p.n, p.k
				}
				v := &graph.Value{Name: j.in[1].Name + " laid out", Type: graph.Type{DType: tensor.Float32, Shape: graph.ShapeOf(kernel.PackedSize(p.n, p.k))}}
				b.known[v] = graph.Known{Type: v.Type}
				made[k] = v
				jobs = append(jobs, &job{pack: p, in: []*graph.Value{j.in[1]}, out: []*graph.Value{v}, order: j.order})
			}
			j.in[1] = made[k]
		}
		jobs = append(jobs, j)
	}
	b.jobs = jobs
}

// preparePack lays out a matrix, by panels of columns.
func (b *binder) preparePack(j *job) task {
	src, dst := b.place[j.in[0]].Float32(), b.place[j.out[0]].Float32()
	ldb := b.shape(j.in[0])[1]
	p := kernel.PackedIn(dst, j.pack.n, j.pack.k)
	cost := len(dst) / 4
	parts := b.pool.cut(cost)
	return task{parts, cost, func(_, part int) error {
		p.Fill(j.pack.tB, src, ldb, cutColumns(j.pack.n, part, parts), cutColumns(j.pack.n, part+1, parts))
		return nil
	}}
}

// prepareProduct is a product of two matrices as wholes, either of which may be read transposed, cut into rectangles of the result.
func (b *binder) prepareProduct(j *job) (task, error) {
	c := &call{node: j.node, in: []tensor.Tensor{b.place[j.in[0]], b.place[j.in[1]]}, out: []tensor.Tensor{b.place[j.out[0]]}}
	rows, cols := c.out[0].Dim(0), c.out[0].Dim(1)
	inner := c.in[0].Dim(1)
	if j.tA {
		inner = c.in[0].Dim(0)
	}
	if c.in[0].DType() != tensor.Float32 {
		mul, err := product(c, matrix{j.tA, j.tB, rows, cols, inner})
		return task{1, rows * cols * inner, func(int, int) error { mul(0, 0, 0, false); return nil }}, err
	}
	x, y, out := c.in[0].Float32(), c.in[1].Float32(), c.out[0].Float32()
	lda, ldb := max(c.in[0].Dim(1), 1), max(c.in[1].Dim(1), 1)
	right := b.packed(j.in[1], j.tB, cols, inner)
	gemm := func(from, to, left, at int) { // rows from to to−1, columns left to at−1
		if from == to || left == at {
			return
		}
		a := from * lda
		if j.tA {
			a = from
		}
		if right != nil {
			right.Gemm(j.tA, to-from, x[a:], lda, out[from*cols:], cols, left, at)
			return
		}
		w := left
		if j.tB {
			w = left * ldb
		}
		kernel.Gemm(j.tA, j.tB, to-from, at-left, inner, x[a:], lda, y[w:], ldb, out[from*cols+left:], cols, false)
	}
	cost := rows * cols * inner / 40 // 2 flops, 80 a nanosecond
	high, wide := cutMatrix(rows, cols, min(b.pool.cut(cost), 2*b.pool.n))
	return task{high * wide, cost, func(_, part int) error {
		i, k := part/wide, part%wide
		gemm(cutAt(rows, i, high), cutAt(rows, i+1, high), cutColumns(cols, k, wide), cutColumns(cols, k+1, wide))
		return nil
	}}, nil
}

// cutMatrix is how many bands of rows and of columns a product is cut into for about so many parts: about as many of each, since every band of rows lays out
// all of the right operand, and every band of columns all of the left.
func cutMatrix(rows, cols, parts int) (high, wide int) {
	wide = 1
	for (wide+1)*(wide+1) <= parts {
		wide++
	}
	wide = max(1, min(wide, cols/rowStep))
	return max(1, min((parts+wide-1)/wide, rows/rowStep)), wide
}

// packed lays out a right operand once if it never changes between runs; it is nil otherwise. The layout serves every instance of the plan.
func (b *binder) packed(v *graph.Value, tB bool, n, k int) *kernel.Packed {
	if !kernel.HasFMA || b.changes(v) || n == 0 || k == 0 {
		return nil
	}
	y := b.place[v].Float32()
	key := packKey{&y[0], n, tB}
	if b.packs[key] == nil {
		ldb := n
		if tB {
			ldb = k
		}
		p := kernel.Pack(tB, n, k, y, ldb)
		if b.packs == nil {
			b.packs = map[packKey]*kernel.Packed{}
		}
		b.packs[key] = p
	}
	return b.packs[key]
}

// prepareRowProduct multiplies rows by a matrix.
func (b *binder) prepareRowProduct(j *job, st *stage) rowRun {
	cols, inner := b.shape(j.out[0])[1], b.shape(j.in[0])[1]
	x, out := rowsOf[float32](b, st, j.in[0], true), rowsOf[float32](b, st, j.out[0], true)
	right := b.packed(j.in[1], j.tB, cols, inner)
	if t := b.place[j.in[1]]; right == nil && kernel.HasFMA && cols > 0 && inner > 0 { // laid out in this run
		right = kernel.PackedIn(t.Float32(), cols, inner)
	}
	if right != nil && len(j.in) > 2 {
		return b.prepareRowProductFrom(j, st, right)
	}
	if right != nil {
		return func(r rowBlock) error {
			right.Gemm(false, r.to-r.from, x.rows(r), inner, out.rows(r), cols, 0, cols)
			return nil
		}
	}
	y, ldb := b.place[j.in[1]].Float32(), max(b.shape(j.in[1])[1], 1)
	return func(r rowBlock) error {
		kernel.Gemm(false, j.tB, r.to-r.from, cols, inner, x.rows(r), max(inner, 1), y, ldb, out.rows(r), max(cols, 1), false)
		return nil
	}
}

// prepareRowProductFrom multiplies rows by a matrix and begins the sums from a row, or from rows of its own for each.
func (b *binder) prepareRowProductFrom(j *job, st *stage, right *kernel.Packed) rowRun {
	cols, inner := b.shape(j.out[0])[1], b.shape(j.in[0])[1]
	x, out, from := rowsOf[float32](b, st, j.in[0], true), rowsOf[float32](b, st, j.out[0], true), rowsOf[float32](b, st, j.in[2], j.sliced[2])
	return func(r rowBlock) error {
		right.GemmFrom(false, r.to-r.from, x.rows(r), inner, from.rows(r), from.stride, out.rows(r), cols, 0, cols)
		return nil
	}
}

// beginSums lets products of rows begin their sums from what is added to them, a bias or another product, and drops the addition.
func (b *binder) beginSums() {
	readers := map[*graph.Value]int{}
	for _, o := range b.g.Outputs {
		readers[b.root(o.Value)]++
	}
	for _, j := range b.jobs {
		for _, v := range j.in {
			readers[b.root(v)]++
		}
	}
	producer := b.producers()
	moved := map[*job]*job{} // the product that takes an addition's place
	gone := map[*job]bool{}
	for _, j := range b.jobs {
		if j.node == nil || j.node.Op != "Add" || !j.rows {
			continue
		}
		for side := range j.in {
			p, other := producer[j.in[side]], j.in[1-side]
			if p == nil || gone[p] || readers[j.in[side]] != 1 || !b.beginsFrom(p, other, j) {
				continue
			}
			q := *p
			q.in, q.sliced = []*graph.Value{p.in[0], p.in[1], other}, []bool{true, false, j.sliced[1-side]}
			q.out, q.order = j.out, j.order
			moved[j], gone[p] = &q, true
			producer[j.out[0]] = &q
			break
		}
	}
	var jobs []*job
	for _, j := range b.jobs {
		if q := moved[j]; q != nil {
			j = q
		}
		if !gone[j] {
			jobs = append(jobs, j)
		}
	}
	b.jobs = jobs
}

// beginsFrom reports that the sums of product p can begin from a value that job j adds to it: of the same shape, or one row for all.
func (b *binder) beginsFrom(p *job, from *graph.Value, j *job) bool {
	if !p.rows || p.sums || len(p.in) != 2 || !b.isFloat32Product(p) || b.size(p.in[1]) == 0 || !slices.Equal(b.shape(p.out[0]), b.shape(j.out[0])) {
		return false
	}
	cols := b.shape(p.out[0])[1]
	if j.sliced[slices.Index(j.in, from)] {
		return slices.Equal(b.shape(from), b.shape(p.out[0]))
	}
	s := b.shape(from)
	return b.size(from) == cols && (cols == 1 || s[len(s)-1] == cols)
}

// cutAt is where part p of n rows begins, on a multiple of rowStep.
func cutAt(n, p, parts int) int { return cut(n, p, parts, rowStep) }

// cutColumns is where part p of n columns begins, on a multiple of two panels.
func cutColumns(n, p, parts int) int { return cut(n, p, parts, 2*kernel.Columns()) }

func cut(n, p, parts, step int) int {
	if p == parts {
		return n
	}
	return n * p / parts / step * step
}
