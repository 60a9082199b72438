package native

import (
	"cmp"
	"slices"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// seeThrough lets matrix products read transposed operands in place, and sums of squares what is squared, and drops the transposes, and whatever else, that nobody needs any more.
func (b *binder) seeThrough() {
	producer := b.producers()
	for _, j := range b.jobs {
		if j.product = b.isProduct(j); !j.product {
			continue
		}
		for i, flag := range []*bool{&j.tA, &j.tB} {
			if t := producer[j.in[i]]; t != nil && t.node.Op == "Transpose" && swaps(t.node) {
				j.in[i], *flag = t.in[0], true
			}
		}
	}
	for _, j := range b.jobs {
		b.seeSquares(j, producer)
		b.seeExpanded(j, producer)
	}
	b.dropUnused()
}

// seeExpanded lets an operator of elements read what was expanded, where another operand has all the elements; and the one number that it came from, if it
// did.
func (b *binder) seeExpanded(j *job, producer map[*graph.Value]*job) {
	if _, elements := vectorOps[j.node.Op]; !elements || len(j.in) < 2 {
		return
	}
	full := b.shape(j.out[0])
	for i, v := range j.in {
		if !slices.ContainsFunc(slices.Delete(slices.Clone(j.in), i, i+1), func(other *graph.Value) bool { return slices.Equal(b.shape(other), full) }) {
			continue
		}
		if p := producer[v]; p != nil && p.node.Op == "Expand" {
			v = p.in[0]
		}
		one := v
		for p := producer[one]; p != nil && (p.node.Op == "Expand" || views[p.node.Op]); p = producer[one] {
			one = p.in[0]
		}
		if b.size(one) == 1 && len(b.shape(one)) <= len(full) {
			v = one
		}
		j.in[i] = v
	}
}

// seeSquares lets the sum of the squares of all numbers, or of each row's, read the numbers themselves.
func (b *binder) seeSquares(j *job, producer map[*graph.Value]*job) {
	if j.node.Op != "ReduceSum" || b.known[j.in[0]].DType != tensor.Float32 {
		return
	}
	p := producer[j.in[0]]
	if p == nil || p.node.Op != "Mul" || p.in[0] != p.in[1] || b.size(j.out[0]) != 1 && !b.sumsRows(j) {
		return
	}
	j.squares = true
	if j.in[0] = p.in[0]; b.size(j.out[0]) == 1 {
		j.in = j.in[:1]
	}
}

// sumsRows reports a sum over the last dimensions, and no other.
func (b *binder) sumsRows(j *job) bool {
	axes, ok := b.numbers(j, 1)
	rank, least := len(b.shape(j.in[0])), len(b.shape(j.in[0]))
	over := map[int]bool{}
	for _, a := range axes {
		at := (int(a) + rank) % rank
		over[at], least = true, min(least, at)
	}
	return ok && len(over) > 0 && len(over) == rank-least
}

// isProduct reports a MatMul of two matrices, for which there is a way of its own: float16 ones go by way of float32 instead.
func (b *binder) isProduct(j *job) bool {
	if j.node.Op != "MatMul" {
		return false
	}
	x, y := b.known[j.in[0]], b.known[j.in[1]]
	return len(x.Shape) == 2 && len(y.Shape) == 2 && x.DType != tensor.Float16
}

// swaps reports that a Transpose of a matrix does exchange rows and columns.
func swaps(n *graph.Node) bool {
	perm, given := n.IntList("perm")
	return !given || perm[0] == 1
}

func (b *binder) dropUnused() {
	used := map[*graph.Value]bool{}
	for _, o := range b.g.Outputs {
		used[o.Value] = true
	}
	for i := len(b.jobs) - 1; i >= 0; i-- {
		j := b.jobs[i]
		if !slices.ContainsFunc(j.out, func(v *graph.Value) bool { return used[v] }) {
			b.jobs = slices.Delete(b.jobs, i, i+1)
			continue
		}
		for _, v := range j.in {
			used[v] = true
		}
	}
}

// group is a set of elementwise jobs over the same elements that run together, block by block.
type group struct {
	members []*job
	dtype   tensor.DType
	size    int // elements of the common shape
	shape   []int
	in      []*graph.Value // read from outside
	sliced  []bool         // in a stage: which of them by rows
	out     []*graph.Value // needed outside
	fused   []fusedCode    // what takes the place of members, of float32 groups
	b       *binder
}

func (g *group) name() string {
	return g.members[0].node.Name + "…" + g.members[len(g.members)-1].node.Name
}

// runs is the index of the member in whose place member i is computed: its own, or that of the instruction it is fused into.
func (g *group) runs(i int) int {
	for _, c := range g.fused {
		if c.match.members[i] {
			return c.at
		}
	}
	return i
}

// lastRead is where a value of which is holds is read last, −1 if no member reads one.
func (g *group) lastRead(is func(*graph.Value) bool) int {
	last := -1
	for i, j := range g.members {
		if slices.ContainsFunc(j.in, is) {
			last = max(last, g.runs(i))
		}
	}
	return last
}

// made is where v is computed.
func (g *group) made(v *graph.Value) int {
	return g.runs(slices.IndexFunc(g.members, func(j *job) bool { return j.out[0] == v }))
}

// fuse schedules the jobs and merges elementwise ones.
//
// A stage of rows follows the whole jobs that it needs and precedes those that need it, so stages are few: in a training step all of forward and backward
// pass is one. Within whole jobs, and within rows, the level of a job is the longest way from it to the end, where a step between two elementwise jobs over the
// same elements costs nothing and any other step costs one. Elementwise jobs of one level over the same elements cannot depend on
// each other through anything else, so those that are connected may run as one. Levels from the end put a job next to its readers.
func (b *binder) fuse() {
	producer := b.producers()
	for _, j := range b.jobs {
		j.stage = 0
		for i, v := range j.in {
			p := producer[b.root(v)]
			switch {
			case p == nil:
			case p.rows && (p.sums || !j.rows || !j.sliced[i]):
				j.stage = max(j.stage, p.stage+1)
			default:
				j.stage = max(j.stage, p.stage)
			}
		}
	}
	b.sink(producer)
	loose := map[*job]bool{} // jobs that may not be fused after all
	for {
		groups := b.groups(producer, loose)
		if !b.demote(groups, producer, loose) {
			b.schedule(groups)
			return
		}
	}
}

// sink moves whole jobs to the stage of their first reader, next to which they may be fused and their results live shortly.
func (b *binder) sink(producer map[*graph.Value]*job) {
	first := map[*job]int{}
	for k := len(b.jobs) - 1; k >= 0; k-- {
		j := b.jobs[k]
		if stage, read := first[j]; read && !j.rows {
			j.stage = max(j.stage, stage)
		}
		for _, v := range j.in {
			if p := producer[b.root(v)]; p != nil {
				if have, ok := first[p]; !ok || j.stage < have {
					first[p] = j.stage
				}
			}
		}
	}
}

// groups returns for each fusable job the jobs it runs with.
func (b *binder) groups(producer map[*graph.Value]*job, loose map[*job]bool) map[*job]*[]*job {
	can := map[*job]bool{}
	for _, j := range b.jobs {
		can[j] = !loose[j] && b.fusable(j)
		j.level = 0
	}
	free := func(j, p *job) bool { return can[j] && can[p] && slices.Equal(b.shape(j.out[0]), b.shape(p.out[0])) }
	of := map[*job]*[]*job{}
	for k := len(b.jobs) - 1; k >= 0; k-- {
		j := b.jobs[k]
		if can[j] {
			of[j] = &[]*job{j}
		}
		for _, v := range j.in {
			p := producer[b.root(v)]
			switch {
			case p == nil || p.stage != j.stage || p.rows != j.rows:
			case free(j, p):
				p.level = max(p.level, j.level)
			default:
				p.level = max(p.level, j.level+1)
			}
		}
	}
	for _, j := range b.jobs {
		for _, v := range j.in {
			p := producer[b.root(v)]
			if p == nil || p.stage != j.stage || p.rows != j.rows || p.level != j.level || !free(j, p) || of[p] == of[j] {
				continue
			}
			merged := of[p]
			*merged = append(*merged, *of[j]...)
			for _, k := range *of[j] {
				of[k] = merged
			}
		}
	}
	return of
}

// demote takes out of fusion the nodes whose truth values would have to leave a group or come from outside: inside, a bool is a float 0 or 1.
func (b *binder) demote(groups map[*job]*[]*job, producer map[*graph.Value]*job, loose map[*job]bool) bool {
	outside := map[*graph.Value]bool{}
	for _, o := range b.g.Outputs {
		outside[b.root(o.Value)] = true
	}
	changed := false
	drop := func(j *job) {
		changed = changed || !loose[j]
		loose[j] = true
	}
	for _, j := range b.jobs {
		for _, v := range j.in {
			if v == nil || b.known[v].DType != tensor.Bool {
				continue
			}
			p := producer[b.root(v)]
			inside := p != nil && groups[j] != nil && groups[j] == groups[p]
			if groups[j] != nil && !inside {
				drop(j)
			}
			if p != nil && groups[p] != nil && !inside {
				drop(p)
			}
		}
		if groups[j] != nil && b.known[j.out[0]].DType == tensor.Bool && outside[j.out[0]] {
			drop(j)
		}
	}
	return changed
}

// schedule builds the groups and orders the jobs: by stage, in each the whole jobs first, by level.
func (b *binder) schedule(of map[*job]*[]*job) {
	readers := map[*graph.Value][]*job{}
	for _, j := range b.jobs {
		for _, v := range j.in {
			if v != nil {
				readers[b.root(v)] = append(readers[b.root(v)], j)
			}
		}
	}
	var jobs []*job
	done := map[*[]*job]bool{}
	for _, j := range b.jobs {
		members := of[j]
		if members == nil {
			jobs = append(jobs, j)
			continue
		}
		if !done[members] {
			done[members] = true
			jobs = append(jobs, b.merge(*members, readers))
		}
	}
	slices.SortStableFunc(jobs, func(x, y *job) int {
		return cmp.Or(cmp.Compare(x.stage, y.stage), compareBool(x.rows, y.rows), cmp.Compare(y.level, x.level), cmp.Compare(x.order, y.order))
	})
	b.jobs = jobs
}

func compareBool(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return 1
	}
	return -1
}

func (b *binder) merge(members []*job, readers map[*graph.Value][]*job) *job {
	slices.SortFunc(members, func(x, y *job) int { return cmp.Compare(x.order, y.order) })
	g := &group{b: b, dtype: tensor.Float32, members: members, shape: b.shape(members[0].out[0])}
	g.size = tensor.Size(g.shape)
	inside := map[*job]bool{}
	made := map[*graph.Value]bool{}
	for _, j := range members {
		inside[j], made[j.out[0]] = true, true
		if d := b.known[j.out[0]].DType; d.IsFloat() {
			g.dtype = d
		}
	}
	needed := map[*graph.Value]bool{}
	for _, o := range b.g.Outputs {
		needed[b.root(o.Value)] = true
	}
	for _, j := range members {
		for i, v := range j.in {
			if made[b.root(v)] { // also by way of a view
				j.in[i] = b.root(v)
			} else if !slices.Contains(g.in, v) {
				g.in = append(g.in, v)
				g.sliced = append(g.sliced, j.rows && j.sliced[i])
			}
		}
		v := j.out[0]
		if needed[v] || slices.ContainsFunc(readers[v], func(r *job) bool { return !inside[r] }) {
			g.out = append(g.out, v)
		}
	}
	g.fused = b.findFusions(g)
	first := members[0]
	return &job{group: g, in: g.in, out: g.out, rows: first.rows, stage: first.stage, level: first.level, order: first.order}
}

// fusable reports an elementwise node whose operands are, over its elements, whole, one number, a repeated row or a stretched column.
func (b *binder) fusable(j *job) bool {
	if j.node == nil {
		return false
	}
	row, ok := vectorOps[j.node.Op]
	if !ok || len(j.in) != row.arity {
		return false
	}
	out := b.known[j.out[0]]
	if j.node.Op == "Cast" && out.DType == tensor.Bool { // any number but 0 is true: no copy, as the other casts are
		return false
	}
	shape, _ := out.Shape.Ints()
	float := tensor.Invalid
	for _, v := range append(slices.Clone(j.in), j.out[0]) {
		k := b.known[v]
		if k.DType == tensor.Bool {
			continue
		}
		if k.DType != tensor.Float32 && k.DType != tensor.Float64 || float != tensor.Invalid && k.DType != float {
			return false
		}
		float = k.DType
		s, _ := k.Shape.Ints()
		if _, ok := classify(shape, s); !ok {
			return false
		}
	}
	return float != tensor.Invalid && tensor.Size(shape) > 0
}

// operand says how a vector program reads a value: element e is at (e / div) mod n.
type operand struct {
	div, mod int
}

// classify finds the operand form of shape s stretched to shape out; ok is false if it needs a general walk.
func classify(out, s []int) (operand, bool) {
	if len(s) > len(out) {
		return operand{}, false
	}
	w := newWalk(out, broadcastStrides(out, s), 0)
	switch {
	case tensor.Size(s) == 1:
		return operand{div: tensor.Size(out), mod: 1}, true
	case len(w.dims) == 1 && w.strides[0] == 1:
		return operand{div: 1, mod: tensor.Size(out)}, true
	case len(w.dims) == 2 && w.strides[0] == 0 && w.strides[1] == 1: // a row for each
		return operand{div: 1, mod: w.dims[1]}, true
	case len(w.dims) == 2 && w.strides[0] == 1 && w.strides[1] == 0: // a column
		return operand{div: w.dims[1], mod: w.dims[0]}, true
	}
	return operand{}, false
}
