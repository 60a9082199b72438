package native

import (
	"context"
	"fmt"
	"slices"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native/kernel"
)

// instance is a graph bound to the shapes of its inputs: where the numbers go in, the steps to take, where they come out.
type instance struct {
	dynamic bool // shapes depend on numbers: to be interpreted
	in, out []tensor.Tensor
	team    *team              // takes the steps
	commits [][2]tensor.Tensor // parameter, its next value
}

// step is work whose parts may run side by side, each on any worker: jobs that do not depend on each other, or blocks of rows of one stage.
type step struct {
	parts int
	run   func(worker, part int) error
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
	if err := i.team.run(ctx); err != nil {
		return err
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
	vary  map[*graph.Value]bool          // captures among them that hold other numbers in other runs
	next  map[*graph.Value]tensor.Tensor // state outputs → parameters
	packs map[packKey]*kernel.Packed     // right operands that never change, laid out for products
	pool  *pool

	shards int // parts of the batch that have sums over rows of their own; 0: sums are taken over whole values

	beside    int // parts of other work beside the last shared step
	runBeside func(part int)

	known map[*graph.Value]graph.Known
	place map[*graph.Value]tensor.Tensor
	alias map[*graph.Value]*graph.Value // views share the place of what they view
	batch batch
	jobs  []*job
}

// job is a node, or a fused group of nodes, with the values it reads once views and transposes are seen through.
type job struct {
	node    *graph.Node
	in      []*graph.Value
	out     []*graph.Value
	product bool     // MatMul of two matrices; a third operand is what its sums begin from
	tA, tB  bool     // its operands are to be read transposed
	group   *group   // fused elementwise operators; node is nil
	squares bool     // ReduceSum of the squares of its operand, or of its operand's rows
	sums    bool     // adds up rows of its operands, a sum for each shard of the batch
	shards  int      // of such sums it adds up so many; node is nil
	pack    *packing // the layout of a product's right operand; node is nil

	rows   bool   // computes rows of its results from the same rows of its operands …
	sliced []bool // … of these; the others are needed whole

	stage, level, order int
}

// name is for errors.
func (j *job) name() string {
	switch {
	case j.group != nil:
		return j.group.name()
	case j.pack != nil:
		return "layout of " + j.in[0].Name
	case j.shards > 0:
		return "sum of " + j.in[0].Name
	}
	return j.node.Name
}

// bind infers all shapes, schedules, places and prepares.
func (b *binder) bind(shapes [][]int, a *arena) (*instance, error) {
	b.known, b.place, b.alias = map[*graph.Value]graph.Known{}, map[*graph.Value]tensor.Tensor{}, map[*graph.Value]*graph.Value{}
	for v, t := range b.fixed {
		b.place[v] = t
		b.known[v] = graph.Known{Type: graph.TypeOf(t)}
		if v.Kind != graph.Param && !b.vary[v] {
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
	b.dropViews()
	b.findBatch()
	b.findRows()
	b.layOut()
	b.beginSums()
	b.fuse()
	m := newMemory(b)
	m.plan(a)
	i := &instance{}
	for _, v := range b.g.Inputs {
		i.in = append(i.in, b.place[v])
	}
	steps := make([]step, len(m.steps))
	for k, list := range m.steps {
		var err error
		if steps[k], err = b.prepareStep(list, m.stages[k], a); err != nil {
			return nil, err
		}
	}
	i.team = newTeam(b.pool, b.addBeside(steps))
	for _, o := range b.g.Outputs {
		i.out = append(i.out, b.place[o.Value])
		if param, ok := b.next[o.Value]; ok && !m.direct[o.Value] {
			i.commits = append(i.commits, [2]tensor.Tensor{param, b.place[o.Value]})
		}
	}
	return i, nil
}

// addBeside puts other work first into the last step that has several parts, or the last of all.
func (b *binder) addBeside(steps []step) []step {
	if b.beside == 0 {
		return steps
	}
	if len(steps) == 0 {
		steps = append(steps, step{0, nil})
	}
	k := len(steps) - 1
	for at, s := range steps {
		if s.parts > 1 {
			k = at
		}
	}
	own, f, run := b.beside, b.runBeside, steps[k].run
	steps[k] = step{own + steps[k].parts, func(worker, part int) error {
		if part < own {
			f(part)
			return nil
		}
		return run(worker, part-own)
	}}
	return steps
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
			j := &job{node: n, in: slices.Clone(n.In), out: n.Out, order: len(b.jobs)}
			if n.Op == "Expand" {
				j.in = j.in[:1] // its result's shape is known
			}
			b.jobs = append(b.jobs, j)
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

// shape is the exact shape of a value.
func (b *binder) shape(v *graph.Value) []int {
	s, _ := b.known[v].Shape.Ints()
	return s
}

// size is the number of elements of a value.
func (b *binder) size(v *graph.Value) int { return tensor.Size(b.shape(v)) }

var views = map[string]bool{"Identity": true, "Reshape": true, "Flatten": true, "Squeeze": true, "Unsqueeze": true}

// dropViews removes jobs that only rename numbers.
func (b *binder) dropViews() {
	b.jobs = slices.DeleteFunc(b.jobs, func(j *job) bool {
		if !views[j.node.Op] || b.next[j.out[0]].DType() != tensor.Invalid {
			return false
		}
		b.alias[j.out[0]] = j.in[0]
		return true
	})
}

// root is the value whose place v shares.
func (b *binder) root(v *graph.Value) *graph.Value {
	for b.alias[v] != nil {
		v = b.alias[v]
	}
	return v
}

// producers maps each computed value to the job that makes it.
func (b *binder) producers() map[*graph.Value]*job {
	p := map[*graph.Value]*job{}
	for _, j := range b.jobs {
		for _, v := range j.out {
			p[v] = j
		}
	}
	return p
}

// prepareStep makes one step of jobs, of a stage of rows if st is given.
func (b *binder) prepareStep(jobs []*job, st *stage, a *arena) (step, error) {
	if st != nil {
		return b.prepareStage(jobs, st, a)
	}
	var tasks []task
	total := 0
	for _, j := range jobs {
		t, err := b.prepareWhole(j)
		if err != nil {
			return step{}, err
		}
		tasks, total = append(tasks, t), total+t.cost
	}
	if b.pool.n == 1 || total < worthSharing {
		return step{1, func(worker, _ int) error {
			for k := range tasks {
				for part := range tasks[k].parts {
					if err := tasks[k].run(worker, part); err != nil {
						return fmt.Errorf("%w (%s)", err, jobs[k].name())
					}
				}
			}
			return nil
		}}, nil
	}
	slices.SortStableFunc(tasks, func(x, y task) int { return y.cost/y.parts - x.cost/x.parts }) // the long ones first
	var of [][2]int                                                                              // task and its part, by part of the step
	for k := range tasks {
		for part := range tasks[k].parts {
			of = append(of, [2]int{k, part})
		}
	}
	return step{len(of), func(worker, part int) error {
		at := of[part]
		return tasks[at[0]].run(worker, at[1])
	}}, nil
}

// task is a prepared job, in parts that may run side by side, with a guess of what it costs in nanoseconds.
type task struct {
	parts, cost int
	run         func(worker, part int) error
}

// worthSharing is the cost from which work is handed to other goroutines, and about what a part of it should cost.
const worthSharing = 3_000

// cut is the number of parts for work of a cost.
func (p *pool) cut(cost int) int {
	if p.n == 1 {
		return 1
	}
	return max(1, min(4*p.n, cost/worthSharing))
}

// prepareWhole prepares a job that runs on whole tensors.
func (b *binder) prepareWhole(j *job) (task, error) {
	switch {
	case j.group != nil:
		return b.prepareGroup(j.group)
	case j.pack != nil:
		return b.preparePack(j), nil
	case j.shards > 0:
		return b.prepareTotal(j), nil
	case j.product:
		return b.prepareProduct(j)
	case j.squares:
		x := b.place[j.in[0]].Float32()
		run := sumSquares(x, b.place[j.out[0]].Float32())
		return task{1, len(x) / 4, func(int, int) error { return run() }}, nil
	}
	c := &call{node: j.node}
	for _, v := range j.in {
		c.in = append(c.in, b.place[v]) // the zero Tensor for an omitted one
	}
	for _, v := range j.out {
		c.out = append(c.out, b.place[v])
	}
	run, err := prepareNode(c)
	cost := 0
	for _, v := range append(slices.Clone(j.in), j.out...) {
		if v != nil {
			cost += b.size(v)
		}
	}
	return task{1, cost, func(int, int) error { return run() }}, err
}

func prepareNode(c *call) (func() error, error) {
	p := kernels[c.node.Op]
	if p == nil {
		return nil, fmt.Errorf("native: no kernel for %s (%s)", c.node.Op, c.node.Name)
	}
	run, err := p(c)
	if err != nil {
		err = fmt.Errorf("%w (%s)", err, c.node.Name)
	}
	return run, err
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
	run, err := prepareNode(c)
	if err != nil {
		return nil, err
	}
	if err := run(); err != nil {
		return nil, fmt.Errorf("%w (%s)", err, n.Name)
	}
	return c.out, nil
}
