package native

import (
	"fmt"
	"slices"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// stage is a run of jobs that work row by row. Blocks of rows go through all of them, one after another on any worker, so that what passes between
// the jobs stays in the cache: it lies in the worker's own scratch memory and never exists as a whole. No number depends on how the rows are cut, but for
// sums over rows, of which each shard of the batch makes its own (sums.go).
type stage struct {
	block   int                  // most rows of a block
	parts   [][]rowBlock         // the blocks of each part, in order: all of a shard, or one
	scratch map[*graph.Value]int // where a value lies in the scratch memory of its type
	lanes   []map[tensor.DType]tensor.Tensor
}

// rowBlock is the rows from to to−1, of a shard of the batch, on a worker.
type rowBlock struct {
	worker, from, to int
	shard            int
	first            bool // of its shard
}

// rowRun computes a block of rows.
type rowRun func(r rowBlock) error

// rowsRef finds rows of a value.
type rowsRef[T any] struct {
	data   []T // the whole value; nil: it lies in the workers' scratch
	lanes  [][]T
	stride int // numbers a row; 0: the value is read whole
}

func (r *rowsRef[T]) rows(at rowBlock) []T {
	switch {
	case r.data == nil:
		return r.lanes[at.worker][:(at.to-at.from)*r.stride]
	case r.stride == 0:
		return r.data
	}
	return r.data[at.from*r.stride : at.to*r.stride]
}

// rowsOf refers to a value in a stage, row by row or whole.
func rowsOf[T tensor.Element](b *binder, st *stage, v *graph.Value, sliced bool) rowsRef[T] {
	r := rowsRef[T]{}
	if sliced {
		r.stride = b.size(v) / b.batch.n
	}
	at, ok := st.scratch[b.root(v)]
	if !ok {
		r.data = tensor.Data[T](b.place[v])
		return r
	}
	for _, l := range st.lanes {
		r.lanes = append(r.lanes, tensor.Data[T](l[b.known[v].DType])[at:])
	}
	return r
}

func (b *binder) prepareStage(jobs []*job, st *stage, a *arena) (step, error) {
	for k := range b.pool.n {
		st.lanes = append(st.lanes, a.slabs[1+k])
	}
	runs := make([]rowRun, len(jobs))
	for k, j := range jobs {
		var err error
		switch {
		case j.group != nil:
			runs[k], err = b.prepareRowGroup(j.group, st)
		case j.sums:
			runs[k] = b.prepareSum(j, st)
		case b.isFloat32Product(j):
			runs[k] = b.prepareRowProduct(j, st)
		default:
			runs[k], err = b.prepareRowCall(j, st)
		}
		if err != nil {
			return step{}, err
		}
	}
	return step{len(st.parts), func(worker, part int) error {
		for _, block := range st.parts[part] {
			block.worker = worker
			for k, run := range runs {
				if err := run(block); err != nil {
					return fmt.Errorf("%w (%s)", err, jobs[k].name())
				}
			}
		}
		return nil
	}}, nil
}

// prepareRowCall runs an operator on blocks of rows: it is prepared for each worker and length of block, on the scratch memory where values lie there and on
// copies of the rows of the others.
func (b *binder) prepareRowCall(j *job, st *stage) (rowRun, error) {
	bound := make([]map[int]rowRun, b.pool.n)
	for w := range bound {
		bound[w] = map[int]rowRun{}
		for _, n := range st.lengths() {
			run, err := b.bindRows(j, st, w, n)
			if err != nil {
				return nil, err
			}
			bound[w][n] = run
		}
	}
	return func(r rowBlock) error { return bound[r.worker][r.to-r.from](r) }, nil
}

// lengths are the numbers of rows of the blocks, each once.
func (st *stage) lengths() (list []int) {
	for _, blocks := range st.parts {
		for _, r := range blocks {
			if !slices.Contains(list, r.to-r.from) {
				list = append(list, r.to-r.from)
			}
		}
	}
	return list
}

// bindRows prepares an operator for one worker and blocks of n rows.
func (b *binder) bindRows(j *job, st *stage, worker, n int) (rowRun, error) {
	type copied struct {
		local, whole []byte
		stride       int // bytes a row
	}
	var ins, outs []copied
	local := func(v *graph.Value, list *[]copied) tensor.Tensor {
		shape := append([]int{n}, b.shape(v)[1:]...)
		size := tensor.Size(shape)
		if at, ok := st.scratch[b.root(v)]; ok {
			return st.lanes[worker][b.known[v].DType].Slice(at, at+size).Reshape(shape...)
		}
		t := tensor.New(b.known[v].DType, shape...)
		*list = append(*list, copied{t.Memory(), b.place[v].Memory(), size / n * t.DType().Size()})
		return t
	}
	c := &call{node: j.node}
	for i, v := range j.in {
		switch {
		case v == nil:
			c.in = append(c.in, tensor.Tensor{})
		case j.sliced[i]:
			c.in = append(c.in, local(v, &ins))
		default:
			c.in = append(c.in, b.place[v])
		}
	}
	for _, v := range j.out {
		c.out = append(c.out, local(v, &outs))
	}
	run, err := b.rowKernel(c, j)
	if err != nil {
		return nil, err
	}
	return func(r rowBlock) error {
		for _, x := range ins {
			copy(x.local, x.whole[r.from*x.stride:r.to*x.stride])
		}
		if err := run(); err != nil {
			return err
		}
		for _, x := range outs {
			copy(x.whole[r.from*x.stride:r.to*x.stride], x.local)
		}
		return nil
	}, nil
}

// rowKernel is the operator's kernel, or the product's for types that have no assembly.
func (b *binder) rowKernel(c *call, j *job) (func() error, error) {
	switch {
	case j.squares:
		return sumSquares(c.in[0].Float32(), c.out[0].Float32()), nil
	case !j.product:
		return prepareNode(c)
	}
	mul, err := product(c, matrix{false, j.tB, c.out[0].Dim(0), c.out[0].Dim(1), c.in[0].Dim(1)})
	return func() error { mul(0, 0, 0, false); return nil }, err
}

// The scratch memory of a block of rows should stay in the second-level cache, and so should the matrices that its rows are multiplied by. Matrices that do
// not stay are read anew for every block, so that blocks grow with them.
const leastScratch, mostScratch = 192 << 10, 768 << 10

// cutRows cuts the batch into parts of about one length, as many as serve all workers, given the bytes of scratch that a row takes and the bytes of the
// operands that a block reads whole. Blocks have a multiple of six rows.
func (b *binder) cutRows(row, whole int) (parts [][]rowBlock) {
	n := b.batch.n
	room := min(max(whole, leastScratch), mostScratch)
	most := min(max(room/max(row, 1), 24), 384)
	blocks := (n + most - 1) / most
	if w := b.pool.n; w > 1 && n >= 24*w {
		blocks = (blocks + w - 1) / w * w
		if blocks == w {
			blocks = 2 * w // so that a worker that is held up leaves work to others
		}
	}
	length := ((n+blocks-1)/blocks + 5) / 6 * 6
	for from := 0; from < n; from += length {
		parts = append(parts, []rowBlock{{from: from, to: min(from+length, n)}})
	}
	return parts
}

// wholeBytes are those of the operands that jobs read whole.
func (b *binder) wholeBytes(jobs []*job) (bytes int) {
	for _, j := range jobs {
		for i, v := range j.in {
			if v != nil && !j.reads(i) {
				bytes += b.size(v) * b.known[v].DType.Size()
			}
		}
	}
	return bytes
}

// planStage decides which values of a stage live in scratch memory, and where.
func (b *binder) planStage(jobs []*job, outside func(*graph.Value) bool, a *arena) *stage {
	st := &stage{scratch: map[*graph.Value]int{}}
	last := map[*graph.Value]int{}
	for k, j := range jobs {
		for _, v := range append(slices.Clone(j.out), j.in...) {
			if v != nil {
				last[b.root(v)] = k
			}
		}
	}
	// The first pass counts numbers a row, the second places blocks.
	place := func(length func(v *graph.Value) int) map[tensor.DType]*heap {
		heaps := map[tensor.DType]*heap{}
		for k, j := range jobs {
			for _, v := range j.out {
				d := b.known[v].DType
				if heaps[d] == nil {
					heaps[d] = &heap{}
				}
				if !outside(v) {
					st.scratch[v] = heaps[d].take(length(v))
				}
			}
			freed := map[*graph.Value]bool{}
			for _, v := range append(slices.Clone(j.out), j.in...) {
				if v == nil {
					continue
				}
				v = b.root(v)
				if at, ok := st.scratch[v]; ok && last[v] == k && !freed[v] {
					heaps[b.known[v].DType].give(at, length(v))
					freed[v] = true
				}
			}
		}
		return heaps
	}
	stride := func(v *graph.Value) int { return b.size(v) / b.batch.n }
	bytes := 0
	for d, h := range place(stride) {
		bytes += h.top * d.Size()
	}
	if whole := b.wholeBytes(jobs); slices.ContainsFunc(jobs, func(j *job) bool { return j.sums }) {
		st.parts = b.cutShards(bytes, whole)
	} else {
		st.parts = b.cutRows(bytes, whole)
	}
	st.block = slices.Max(st.lengths())
	for d, h := range place(func(v *graph.Value) int { return aligned(stride(v) * st.block) }) {
		for w := range b.pool.n {
			a.reserve(1+w, d, h.top)
		}
	}
	return st
}
