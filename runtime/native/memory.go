package native

import (
	"slices"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// arena is the memory of the intermediate values, one slab for each element type, shared by the instances of a plan: only one runs at a time.
type arena struct {
	slabs map[tensor.DType]tensor.Tensor
	moved bool // a slab was replaced by a larger one: earlier views are of the old memory
}

// reserve makes room for n elements of a type.
func (a *arena) reserve(d tensor.DType, n int) {
	if a.slabs == nil {
		a.slabs = map[tensor.DType]tensor.Tensor{}
	}
	if have, ok := a.slabs[d]; ok && have.Len() >= n {
		return
	} else if ok {
		a.moved = true
	}
	a.slabs[d] = tensor.New(d, n)
}

// memory decides where each value lives. A value has a place from the job that makes it to the last that reads it; places of values that do
// not live at the same time may overlap.
type memory struct {
	b      *binder
	alias  map[*graph.Value]*graph.Value // views share the place of what they view
	last   map[*graph.Value]int          // last job that reads a value
	direct map[*graph.Value]bool         // state outputs written straight into their parameter
	free   map[tensor.DType][]span
	top    map[tensor.DType]int
	at     map[*graph.Value]int
}

type span struct{ from, to int }

// align keeps places on cache lines.
const align = 16

func newMemory(b *binder) *memory {
	return &memory{b: b, alias: map[*graph.Value]*graph.Value{}, last: map[*graph.Value]int{}, direct: map[*graph.Value]bool{},
		free: map[tensor.DType][]span{}, top: map[tensor.DType]int{}, at: map[*graph.Value]int{}}
}

var views = map[string]bool{"Identity": true, "Reshape": true, "Flatten": true, "Squeeze": true, "Unsqueeze": true}

// root is the value whose place v shares.
func (m *memory) root(v *graph.Value) *graph.Value {
	for m.alias[v] != nil {
		v = m.alias[v]
	}
	return v
}

func (m *memory) plan(a *arena) {
	b := m.b
	m.dropViews()
	end := len(b.jobs)
	for k, j := range b.jobs {
		for _, v := range j.in {
			if v != nil {
				m.last[m.root(v)] = k
			}
		}
	}
	for _, o := range b.g.Outputs {
		m.last[m.root(o.Value)] = end
	}
	m.directState()
	for _, v := range b.g.Inputs { // inputs are copied in before anything runs
		m.last[v] = max(m.last[v], 0)
		m.give(v)
	}
	for k, j := range b.jobs {
		for _, v := range j.out {
			m.give(v)
		}
		for _, v := range append(slices.Clone(j.in), j.out...) {
			if v != nil && m.last[m.root(v)] <= k {
				m.release(m.root(v))
			}
		}
	}
	for d, n := range m.top {
		a.reserve(d, n)
	}
	for v, at := range m.at {
		m.b.place[v] = a.view(m.b.known[v], at)
	}
	for v := range m.alias {
		shape, _ := b.known[v].Shape.Ints()
		b.place[v] = b.place[m.root(v)].Reshape(shape...)
	}
}

// dropViews removes jobs that only rename numbers.
func (m *memory) dropViews() {
	m.b.jobs = slices.DeleteFunc(m.b.jobs, func(j *job) bool {
		if j.node == nil || !views[j.node.Op] || m.b.next[j.out[0]].DType() != tensor.Invalid {
			return false
		}
		m.alias[j.out[0]] = j.in[0]
		return true
	})
}

// directState finds state outputs that can be written straight into their parameter: made by a fused group after the last read of the
// old numbers.
func (m *memory) directState() {
	for v, param := range m.b.next {
		var owner *graph.Value
		for p, t := range m.b.fixed {
			if p.Kind == graph.Param && sameMemory(t, param) {
				owner = p
			}
		}
		for k, j := range m.b.jobs {
			if owner == nil || j.group == nil || !slices.Contains(j.out, v) {
				continue
			}
			old := func(v *graph.Value) bool { return v != nil && m.root(v) == owner } // views of it too
			if last, read := m.last[owner]; (!read || last <= k) && j.group.lastRead(old) <= j.group.index(v) {
				m.direct[v] = true
				m.b.place[v] = param
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
	if _, ok := m.b.place[v]; ok || m.alias[v] != nil {
		return
	}
	k := m.b.known[v]
	size, _ := k.Shape.Size().Fixed()
	size = (size + align - 1) / align * align
	if _, ok := m.at[v]; ok {
		return
	}
	list := m.free[k.DType]
	best := -1
	for i, s := range list {
		if s.to-s.from >= size && (best < 0 || s.to-s.from < list[best].to-list[best].from) {
			best = i
		}
	}
	if best < 0 {
		m.at[v] = m.top[k.DType]
		m.top[k.DType] += size
		return
	}
	m.at[v] = list[best].from
	list[best].from += size
	if list[best].from == list[best].to {
		m.free[k.DType] = slices.Delete(list, best, best+1)
	}
}

// release gives v's place back.
func (m *memory) release(v *graph.Value) {
	at, ok := m.at[v]
	if !ok || m.last[v] < 0 {
		return
	}
	m.last[v] = -1 << 30 // once
	k := m.b.known[v]
	size, _ := k.Shape.Size().Fixed()
	size = (size + align - 1) / align * align
	if size == 0 {
		return
	}
	list := append(m.free[k.DType], span{at, at + size})
	slices.SortFunc(list, func(a, b span) int { return a.from - b.from })
	merged := list[:1]
	for _, s := range list[1:] {
		if last := &merged[len(merged)-1]; last.to == s.from {
			last.to = s.to
		} else {
			merged = append(merged, s)
		}
	}
	m.free[k.DType] = merged
}

// view is the tensor of a value at an offset of its slab.
func (a *arena) view(k graph.Known, at int) tensor.Tensor {
	shape, _ := k.Shape.Ints()
	return a.slabs[k.DType].Slice(at, at+tensor.Size(shape)).Reshape(shape...)
}
