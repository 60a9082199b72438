package export

import (
	"context"
	"fmt"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/solver"
)

// Options say how to export. The zero value lacks engines to check on; the rest is a good choice.
type Options struct {
	Checks
	Profile  onnx.Profile      // zero: the graph's own, onnx.Wide where it will do
	Facts    map[string]string // of the training, metadata under flow.Prefix; they may not say otherwise than the model
	Guidance bool              // classifier-free guidance inside, with its weight as an input
	Solver   solver.Tableau    // of graphs that solve; zero: Euler to sample, RK4 for densities
	Unroll   int               // of graphs that solve: their fixed number of steps, without control flow; 0: an input, and a Loop
	Step     *Step             // of a training step: its program and state
	Adaptive bool              // of graphs that solve: steps chosen by a tolerance, the input tolerance in place of steps; the output evaluations beside samples
	// Divergence is ExactDivergence or ProbesDivergence, for log-densities; "": exact for samples of at most 16 numbers.
	Divergence string
}

// The metadata keys that files have beside the spec's.
const (
	keyArchitecture = flow.Prefix + "architecture"    // kind and settings as JSON
	keyNetwork      = flow.Prefix + "network"         // what the network predicts, where the graph converts it to the velocity
	keyParameters   = flow.Prefix + "parameters"      // number of trained numbers
	keyRuntime      = flow.Prefix + "onnxruntime.min" // the oldest onnxruntime that loads the file
	keyParity       = flow.Prefix + "parity"          // engines whose results were compared with float64 before the file was written, and the bound
	keyGuidance     = flow.Prefix + "guidance"        // "input" where classifier-free guidance is inside
	keySolver       = flow.Prefix + "solver"          // method of a graph that samples
	keySteps        = flow.Prefix + "steps"           // its number of steps where that is fixed
	keyAdaptive     = flow.Prefix + "adaptive"        // "true" where it chooses its steps
	keyDivergence   = flow.Prefix + "divergence"      // exact or probes, of a graph of log-densities
)

// Velocity returns velocity.onnx, the model's velocity field, and what its check found. It writes nothing to disk. When an engine deviates from the float64
// forward pass by more than the tolerance, the error tells by how much and where, and no bytes are returned.
//
//	x          float32 [batch D...]   model space
//	t          float32 [T 1]          T = 1 or batch
//	y, y_drop                         the condition, if there is one: labels int64 [batch], or vectors float32 [batch C] and float32 [batch 1]
//	guidance   float32 [W]            with Options.Guidance: the weight for all rows (W = 1), or one for each
//	velocity   float32 [batch D...]   model space
func Velocity(ctx context.Context, m *models.Model, o Options) ([]byte, Report, error) {
	return File(ctx, string(flow.VelocityKind), m, o)
}

// velocityGraph is the program of velocity.onnx.
func velocityGraph(m *models.Model, o Options) (*graph.Graph, error) {
	b := graph.NewBuilder("velocity")
	x := b.Input("x", tensor.Float32, sampleShape(m.Spec, graph.Sym("batch"))...)
	t := b.Input("t", tensor.Float32, timeDim(m.Spec), graph.Fix(1))
	f, err := newField(b, m, o.Guidance, false)
	if err != nil {
		return nil, err
	}
	if o.Guidance { // one time for all would not do for twice as many rows
		b.Scope("guidance", func() {
			rows := b.Op("Shape", graph.Attrs{"start": int64(0), "end": int64(1)}, x)
			t = b.Op("Expand", nil, t, b.Concat(0, rows, b.Ints(1)))
		})
	}
	b.Output("velocity", f.at(b, x, t))
	g, err := b.Graph()
	if err != nil {
		return nil, err
	}
	for n := range g.Walk() {
		if n.Op == "Loop" || n.Op == "If" {
			return nil, fmt.Errorf("export: node %s is control flow (%s), which velocity.onnx does without", n.Name, n.Op)
		}
	}
	return g, nil
}
