package native

import (
	"context"
	"fmt"
	goruntime "runtime"
	"slices"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native/kernel"
)

// Options say how a graph is compiled. The zero value computes in the types of the graph on one thread.
type Options struct {
	Threads  int     // goroutines of one Run; 0 means 1
	MaxBatch int     // length of named dimensions to plan memory for ahead; 0: plan at the first run
	Float64  bool    // compute float32 values in float64
	State    []State // what a training step updates
	// Shards is the number of parts of the batch of which each adds up its own rows in sums over the batch, such as the gradients of weights; the parts' sums
	// are then added in order. It changes the rounding of these sums, and bounds how many workers share them. 0: sums are taken over whole values.
	Shards int
	// Beside is the number of parts of other work that RunBeside does on the plan's goroutines beside the last step that they share.
	Beside int
}

// State says that after each run parameter Param takes the value of output Next, which must be computed: parameters cannot be swapped.
type State struct{ Param, Next string }

// Plan is a compiled graph. It serves one goroutine at a time.
type Plan struct {
	g       *graph.Graph
	o       Options
	params  map[string]tensor.Tensor
	fixed   map[*graph.Value]tensor.Tensor // parameters and constants, folded ones included
	next    map[*graph.Value]tensor.Tensor // state outputs and the parameters they go to
	cached  []*instance                    // most recently used first
	arena   arena
	packs   map[packKey]*kernel.Packed
	bodies  map[*graph.Graph][]*body // of loops, most recently bound first
	places  map[*byte]bool           // where the numbers of fixed begin
	pool    *pool
	dynamic bool
	closed  bool
	beside  func(part int) // of the run
}

// cacheSize is how many sets of input shapes stay bound: training, held-out data, full and last batch of sampling, with room to spare.
const cacheSize = 8

// Compile prepares a graph. The graph is copied; its parameters' numbers are the plan's initial ones.
func Compile(g *graph.Graph, o Options) (*Plan, error) {
	g, err := g.Flatten()
	if err != nil {
		return nil, err
	}
	if o.Float64 {
		if g, err = g.Retype(widened); err != nil {
			return nil, err
		}
	}
	p := &Plan{g: g, o: o, params: map[string]tensor.Tensor{}, fixed: map[*graph.Value]tensor.Tensor{}, next: map[*graph.Value]tensor.Tensor{},
		packs: map[packKey]*kernel.Packed{}}
	for _, v := range g.Params {
		t := v.Data.Clone()
		p.params[v.Name], p.fixed[v], v.Data = t, t, t // g is a copy: the given graph's numbers may go
	}
	for _, v := range g.Constants {
		p.fixed[v] = v.Data
	}
	if err := p.bindState(); err != nil {
		return nil, err
	}
	if err := p.fold(); err != nil {
		return nil, err
	}
	p.pool = newPool(max(o.Threads, 1))
	goruntime.AddCleanup(p, func(w *pool) { w.close() }, p.pool)
	if o.MaxBatch > 0 {
		if shapes, ok := p.inputShapes(o.MaxBatch); ok {
			if _, err := p.instance(shapes); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

func widened(d tensor.DType) tensor.DType {
	if d == tensor.Float32 {
		return tensor.Float64
	}
	return d
}

func (p *Plan) bindState() error {
	taken := map[string]bool{}
	for _, s := range p.o.State {
		t, ok := p.params[s.Param]
		v := p.g.Output(s.Next)
		if !ok || v == nil {
			return fmt.Errorf("native: state %s ← %s: no such parameter or output", s.Param, s.Next)
		}
		if shape, fixed := v.Type.Shape.Ints(); !fixed || !slices.Equal(shape, t.Shape()) || v.Type.DType != t.DType() {
			return fmt.Errorf("native: state %s %v ← %s %v", s.Param, t, s.Next, v.Type)
		}
		if !p.next[v].IsZero() || taken[s.Param] {
			return fmt.Errorf("native: state %s ← %s: each parameter needs an output of its own", s.Param, s.Next)
		}
		p.next[v], taken[s.Param] = t, true
	}
	return nil
}

// inputShapes are the shapes of the inputs when every named length is n; ok is false if one is unknown.
func (p *Plan) inputShapes(n int) (shapes [][]int, ok bool) {
	names := map[string]int{}
	for _, in := range p.g.Inputs {
		for _, d := range in.Type.Shape {
			names[d.Name] = n
		}
	}
	for _, in := range p.g.Inputs {
		s, ok := in.Type.Shape.Eval(names)
		if !ok {
			return nil, false
		}
		shapes = append(shapes, s)
	}
	return shapes, true
}

// foldLimit is the largest number of elements of a constant made at compile time.
const foldLimit = 1 << 20

// fold computes nodes whose inputs are all constants, once and for all.
func (p *Plan) fold() error {
	isConst := map[*graph.Value]bool{}
	for _, v := range p.g.Constants {
		isConst[v] = true
	}
	var rest []*graph.Node
	for _, n := range p.g.Nodes {
		ok := n.Op != "Loop" && n.Op != "If"
		for _, v := range n.In {
			ok = ok && (v == nil || isConst[v])
		}
		for _, v := range n.Out {
			size, known := v.Type.Shape.Size().Fixed()
			ok = ok && known && size <= foldLimit
		}
		if !ok {
			rest = append(rest, n)
			continue
		}
		out, err := evaluate(n, func(v *graph.Value) tensor.Tensor { return p.fixed[v] })
		if err != nil {
			return err
		}
		for i, v := range n.Out {
			p.fixed[v], isConst[v] = out[i], true
		}
	}
	p.g.Nodes = rest
	return nil
}

// Run executes the graph. See engine.Program.
func (p *Plan) Run(ctx context.Context, in, out []tensor.Tensor) error {
	if p.closed {
		return fmt.Errorf("native: the program is closed")
	}
	if len(in) != len(p.g.Inputs) || len(out) != len(p.g.Outputs) {
		return fmt.Errorf("native: %d inputs and %d outputs given, %s has %d and %d", len(in), len(out), p.g.Name, len(p.g.Inputs), len(p.g.Outputs))
	}
	i := p.find(in)
	if i == nil {
		var err error
		if i, err = p.bindFor(in); err != nil {
			return err
		}
	}
	if i.dynamic {
		for part := range p.o.Beside {
			p.runBeside(part)
		}
		return p.interpret(ctx, in, out)
	}
	return i.run(ctx, in, out)
}

// RunBeside is Run, and calls f once for each of Options.Beside parts, on the goroutines of the run as they come to it: beside what they compute, which
// must not depend on it. A run that fails may leave parts out.
func (p *Plan) RunBeside(ctx context.Context, in, out []tensor.Tensor, f func(part int)) error {
	p.beside = f
	defer func() { p.beside = nil }()
	return p.Run(ctx, in, out)
}

func (p *Plan) runBeside(part int) {
	if p.beside != nil {
		p.beside(part)
	}
}

// find returns the instance bound for the inputs' shapes and moves it to the front.
func (p *Plan) find(in []tensor.Tensor) *instance {
	for k, i := range p.cached {
		if !i.fits(in) {
			continue
		}
		copy(p.cached[1:k+1], p.cached[:k])
		p.cached[0] = i
		return i
	}
	return nil
}

func (p *Plan) bindFor(in []tensor.Tensor) (*instance, error) {
	shapes := make([][]int, len(in))
	names := map[string]int{}
	for k, t := range in {
		v := p.g.Inputs[k]
		if err := p.accepts(v, t, names); err != nil {
			return nil, err
		}
		shapes[k] = t.Shape()
	}
	return p.instance(shapes)
}

// accepts compares a given tensor with what the graph declares; names collects the named lengths.
func (p *Plan) accepts(v *graph.Value, t tensor.Tensor, names map[string]int) error {
	wrong := func() error {
		return fmt.Errorf("native: input %s is %v, want %v", v.Name, t, v.Type)
	}
	if t.DType() != v.Type.DType && !(p.o.Float64 && widened(t.DType()) == v.Type.DType) {
		return wrong()
	}
	if v.Type.Shape == nil {
		return nil
	}
	if t.Rank() != len(v.Type.Shape) {
		return wrong()
	}
	for i, d := range v.Type.Shape {
		n := t.Dim(i)
		if d.Times == 1 && d.Plus == 0 {
			if have, ok := names[d.Name]; ok && have != n {
				return fmt.Errorf("native: input %s is %v, but %s is %d elsewhere", v.Name, t, d.Name, have)
			}
			names[d.Name] = n
		} else if want, fixed := d.Fixed(); fixed && want != n {
			return wrong()
		}
	}
	return nil
}

// instance binds the graph to input shapes and remembers the result.
func (p *Plan) instance(shapes [][]int) (*instance, error) {
	if p.dynamic { // found once, true for ever: no use in trying again
		return &instance{dynamic: true}, nil
	}
	b := binder{g: p.g, fixed: p.fixed, next: p.next, packs: p.packs, pool: p.pool, shards: p.o.Shards, beside: p.o.Beside, runBeside: p.runBeside}
	i, err := b.bind(shapes, &p.arena)
	if err != nil {
		return nil, err
	}
	if i.dynamic {
		p.dynamic = true
		return i, nil
	}
	if p.arena.moved {
		p.cached, p.arena.moved = nil, false // the others' memory is gone
	}
	p.cached = slices.Insert(p.cached, 0, i)
	p.cached = p.cached[:min(len(p.cached), cacheSize)]
	return i, nil
}

// Param returns a parameter's own memory: its numbers as they are until the next Run or WriteParam, not to be written to.
func (p *Plan) Param(name string) (tensor.Tensor, error) {
	t, ok := p.params[name]
	if !ok {
		return tensor.Tensor{}, fmt.Errorf("native: no parameter %s", name)
	}
	return t, nil
}

// ReadParam returns a copy of a parameter's numbers as they are now.
func (p *Plan) ReadParam(name string) (tensor.Tensor, error) {
	t, err := p.Param(name)
	return t.Clone(), err
}

// Memory is the bytes of the parameters, of the intermediate values of what is bound so far, and of operands laid out for products.
func (p *Plan) Memory() (bytes int) {
	for _, t := range p.params {
		bytes += len(t.Memory())
	}
	for _, set := range p.arena.slabs {
		for _, t := range set {
			bytes += len(t.Memory())
		}
	}
	for _, packed := range p.packs {
		bytes += packed.Bytes()
	}
	return bytes
}

// WriteParam sets a parameter's numbers; in a float64 plan float32 ones are widened.
func (p *Plan) WriteParam(name string, t tensor.Tensor) error {
	have, ok := p.params[name]
	if !ok {
		return fmt.Errorf("native: no parameter %s", name)
	}
	if !slices.Equal(have.Shape(), t.Shape()) || t.DType() != have.DType() && !(p.o.Float64 && widened(t.DType()) == have.DType()) {
		return fmt.Errorf("native: parameter %s is %v, got %v", name, have, t)
	}
	tensor.Convert(have, t)
	p.cached, p.bodies = nil, nil // instances may hold it laid out for products
	clear(p.packs)
	return nil
}

// Close ends the plan's goroutines.
func (p *Plan) Close() error {
	if !p.closed {
		p.closed = true
		p.pool.close()
	}
	return nil
}
