package native

import (
	"slices"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native/kernel"
)

// Sums over the rows of a batch end a training step's way back: Xᵀ·dY for weights, the columns of dY for biases. Taken over whole values they would need
// every activation of the batch to be kept, and each worker to read what the others have written. Instead each shard of the batch adds up its
// own rows, block by block while they are in the cache, and the shards' sums are added in order afterwards. A shard's sum is one chain in the order of the
// rows, so the result depends on the number of shards, but neither on blocks nor on workers.

// findSums makes jobs of rows of the sums over rows, and adds the jobs that add up the shards' sums.
func (b *binder) findSums() {
	if b.shards < 1 || b.batch.n == 0 {
		return
	}
	var jobs []*job
	for _, j := range b.jobs {
		jobs = append(jobs, j)
		dtype, ok := b.sumOf(j)
		if !ok {
			continue
		}
		total, shards := j.out[0], min(b.shards, b.batch.n)
		own := &graph.Value{Name: total.Name + " by shards", Type: graph.Type{DType: dtype, Shape: graph.ShapeOf(shards, b.size(total))}}
		b.known[own] = graph.Known{Type: own.Type}
		if !j.product {
			j.in = j.in[:1] // the axes are known
		}
		j.out, j.rows, j.sums, j.sliced = []*graph.Value{own}, true, true, []bool{true, true}[:len(j.in)]
		jobs = append(jobs, &job{shards: shards, in: []*graph.Value{own}, out: []*graph.Value{total}, order: j.order})
	}
	b.jobs = jobs
}

// sumOf reports a sum over the rows of float32 values, and the type in which its shards add: products in float32 as always, plain sums in float64.
func (b *binder) sumOf(j *job) (tensor.DType, bool) {
	if !b.led(j.in[0]) || b.known[j.in[0]].DType != tensor.Float32 || b.size(j.out[0]) == 0 {
		return 0, false
	}
	switch {
	case j.product:
		return tensor.Float32, j.tA && !j.tB && b.led(j.in[1])
	case j.node.Op == "ReduceSum":
		axes, ok := b.numbers(j, 1)
		if !ok || len(axes) != 1 || axes[0] != 0 && int(axes[0]) != -len(b.shape(j.in[0])) {
			return 0, false
		}
		return tensor.Float64, true
	}
	return 0, false
}

// prepareSum adds the rows of a block to the sum of its shard.
func (b *binder) prepareSum(j *job, st *stage) rowRun {
	x := rowsOf[float32](b, st, j.in[0], true)
	size := b.shape(j.out[0])[1]
	if !j.product {
		sums := tensor.Data[float64](b.place[j.out[0]])
		return func(r rowBlock) error {
			sum := sums[r.shard*size:][:size]
			if r.first {
				clear(sum)
			}
			kernel.SumRows(sum, x.rows(r))
			return nil
		}
	}
	y, sums := rowsOf[float32](b, st, j.in[1], true), b.place[j.out[0]].Float32()
	chained := b.shape(j.out[0])[0] == 1
	return func(r rowBlock) error {
		at, add := r.shard*size, !r.first
		if chained {
			at, add = 0, add || r.shard > 0
		}
		kernel.Gemm(true, false, x.stride, y.stride, r.to-r.from, x.rows(r), x.stride, y.rows(r), y.stride, sums[at:], y.stride, add)
		return nil
	}
}

// prepareTotal adds the sums of the shards, the first ones first.
func (b *binder) prepareTotal(j *job) task {
	total, own := b.place[j.out[0]].Float32(), b.place[j.in[0]]
	size := len(total)
	cost := size * j.shards / 8
	parts := b.pool.cut(cost)
	return task{parts, cost, func(_, part int) error {
		from, to := cutOn(blockSize, size, part, parts), cutOn(blockSize, size, part+1, parts)
		if own.DType() == tensor.Float64 {
			addWide(total[from:to], tensor.Data[float64](own)[from:], size, j.shards)
			return nil
		}
		sums := own.Float32()
		sum := sums[from:to]
		for s := size; s < j.shards*size; s += size {
			kernel.Add(total[from:to], sum, sums[s+from:s+to])
			sum = total[from:to]
		}
		if j.shards == 1 {
			copy(total[from:to], sum)
		}
		return nil
	}}
}

// addWide adds numbers that lie stride apart, count of them for each element.
func addWide(total []float32, sums []float64, stride, count int) {
	for i := range total {
		sum := 0.0
		for s := range count {
			sum += sums[s*stride+i]
		}
		total[i] = float32(sum)
	}
}

// mostShardScratch bounds the scratch memory of a block of a shard that is not deep.
const mostShardScratch = 64 << 20

// deep is the number of rows from which a sum of products is about as fast as it gets.
const deep = 128

// cutShards cuts the batch into shards, and those into blocks. What is added up block by block is read and written each time, as large as the matrices read
// whole: blocks take as much scratch memory as those, or are deep.
func (b *binder) cutShards(row, whole int) (parts [][]rowBlock) {
	room := min(max(whole, mostScratch), mostShardScratch)
	most := max(room/max(row, 1), deep)
	shards := min(b.shards, b.batch.n)
	for s := range shards {
		from, to := b.batch.n*s/shards, b.batch.n*(s+1)/shards
		count := (to - from + most - 1) / most
		var blocks []rowBlock
		for k := range count {
			blocks = append(blocks, rowBlock{from: from + (to-from)*k/count, to: from + (to-from)*(k+1)/count, shard: s, first: k == 0})
		}
		parts = append(parts, slices.Clip(blocks))
	}
	return parts
}
