package export

import (
	"context"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// maxUnrolled bounds the steps of a graph without a Loop: each is a copy of the network's nodes, and opening the file takes time for each.
const maxUnrolled = 1000

// Sampler returns sampler.onnx: the whole way from noise to samples in data units.
//
//	x0        float32 [batch D...]   noise N(0, 1), in model space; for a model with a source of its own, rows of the source in data units
//	steps     int64                  number of steps; with Options.Unroll there is no such input, and no Loop
//	y, y_drop                        the condition, as velocity.onnx takes it
//	guidance  float32 [W]            with Options.Guidance: the weight for all rows, or one for each
//	samples   float32 [batch D...]   in data units
//
// With Options.Adaptive it takes tolerance float32 in place of steps and gives evaluations int64 [batch], of the velocity for each row, beside samples: see
// adaptive. Options.Solver says which method. The graph's results are those of runtime.Sampler, which is checked on every engine before the bytes are returned; see
// Velocity. A Loop keeps the state where the provider computes; without control flow (Options.Unroll) the graph serves CUDA graphs, browsers and importers.
func Sampler(ctx context.Context, m *models.Model, o Options) ([]byte, Report, error) {
	return File(ctx, string(flow.SamplerKind), m, o)
}

// samplerGraph is the program of sampler.onnx.
func samplerGraph(m *models.Model, o Options) (*graph.Graph, error) {
	b := graph.NewBuilder("sampler")
	x := b.Input("x0", tensor.Float32, sampleShape(m.Spec, graph.Sym("batch"))...)
	steps := o.stepsInput(b)
	f, err := newField(b, m, o.Guidance, o.Unroll == 0)
	if err != nil {
		return nil, err
	}
	if m.Spec.Source == flow.DataSource {
		x = models.Normalise(b, m.Spec, x)
	}
	o.finish(b, f, x, steps)
	return b.Graph()
}

// finish adds the way from x to the outputs.
func (o Options) finish(b *graph.Builder, f *field, x, steps *graph.Value) {
	var evaluations *graph.Value
	if o.Adaptive {
		x, evaluations = adaptive(b, f.equation(), x, steps)
	} else {
		x = o.solve(b, f.equation(), x, steps)
	}
	b.Output("samples", models.Denormalise(b, f.spec, x))
	if o.Adaptive {
		b.Output("evaluations", evaluations)
	}
}

// solve adds steps of a given number, nil: Unroll.
func (o Options) solve(b *graph.Builder, f equation, x, steps *graph.Value) *graph.Value {
	if steps == nil {
		return unrolled(b, o.Solver, f, x, o.Unroll)
	}
	return looped(b, o.Solver, f, x, steps)
}

// stepsInput adds the input steps, or tolerance; nil if the steps are fixed.
func (o Options) stepsInput(b *graph.Builder) *graph.Value {
	switch {
	case o.Adaptive:
		return b.Input("tolerance", tensor.Float32)
	case o.Unroll > 0:
		return nil
	}
	return b.Input("steps", tensor.Int64)
}
