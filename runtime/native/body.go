package native

import (
	"bytes"
	"context"
	"slices"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// body is a loop's body bound to the shapes of its inputs. It stays bound from one run to the next: what it sees from outside are the plan's own parameters and
// constants, read where they lie, and copies of the rest, brought up to date before each run. The memory of its results is its own: they must be copied
// before the next iteration.
type body struct {
	i      *instance
	arena  arena
	inner  map[*graph.Value]tensor.Tensor // constants and captures
	copies []capture
	pinned bool // shapes inside depend on what is copied: it serves equal numbers alone
}

// capture is a value from outside and the copy that a body reads.
type capture struct {
	inner *graph.Value
	copy  tensor.Tensor
}

// keepBodies is how many bindings of a loop's body stay: sets of shapes, as for whole graphs.
const keepBodies = 4

// bodies are the bindings of one loop's body for one run of the loop.
type bodies struct {
	x     *interpreter
	g     *graph.Graph
	outer map[*graph.Value]tensor.Tensor
	now   map[*graph.Value]tensor.Tensor // constants and captures of this run
	ready []*body                        // brought up to date for it
}

func (x *interpreter) bodies(g *graph.Graph, outer map[*graph.Value]tensor.Tensor) *bodies {
	return &bodies{x: x, g: g, outer: outer, now: captured(g, outer)}
}

// iterate runs the body once, bound if its shapes allow.
func (l *bodies) iterate(ctx context.Context, in []tensor.Tensor) ([]tensor.Tensor, error) {
	b := find(l.ready, in)
	if b == nil {
		var err error
		if b, err = l.prepare(in); err != nil {
			return nil, err
		}
		l.ready = append(l.ready, b)
	}
	if b.i.dynamic {
		return l.x.graph(ctx, l.g, in, l.outer)
	}
	return b.i.out, b.i.run(ctx, in, make([]tensor.Tensor, len(b.i.out)))
}

// find is a body for inputs of these shapes. One that has to be interpreted serves all.
func find(list []*body, in []tensor.Tensor) *body {
	for _, b := range list {
		if b.i.dynamic || b.i.fits(in) {
			return b
		}
	}
	return nil
}

// prepare takes a body of an earlier run, or binds a new one.
func (l *bodies) prepare(in []tensor.Tensor) (*body, error) {
	p := l.x.p
	for _, b := range p.bodies[l.g] {
		if !b.i.dynamic && b.i.fits(in) && b.update(l.now) {
			return b, nil
		}
	}
	b, err := l.bind(in, false)
	if err == nil && b.i.dynamic { // perhaps for want of the numbers of captures
		b, err = l.bind(in, true)
	}
	if err != nil || b.i.dynamic {
		return b, err
	}
	if p.bodies == nil {
		p.bodies = map[*graph.Graph][]*body{}
	}
	have := p.bodies[l.g]
	p.bodies[l.g] = append([]*body{b}, have[:min(len(have), keepBodies-1)]...)
	return b, nil
}

// bind makes a body for inputs of these shapes.
func (l *bodies) bind(in []tensor.Tensor, pinned bool) (*body, error) {
	p := l.x.p
	b := &body{pinned: pinned, inner: map[*graph.Value]tensor.Tensor{}}
	vary := map[*graph.Value]bool{}
	for v, t := range l.now {
		if v.Kind == graph.Captured && !p.owns(t) {
			t = t.Clone()
			b.copies = append(b.copies, capture{v, t})
			vary[v] = !pinned
		}
		b.inner[v] = t
	}
	shapes := make([][]int, len(in))
	for i, t := range in {
		shapes[i] = t.Shape()
	}
	binding := binder{g: l.g, fixed: b.inner, vary: vary, next: p.next, packs: p.packs, pool: p.pool}
	var err error
	b.i, err = binding.bind(shapes, &b.arena)
	return b, err
}

// owns reports numbers that lie in a parameter's or a constant's place for good.
func (p *Plan) owns(t tensor.Tensor) bool {
	m := t.Memory()
	if len(m) == 0 {
		return false
	}
	if p.places == nil {
		p.places = map[*byte]bool{}
		for _, f := range p.fixed {
			if m := f.Memory(); len(m) > 0 {
				p.places[&m[0]] = true
			}
		}
	}
	return p.places[&m[0]]
}

// update brings the copies up to date; false if the body does not serve these captures.
func (b *body) update(now map[*graph.Value]tensor.Tensor) bool {
	for _, c := range b.copies {
		t := now[c.inner]
		if t.DType() != c.copy.DType() || !slices.Equal(t.Shape(), c.copy.Shape()) || b.pinned && !bytes.Equal(t.Memory(), c.copy.Memory()) {
			return false
		}
	}
	for _, c := range b.copies {
		tensor.Copy(c.copy, now[c.inner])
	}
	return true
}
