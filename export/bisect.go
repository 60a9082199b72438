package export

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
)

// debugGraph is a file's velocity with the result of every operator among its outputs, made of the file's own nodes and weights, by the trainer's
// names. Engines fuse less in it than in the file: a deviation that it does not show comes from what they do to the whole graph.
type debugGraph struct {
	d         *described
	g         *graph.Graph
	file      []byte // what engines run
	reference []byte // what float64 runs: the same, or that of the trained model
	tolerance float64
}

// errNoLayers says that a file has no velocity to look into.
var errNoLayers = errors.New("no velocity to look into layer by layer")

// debug makes the debug graph of the file. field is the program to hold it to, nil: its own.
func (d *described) debug(c Checks, field *graph.Graph) (*debugGraph, error) {
	own, err := d.layered()
	if err != nil {
		return nil, err
	}
	b := &debugGraph{d: d, tolerance: c.bound(d.spec, d.converted)}
	if b.file, b.g, err = withLayers(own, nil); err != nil {
		return nil, err
	}
	b.reference = b.file
	if field != nil && c.Model != nil {
		b.reference, _, err = withLayers(field, b.g.Outputs)
	}
	return b, err
}

// layered is the velocity as a flat program.
func (d *described) layered() (g *graph.Graph, err error) {
	switch d.kind {
	case flow.VelocityKind:
		g, err = d.model.Graph()
	case flow.LogProbKind:
		g, err = d.velocityOnly()
	case flow.SamplerKind, flow.SampleKind:
		g, err = d.field()
	}
	if err == nil && g == nil {
		return nil, errNoLayers
	}
	if err != nil {
		return nil, err
	}
	return g.Flatten()
}

// withLayers makes the results of the operators outputs, where their shape follows from the number of rows: those by the names of like, nil: all.
func withLayers(g *graph.Graph, like []graph.Output) ([]byte, *graph.Graph, error) {
	own := *g
	own.Outputs = nil
	for _, n := range g.Nodes {
		v := n.Out[0]
		if _, ok := v.Type.Shape.Eval(lengths(1)); ok && v.Type.DType == tensor.Float32 && n.Name != "" {
			own.Outputs = append(own.Outputs, graph.Output{Name: strings.TrimPrefix(n.Name, firstStage), Value: v})
		}
	}
	if like != nil && !slices.EqualFunc(like, own.Outputs, func(a, b graph.Output) bool { return a.Name == b.Name }) {
		return nil, nil, fmt.Errorf("export: the file's operators are not those of the run's model: %d against %d; its layers cannot be compared",
			len(like), len(own.Outputs))
	}
	m, err := onnx.FromGraph(&own, onnx.Modern, nil)
	if err != nil {
		return nil, nil, err
	}
	return m.Marshal(), &own, nil
}

// lengths are those of symbolic dimensions for n rows at one time.
func lengths(n int) map[string]int {
	return map[string]int{"batch": n, graph.TimeDim: 1, graph.GuidanceDim: n}
}

// run evaluates the debug graph on n rows.
func (b *debugGraph) run(ctx context.Context, p program, n int) ([][]float64, error) {
	in := append(b.d.inputs(n, 1, 1), b.d.weights(n, 1)...)
	if len(in) < len(b.g.Inputs) {
		return nil, fmt.Errorf("export: the velocity inside takes %d inputs, of a %s there are %d", len(b.g.Inputs), b.d.kind, len(in))
	}
	in = in[:len(b.g.Inputs)]
	for i, t := range in {
		if t.DType().IsFloat() {
			in[i] = t.Convert(p.float)
		}
	}
	out := make([]tensor.Tensor, len(b.g.Outputs))
	for i, o := range b.g.Outputs {
		shape, _ := o.Value.Type.Shape.Eval(lengths(n))
		out[i] = tensor.New(p.float, shape...)
	}
	if err := p.Run(ctx, in, out); err != nil {
		return nil, err
	}
	numbers := make([][]float64, len(out))
	for i, t := range out {
		numbers[i] = t.Convert(tensor.Float64).Float64()
	}
	return numbers, nil
}

// find compares the layers on an engine with float64 and writes, into the rows of each batch, the first that takes more than its share of the
// tolerance, of half at the start and all at the end; or, if none does, the nearest to its share.
func (b *debugGraph) find(ctx context.Context, c Checks, e Engine, rows []Row) error {
	ref, err := c.Reference.Open(b.reference, engine.Options{Float64: true})
	if err != nil {
		return err
	}
	defer ref.Close() //nolint:errcheck // it only frees
	opened, err := e.Engine.Open(b.file, e.Options)
	if err != nil {
		return err
	}
	defer opened.Close() //nolint:errcheck // it only frees
	told := map[int]string{}
	for i, r := range rows {
		if told[r.Batch] == "" {
			want, err := b.run(ctx, program{ref, tensor.Float64}, r.Batch)
			if err != nil {
				return err
			}
			got, err := b.run(ctx, program{opened, tensor.Float32}, r.Batch)
			if err != nil {
				return err
			}
			if told[r.Batch], err = b.first(got, want); err != nil {
				return err
			}
		}
		rows[i].Layer = told[r.Batch]
	}
	return nil
}

// first tells of the layer.
func (b *debugGraph) first(got, want [][]float64) (string, error) {
	nearest, used := "", -1.0
	for i, o := range b.g.Outputs {
		worst, err := trial{want: want[i]}.difference(got[i])
		if err != nil {
			return "", fmt.Errorf("export: %s: %w", o.Name, err)
		}
		share := b.tolerance * float64(len(b.g.Outputs)+i+1) / float64(2*len(b.g.Outputs))
		if worst > share {
			return fmt.Sprintf("first beyond its share: %s, %.2g of %.2g", o.Name, worst, share), nil
		}
		if worst/share > used {
			nearest, used = fmt.Sprintf("all layers within their shares, nearest %s, %.2g of %.2g", o.Name, worst, share), worst/share
		}
	}
	return nearest, nil
}

// holdTo is the program of the trained model's velocity, nil if the checks have none.
func (c Checks) holdTo() (*graph.Graph, error) {
	if c.Model == nil {
		return nil, nil
	}
	g, err := models.VelocityGraph(c.Model)
	if err != nil {
		return nil, err
	}
	return g.Flatten()
}
