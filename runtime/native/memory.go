package native

import (
	"slices"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native/kernel"
)

// arena is the memory of the intermediate values, one slab for each element type, shared by the instances of a plan: only one runs at a time. The first set
// of slabs is for whole values, the others are the workers' scratch.
type arena struct {
	slabs []map[tensor.DType]tensor.Tensor
	moved bool // a slab was replaced by a larger one: earlier views are of the old memory
}

// reserve makes room for n elements of a type in a set of slabs.
func (a *arena) reserve(set int, d tensor.DType, n int) {
	for len(a.slabs) <= set {
		a.slabs = append(a.slabs, map[tensor.DType]tensor.Tensor{})
	}
	have, ok := a.slabs[set][d]
	if ok && have.Len() >= n {
		return
	}
	a.moved = a.moved || ok
	a.slabs[set][d] = tensor.New(d, n)
}

// heap is the plan of a slab: places are taken and given back, the best fit first.
type heap struct {
	free []span
	top  int
}

type span struct{ from, to int }

func (h *heap) take(size int) int {
	best := -1
	for i, s := range h.free {
		if s.to-s.from >= size && (best < 0 || s.to-s.from < h.free[best].to-h.free[best].from) {
			best = i
		}
	}
	if best < 0 {
		at := h.top
		h.top += size
		return at
	}
	at := h.free[best].from
	if h.free[best].from += size; h.free[best].from == h.free[best].to {
		h.free = slices.Delete(h.free, best, best+1)
	}
	return at
}

func (h *heap) give(at, size int) {
	if size == 0 {
		return
	}
	h.free = append(h.free, span{at, at + size})
	slices.SortFunc(h.free, func(a, b span) int { return a.from - b.from })
	merged := h.free[:1]
	for _, s := range h.free[1:] {
		if last := &merged[len(merged)-1]; last.to == s.from {
			last.to = s.to
		} else {
			merged = append(merged, s)
		}
	}
	h.free = merged
}

// align keeps places on cache lines.
const align = 16

func aligned(n int) int { return (n + align - 1) / align * align }

// memory decides where each value lives as a whole. A value has a place from the step that makes it to the last that reads it; places of values that do
// not live at the same time may overlap. Values that only a stage sees live in its scratch.
type memory struct {
	b      *binder
	steps  [][]*job
	stages []*stage              // for each step that is one
	last   map[*graph.Value]int  // last step that reads a value
	inside map[*graph.Value]bool // values of one stage
	direct map[*graph.Value]bool // state outputs written straight into their parameter
	heaps  map[tensor.DType]*heap
	at     map[*graph.Value]int
}

func newMemory(b *binder) *memory {
	m := &memory{b: b, last: map[*graph.Value]int{}, inside: map[*graph.Value]bool{}, direct: map[*graph.Value]bool{},
		heaps: map[tensor.DType]*heap{}, at: map[*graph.Value]int{}}
	for i, j := range b.jobs {
		if i > 0 && b.jobs[i-1].together(j) {
			m.steps[len(m.steps)-1] = append(m.steps[len(m.steps)-1], j)
			continue
		}
		m.steps = append(m.steps, []*job{j})
	}
	m.stages = make([]*stage, len(m.steps))
	return m
}

// together reports jobs of one step: a whole stage of rows, or jobs of one level.
func (j *job) together(k *job) bool {
	return j.stage == k.stage && j.rows == k.rows && (j.rows || j.level == k.level)
}

func (m *memory) plan(a *arena) {
	b := m.b
	m.findInside()
	for k, list := range m.steps {
		if list[0].rows {
			m.stages[k] = b.planStage(list, func(v *graph.Value) bool { return !m.inside[v] }, a)
		}
	}
	m.chainSums()
	for k, list := range m.steps {
		for _, j := range list {
			for _, v := range j.in {
				if v != nil {
					m.last[b.root(v)] = k
				}
			}
		}
	}
	for _, o := range b.g.Outputs {
		m.last[b.root(o.Value)] = len(m.steps)
	}
	m.directState()
	a.reserve(0, tensor.Float32, 0)
	for _, v := range b.g.Inputs { // inputs are copied in before anything runs
		m.last[v] = max(m.last[v], 0)
		m.give(v)
	}
	for k, list := range m.steps {
		for _, j := range list {
			for _, v := range j.out {
				m.give(v)
			}
		}
		for _, j := range list {
			for _, v := range append(slices.Clone(j.in), j.out...) {
				if v != nil && m.last[b.root(v)] <= k {
					m.release(b.root(v))
				}
			}
		}
	}
	for d, h := range m.heaps {
		a.reserve(0, d, h.top)
	}
	for v, at := range m.at {
		shape := b.shape(v)
		b.place[v] = a.slabs[0][b.known[v].DType].Slice(at, at+tensor.Size(shape)).Reshape(shape...)
	}
	for v := range b.alias {
		if t, ok := b.place[b.root(v)]; ok {
			b.place[v] = t.Reshape(b.shape(v)...)
		}
	}
}

// chainSums lets a single worker, which comes to the shards in order, add each product's sum to that of the shards before instead of keeping them all:
// the same additions. It takes shards whose products add to their result but once.
func (m *memory) chainSums() {
	b := m.b
	for k, st := range m.stages {
		if b.pool.n > 1 || st == nil || slices.ContainsFunc(st.parts, func(blocks []rowBlock) bool {
			return len(blocks) > 1 || !kernel.AddsOnce(blocks[0].to-blocks[0].from)
		}) {
			continue
		}
		for _, j := range m.steps[k] {
			if j.sums && j.product {
				m.chain(j.out[0])
			}
		}
	}
}

// chain makes the shards' sums one, and the total another name of it.
func (m *memory) chain(own *graph.Value) {
	b := m.b
	for k, list := range m.steps {
		i := slices.IndexFunc(list, func(j *job) bool { return j.shards > 0 && j.in[0] == own })
		if i < 0 || !b.next[list[i].out[0]].IsZero() {
			continue
		}
		total := list[i].out[0]
		b.known[own] = graph.Known{Type: graph.Type{DType: b.known[own].DType, Shape: graph.ShapeOf(1, b.size(total))}}
		b.alias[total] = own
		m.steps[k] = slices.Delete(slices.Clone(list), i, i+1)
		return
	}
}

// findInside finds the values that only jobs of the stage that makes them read, by rows.
func (m *memory) findInside() {
	b := m.b
	maker := b.producers()
	for v, j := range maker {
		m.inside[v] = j.rows && !j.sums && b.next[v].IsZero()
	}
	for _, o := range b.g.Outputs {
		m.inside[b.root(o.Value)] = false
	}
	for _, j := range b.jobs {
		for i, v := range j.in {
			if v == nil {
				continue
			}
			v = b.root(v)
			if p := maker[v]; p != nil && (!j.rows || j.stage != p.stage || !j.reads(i)) {
				m.inside[v] = false
			}
		}
	}
}

// reads reports that operand i is read by rows.
func (j *job) reads(i int) bool {
	if j.group != nil {
		return j.group.sliced[i]
	}
	return j.sliced[i]
}

// directState finds state outputs that can be written straight into their parameter: made by a fused group after the last read of the
// old numbers.
func (m *memory) directState() {
	owners := map[*float32]*graph.Value{}
	for p, t := range m.b.fixed {
		if p.Kind == graph.Param && t.DType() == tensor.Float32 && t.Len() > 0 {
			owners[&t.Float32()[0]] = p
		}
	}
	for k, list := range m.steps {
		for _, j := range list {
			for _, v := range j.out {
				param, ok := m.b.next[v]
				if !ok || j.group == nil || j.rows || param.DType() != tensor.Float32 || param.Len() == 0 {
					continue
				}
				owner := owners[&param.Float32()[0]]
				old := func(v *graph.Value) bool { return v != nil && m.b.root(v) == owner } // views of it too
				elsewhere := slices.ContainsFunc(list, func(other *job) bool { return other != j && slices.ContainsFunc(other.in, old) })
				last, read := m.last[owner]
				if owner != nil && !elsewhere && (!read || last <= k) && j.group.lastRead(old) <= j.group.made(v) {
					m.direct[v] = true
					m.b.place[v] = param
				}
			}
		}
	}
}

func sameMemory(x, y tensor.Tensor) bool {
	a, b := x.Memory(), y.Memory()
	return len(a) > 0 && len(b) > 0 && &a[0] == &b[0]
}

// give finds a place for v unless it has one.
func (m *memory) give(v *graph.Value) {
	if _, ok := m.b.place[v]; ok || m.inside[v] {
		return
	}
	if _, ok := m.at[v]; ok {
		return
	}
	d := m.b.known[v].DType
	if m.heaps[d] == nil {
		m.heaps[d] = &heap{}
	}
	m.at[v] = m.heaps[d].take(aligned(m.b.size(v)))
}

// release gives v's place back.
func (m *memory) release(v *graph.Value) {
	at, ok := m.at[v]
	if !ok || m.last[v] < 0 {
		return
	}
	m.last[v] = -1 << 30 // once
	m.heaps[m.b.known[v].DType].give(at, aligned(m.b.size(v)))
}
