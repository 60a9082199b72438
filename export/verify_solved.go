package export

import (
	"context"
	"fmt"
	"slices"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/noise"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
	"fmtool/runtime/solver"
)

// tries are what a graph that samples is tried with: rows and steps; and where it makes the noise, seed and offset, across the words' ends.
var tries = []solvedTry{{1, 1, 7, 0}, {7, 3, 1<<63 + 5, 1<<32 - 4}, {16, 50, 1<<40 + 3, 5<<32 - 1}}

type solvedTry struct {
	rows, steps  int
	seed, offset uint64
}

// tries are those above, with the numbers of rows that are asked for.
func (c Checks) tries() []solvedTry {
	list := slices.Clone(tries)
	if len(c.Batches) > 0 {
		list = nil
	}
	for i, rows := range c.Batches {
		list = append(list, tries[i%len(tries)])
		list[i].rows = rows
	}
	return list
}

// A graph that chooses its steps is asked for this tolerance, and compared with so many steps of order 4.
const (
	fineTolerance = 1e-6
	fineSteps     = 200
)

// solvedTrials are those of a graph that samples. Their reference is Go's solver on its field in float64.
func (d *described) solvedTrials(ctx context.Context, c Checks, field *graph.Graph) ([]trial, error) {
	if field == nil {
		var err error
		if field, err = d.field(); err != nil {
			return nil, err
		}
	}
	ref, err := d.openReference(c, field)
	if err != nil {
		return nil, err
	}
	defer ref.Close() //nolint:errcheck // it only frees
	var trials []trial
	for salt, try := range c.tries() {
		if d.steps > 0 {
			try.steps = d.steps
		}
		rest := append(d.inputs(try.rows, 1, uint64(salt)), d.weights(try.rows, uint64(salt))...)
		t, err := d.solvedTrial(ctx, program{ref, tensor.Float64}, field == nil, rest, try.steps, try.seed, try.offset)
		if err != nil {
			return nil, err
		}
		t.tolerance = c.solved()
		trials = append(trials, t)
	}
	if field != nil {
		err = d.findSuspect(ctx, c, trials)
	}
	return trials, err
}

// openReference opens the field in float64, or the whole file without one.
func (d *described) openReference(c Checks, field *graph.Graph) (engine.Program, error) {
	file := d.file
	if field != nil {
		m, err := onnx.FromGraph(field, onnx.Modern, nil)
		if err != nil {
			return nil, err
		}
		file = m.Marshal()
	}
	return c.Reference.Open(file, engine.Options{Float64: true})
}

// solvedTrial tries rows of the field's inputs, x first and guidance last, with so many steps; whole says that the reference is the file, not its
// field.
func (d *described) solvedTrial(ctx context.Context, ref program, whole bool, rows []tensor.Tensor, steps int, seed, offset uint64) (trial, error) {
	x0 := rows[0]
	t := trial{graph: string(d.kind), batch: x0.Dim(0), tolerance: solvedTolerance, units: &d.spec.Normaliser}
	in := d.solvedInputs(rows, steps, seed, offset)
	t.run = func(ctx context.Context, p program) (tensor.Tensor, error) {
		return p.evaluate(ctx, in, x0.Shape(), d.adapts)
	}
	t.against = "solver"
	if whole {
		t.against = "itself"
		want, err := t.run(ctx, ref)
		t.want = want.Convert(tensor.Float64).Float64()
		return t, err
	}
	rows = slices.Clone(rows)
	switch rows[0] = x0.Clone(); {
	case d.kind == flow.SampleKind:
		noise.New(seed, noise.Sampling).Rows(rows[0].Float32(), offset, d.spec.Dim())
	case d.spec.Source == flow.DataSource:
		d.spec.Normaliser.Encode(rows[0].Float32(), x0.Float32())
	}
	var w []float32
	if d.guided {
		w, rows = rows[len(rows)-1].Float32(), rows[:len(rows)-1]
	}
	method, times := d.method, []float64(nil)
	var err error
	if d.adapts {
		method, times = solver.RK4, solver.Grid(fineSteps)
	} else if times, err = d.spec.Grid.Steps(steps); err != nil {
		return t, err
	}
	t.expect = func(ctx context.Context, s suspect) ([]float64, error) {
		own := *d
		own.spec.Normaliser = s.normaliser(d.spec.Normaliser)
		x, err := own.exact(ref, w).solve(ctx, method, s.times(times), d.spec, rows)
		if err != nil {
			return nil, err
		}
		return own.decode(x.Float64()), nil
	}
	t.want, err = t.expect(ctx, suspect{})
	return t, err
}

// solvedInputs are the file's inputs for rows of the field's.
func (d *described) solvedInputs(rows []tensor.Tensor, steps int, seed, offset uint64) []tensor.Tensor {
	in := []tensor.Tensor{rows[0]}
	if d.kind == flow.SampleKind {
		in = []tensor.Tensor{tensor.Scalar(int64(seed)), tensor.Scalar(int64(rows[0].Dim(0)))}
	}
	switch {
	case d.adapts:
		in = append(in, tensor.Scalar(float32(fineTolerance)))
	case d.steps == 0:
		in = append(in, tensor.Scalar(int64(steps)))
	}
	if d.kind == flow.SampleKind {
		in = append(in, tensor.Scalar(int64(offset)))
	}
	return append(in, rows[2:]...)
}

// decode takes rows to data units in float64.
func (d *described) decode(x []float64) []float64 {
	n, dim := d.spec.Normaliser, d.spec.Dim()
	for i := range x {
		mean, scale := float64(n.Mean[i%len(n.Mean)]), float64(n.Scale[i%len(n.Scale)])
		if j := i % dim; len(n.Mean) > 1 && j < len(n.Constant) && n.Constant[j] {
			scale = 0
		}
		x[i] = x[i]*scale + mean
	}
	return x
}

// exact is the field under guidance of weights w, as two evaluations: u = u_∅ + w (u_y − u_∅). Without weights it is the field.
func (d *described) exact(field program, w []float32) program {
	if w == nil {
		return field
	}
	return program{guided{field.Program, d, w}, field.float}
}

type guided struct {
	engine.Program
	d *described
	w []float32
}

// Run evaluates the field with and without its condition.
func (g guided) Run(ctx context.Context, in, out []tensor.Tensor) error {
	none := append([]tensor.Tensor{}, in...)
	rows := in[0].Dim(0)
	switch c := g.d.spec.Condition; c.Kind {
	case flow.Labels:
		none[2] = tensor.Full(int64(c.Classes), rows)
	case flow.Vector:
		none[3] = tensor.Full(float64(1), rows, 1)
	}
	free := tensor.New(tensor.Float64, out[0].Shape()...)
	if err := g.Program.Run(ctx, none, []tensor.Tensor{free}); err != nil {
		return err
	}
	if err := g.Program.Run(ctx, in, out); err != nil {
		return err
	}
	u := out[0].Float64()
	for i, f := range free.Float64() {
		u[i] = f + float64(g.w[i/g.d.spec.Dim()%len(g.w)])*(u[i]-f)
	}
	return nil
}

// field is the velocity in the file, with the weights of the call; nil if the file does not have it as a function.
func (d *described) field() (*graph.Graph, error) {
	g, err := d.model.Graph()
	if err != nil {
		return nil, err
	}
	f := g.Function(functionDomain, functionName)
	if d.kind == flow.LogProbKind {
		f = g.Function(functionDomain, divergenceName)
	}
	switch {
	case f == nil && d.kind == flow.LogProbKind:
		return nil, nil
	case f == nil:
		return d.firstCopy(g)
	}
	call, outer := findCall(g, f, map[*graph.Value]*graph.Value{})
	if call == nil {
		return nil, fmt.Errorf("export: nothing calls the function %s", f.Name)
	}
	first := len(call.In)
	for first > 0 && kept(call.In[first-1], outer) != nil {
		first--
	}
	var rest []*graph.Value
	for _, v := range call.In[first:] {
		rest = append(rest, kept(v, outer))
	}
	return f.AsProgram(rest)
}

// kept is the parameter or constant that v is, or captures; nil if it is none.
func kept(v *graph.Value, outer map[*graph.Value]*graph.Value) *graph.Value {
	for v != nil && v.Kind == graph.Captured {
		v = outer[v]
	}
	if v == nil || v.Kind != graph.Param && v.Kind != graph.Constant {
		return nil
	}
	return v
}

// findCall is a node that calls f, in g or in its subgraphs; outer is what their captures stand for.
func findCall(g *graph.Graph, f *graph.Function, outer map[*graph.Value]*graph.Value) (*graph.Node, map[*graph.Value]*graph.Value) {
	for _, c := range g.Captures {
		outer[c.Inner] = c.Outer
	}
	for _, n := range g.Nodes {
		if n.Domain == f.Domain && n.Op == f.Name {
			return n, outer
		}
		for _, sub := range n.Subgraphs() {
			if call, outer := findCall(sub, f, outer); call != nil {
				return call, outer
			}
		}
	}
	return nil, nil
}
