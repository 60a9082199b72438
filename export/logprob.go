package export

import (
	"context"
	"fmt"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// LogProb returns logprob.onnx: log-densities of data, by the instantaneous change of variables [GR19] along the flow from t = 1 back to 0,
//
//	log p(x) = log N(x_0; 0, I) − ∫₀¹ ∇·u_t(x_t) dt + log |∂ model space/∂ data units|
//
//	x         float32 [batch D...]     rows in data units
//	steps     int64                    number of steps, as Sampler takes it
//	probes    float32 [P batch D...]   where the divergence is estimated: P ≥ 1 probes for each row, independent numbers of mean 0 and variance 1
//	y, y_drop, guidance                as Sampler takes them: the density is that of the flow which they choose
//	log_prob  float32 [batch]          nats, in data units; of probes the mean
//	nfe       int64                    evaluations of the velocity and its divergence for each row; [batch] with Options.Adaptive, the most over a row's probes
//
// The divergence is exact for samples of few numbers, by a backward pass for each of them, and otherwise Hutchinson's estimate vᵀ(∂u/∂x)v by a backward pass for
// each probe v [HU90, GR19]; Options.Divergence says otherwise. Both are derivatives of the network's own graph. Steps are those of RK4 unless Options say another
// method; Options.Adaptive and Unroll are as for Sampler, and the error of the log-density counts as those of the columns. Constant columns are left out. The
// numbers are those of runtime.Likelihood's Data. A model that starts at rows of a data set is refused: the density of its start is not known.
func LogProb(ctx context.Context, m *models.Model, o Options) ([]byte, Report, error) {
	return File(ctx, string(flow.LogProbKind), m, o)
}

// The ways to the divergence.
const (
	ExactDivergence  = "exact"
	ProbesDivergence = "probes"
)

// Samples of up to maxExact numbers get an exact divergence unless Options say otherwise, and of up to maxForced if they ask for it: the graph has a backward pass
// for each.
const maxExact, maxForced = 16, 1024

// The file's names for its inputs and outputs.
const (
	logProbInput  = "x"
	logProbOutput = "log_prob"
	nfeOutput     = "nfe"
	probeDim      = "P"
)

// divergenceOf is the way to the divergence that the options choose for a model.
func (o Options) divergenceOf(s flow.Spec) (string, error) {
	_, kept := s.Varying()
	switch {
	case o.Divergence != "" && o.Divergence != ExactDivergence && o.Divergence != ProbesDivergence:
		return "", fmt.Errorf("export: %w", flow.Unknown("divergence", o.Divergence, []string{ExactDivergence, ProbesDivergence}))
	case o.Divergence == ExactDivergence && kept > maxForced:
		return "", fmt.Errorf("export: an exact divergence takes a backward pass for each of %d numbers of a sample, at most %d: estimate it by probes", kept, maxForced)
	case o.Divergence == "" && kept <= maxExact:
		return ExactDivergence, nil
	case o.Divergence == "":
		return ProbesDivergence, nil
	}
	return o.Divergence, nil
}

// logProbGraph is the program of logprob.onnx.
func logProbGraph(m *models.Model, o Options) (*graph.Graph, error) {
	if err := m.Spec.CheckBase(); err != nil {
		return nil, fmt.Errorf("export: no log-density: %w", err)
	}
	b := graph.NewBuilder("logprob")
	x := b.Input(logProbInput, tensor.Float32, sampleShape(m.Spec, graph.Sym("batch"))...)
	steps := o.stepsInput(b)
	f, err := newDensity(b, m, o.Divergence == ProbesDivergence, o)
	if err != nil {
		return nil, err
	}
	z, nfe := f.start(b, models.Normalise(b, m.Spec, x)), (*graph.Value)(nil)
	if o.Adaptive {
		z, nfe = adaptive(b, f.forth(), z, steps)
	} else {
		z, nfe = o.solve(b, equation{f.at, m.Spec.Grid, true}, z, steps), o.evaluations(b, steps)
	}
	b.Output(logProbOutput, f.logProb(b, z))
	b.Output(nfeOutput, f.most(b, nfe))
	return b.Graph()
}

// evaluations is the number of them in steps of equal kind; nil: Unroll.
func (o Options) evaluations(b *graph.Builder, steps *graph.Value) *graph.Value {
	stages := b.NamedConst("stages", tensor.Scalar(int64(o.Solver.Stages())))
	if steps == nil {
		steps = b.NamedConst("steps", tensor.Scalar(int64(o.Unroll)))
	}
	return b.Mul(steps, stages)
}
