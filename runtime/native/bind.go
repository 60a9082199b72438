package native

import (
	"context"
	"fmt"
	"slices"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// instance is a graph bound to the shapes of its inputs: where the numbers go in, the calls to make, where they come out.
type instance struct {
	dynamic bool // shapes depend on numbers: to be interpreted
	in, out []tensor.Tensor
	runs    []func() error
	names   []string           // of the runs, for errors
	commits [][2]tensor.Tensor // parameter, its next value
}

func (i *instance) fits(in []tensor.Tensor) bool {
	for k, t := range in {
		if !slices.Equal(t.Shape(), i.in[k].Shape()) || !takes(i.in[k].DType(), t.DType()) {
			return false
		}
	}
	return true
}

// takes reports that numbers of type have may be handed in where want is computed: the same, or float32 for float64.
func takes(want, have tensor.DType) bool { return want == have || want == widened(have) }

func (i *instance) run(ctx context.Context, in, out []tensor.Tensor) error {
	for k, t := range out { // before any parameter changes
		if !t.IsZero() && (!slices.Equal(t.Shape(), i.out[k].Shape()) || !takes(i.out[k].DType(), t.DType())) {
			return fmt.Errorf("native: output %d is %v, given %v", k, i.out[k], t)
		}
	}
	for k, t := range in {
		transfer(i.in[k], t)
	}
	done := ctx.Done()
	for k, run := range i.runs {
		if done != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := run(); err != nil {
			return fmt.Errorf("%w (%s)", err, i.names[k])
		}
	}
	for k, t := range out {
		if !t.IsZero() {
			transfer(t, i.out[k])
		}
	}
	for _, c := range i.commits { // last: an output may be a parameter as it was
		tensor.Copy(c[0], c[1])
	}
	return nil
}

func transfer(dst, src tensor.Tensor) {
	if dst.DType() == src.DType() {
		tensor.Copy(dst, src)
		return
	}
	tensor.Convert(dst, src)
}

// binder makes an instance.
type binder struct {
	g     *graph.Graph
	fixed map[*graph.Value]tensor.Tensor // numbers that have their place already: parameters, constants, captures
	next  map[*graph.Value]tensor.Tensor // state outputs → parameters
	pool  *pool

	known map[*graph.Value]graph.Known
	place map[*graph.Value]tensor.Tensor
	jobs  []*job
}

// job is a node, or a fused group of nodes, with the values it reads once views and transposes are seen through.
type job struct {
	node   *graph.Node
	in     []*graph.Value
	out    []*graph.Value
	tA, tB bool   // MatMul: operands are to be read transposed
	group  *group // fused elementwise operators; node is nil
	level  int
	order  int
}

// bind infers all shapes, schedules, places and prepares.
func (b *binder) bind(shapes [][]int, a *arena) (*instance, error) {
	b.known, b.place = map[*graph.Value]graph.Known{}, map[*graph.Value]tensor.Tensor{}
	for v, t := range b.fixed {
		b.place[v] = t
		b.known[v] = graph.Known{Type: graph.TypeOf(t)}
		if v.Kind != graph.Param {
			b.known[v] = graph.Known{Type: graph.TypeOf(t), Data: t}
		}
	}
	for k, v := range b.g.Inputs {
		b.known[v] = graph.Known{Type: graph.Type{DType: v.Type.DType, Shape: graph.ShapeOf(shapes[k]...)}}
	}
	static, err := b.infer()
	if err != nil || !static {
		return &instance{dynamic: true}, err
	}
	b.seeThrough()
	b.fuse()
	m := newMemory(b)
	m.plan(a)
	i := &instance{}
	for _, v := range b.g.Inputs {
		i.in = append(i.in, b.place[v])
	}
	for _, j := range b.jobs {
		run, name, err := b.prepare(j)
		if err != nil {
			return nil, err
		}
		i.runs, i.names = append(i.runs, run), append(i.names, name)
	}
	for _, o := range b.g.Outputs {
		i.out = append(i.out, b.place[o.Value])
		if param, ok := b.next[o.Value]; ok && !m.direct[o.Value] {
			i.commits = append(i.commits, [2]tensor.Tensor{param, b.place[o.Value]})
		}
	}
	return i, nil
}

// infer gives every value its exact shape and lists the nodes to run; false if a shape depends on numbers, or a node runs subgraphs.
func (b *binder) infer() (bool, error) {
	for _, n := range b.g.Nodes {
		if n.Op == "Loop" || n.Op == "If" {
			return false, nil
		}
		in := make([]graph.Known, len(n.In))
		for i, v := range n.In {
			if v != nil {
				in[i] = b.known[v]
			}
		}
		out, err := graph.Infer(n, in)
		if err != nil {
			return false, fmt.Errorf("native: %s: %w", n.Name, err)
		}
		settled := true
		for i, v := range n.Out {
			if _, ok := out[i].Shape.Ints(); !ok {
				return false, nil
			}
			t, ok := integers(out[i])
			if settled = settled && ok; ok {
				b.place[v], out[i].Data = t, t
			}
			b.known[v] = out[i]
		}
		if !settled {
			b.jobs = append(b.jobs, &job{node: n, in: slices.Clone(n.In), out: n.Out, order: len(b.jobs)})
		}
	}
	return true, nil
}

// integers makes a tensor of a few integers that are all known, such as a computed shape.
func integers(k graph.Known) (tensor.Tensor, bool) {
	if k.Ints == nil {
		return tensor.Tensor{}, false
	}
	list := make([]int64, len(k.Ints))
	for i, d := range k.Ints {
		n, ok := d.Fixed()
		if !ok {
			return tensor.Tensor{}, false
		}
		list[i] = int64(n)
	}
	shape, _ := k.Shape.Ints()
	return tensor.Of(list, shape...).Convert(k.DType), tensor.Size(shape) == len(list)
}

// prepare returns the call of a job.
func (b *binder) prepare(j *job) (func() error, string, error) {
	if j.group != nil {
		run, err := b.prepareGroup(j.group)
		return run, j.group.name(), err
	}
	c := &call{node: j.node}
	for _, v := range j.in {
		c.in = append(c.in, b.place[v]) // the zero Tensor for an omitted one
	}
	for _, v := range j.out {
		c.out = append(c.out, b.place[v])
	}
	if b.isProduct(j) {
		run, err := b.prepareProduct(c, j)
		return run, j.node.Name, err
	}
	p := kernels[j.node.Op]
	if p == nil {
		return nil, "", fmt.Errorf("native: no kernel for %s (%s)", j.node.Op, j.node.Name)
	}
	run, err := p(c)
	if err != nil {
		err = fmt.Errorf("%w (%s)", err, j.node.Name)
	}
	return run, j.node.Name, err
}

// evaluate runs one node on tensors made for it.
func evaluate(n *graph.Node, value func(*graph.Value) tensor.Tensor) ([]tensor.Tensor, error) {
	c := &call{node: n}
	in := make([]graph.Known, len(n.In))
	for i, v := range n.In {
		t := tensor.Tensor{}
		if v != nil {
			t = value(v)
			in[i] = graph.Known{Type: graph.TypeOf(t), Data: t}
		}
		c.in = append(c.in, t)
	}
	out, err := graph.Infer(n, in)
	if err != nil {
		return nil, fmt.Errorf("native: %s: %w", n.Name, err)
	}
	for _, k := range out {
		shape, ok := k.Shape.Ints()
		if !ok {
			return nil, fmt.Errorf("native: %s: shape %v is not known at run time", n.Name, k.Shape)
		}
		c.out = append(c.out, tensor.New(k.DType, shape...))
	}
	p := kernels[n.Op]
	if p == nil {
		return nil, fmt.Errorf("native: no kernel for %s (%s)", n.Op, n.Name)
	}
	run, err := p(c)
	if err == nil {
		err = run()
	}
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", err, n.Name)
	}
	return c.out, nil
}
