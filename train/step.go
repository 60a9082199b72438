package train

import (
	"sort"

	"fmtool/models"
	"fmtool/models/autodiff"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/nn"
	"fmtool/models/tensor"
	"fmtool/train/optim"
)

// LossGraph is the loss of a model as a graph of its own, with inputs
//
//	x1, x0  float32 [N D...]     data in model space and noise
//	t       float32 [N 1]        times
//	alpha, beta (, target_x1, target_x0) (, gain) (, weight)   float32 [N 1 ...], what depends on t alone: see Loss
//	y (, y_drop)                 the condition, if the model has one
//	path                         float32 [N D...], what is added to x_t, if the model has path noise
//
// and output rows [N]: for the velocity and the zero Loss ‖u(α x1 + β x0, t) − (α̇ x1 + β̇ x0)‖², a sum over dimensions.
func LossGraph(m *models.Model, l Loss) (*graph.Graph, error) {
	b := graph.NewBuilder("loss")
	b.Output("rows", lossRows(b, m, l))
	return b.Graph()
}

// StepGraph is a training step as one graph: LossGraph's inputs, then rate and step, float32 scalars; outputs loss (the mean over rows), norm (of the
// gradient before clipping) and the next values of weights, moments and averages, listed in the states.
func StepGraph(m *models.Model, l Loss, o optim.AdamW, clip, ema float64) (*graph.Graph, []optim.State, error) {
	b := graph.NewBuilder("step")
	loss := b.ReduceMean(lossRows(b, m, l), false)
	rate, step := b.Input("rate", tensor.Float32), b.Input("step", tensor.Float32)
	states := update(b, m, loss, o, rate, step, clip, ema)
	g, err := b.Graph()
	return g, states, err
}

// update adds everything of a step that follows the loss.
func update(b *graph.Builder, m *models.Model, loss *graph.Value, o optim.AdamW, rate, step *graph.Value, clip, ema float64) []optim.State {
	b.Output("loss", loss)
	var weights []*graph.Value
	for _, name := range names(m.Weights) {
		weights = append(weights, b.Param(name, m.Weights[name]))
	}
	grads := autodiff.VJP(b, loss, b.Scalar(tensor.Float32, 1), weights...)
	grads, norm := optim.Clip(b, grads, clip)
	b.Output("norm", norm)
	return o.Update(b, weights, grads, rate, step, ema)
}

func names(weights map[string]tensor.Tensor) []string {
	list := make([]string, 0, len(weights))
	for name := range weights {
		list = append(list, name)
	}
	sort.Strings(list)
	return list
}

// parts are what the loss of a batch is computed from, in model space; see LossGraph.
type parts struct {
	x1, x0, t *graph.Value
	path      *graph.Value // nil: no noise on the path
	y, drop   *graph.Value
	columns   map[string]*graph.Value // by their names
}

// lossRows adds the inputs and the loss of each row.
func lossRows(b *graph.Builder, m *models.Model, l Loss) *graph.Value {
	n := graph.Sym("batch")
	dims := append(graph.Shape{n}, graph.ShapeOf(m.Spec.Dims...)...)
	p := parts{columns: map[string]*graph.Value{}}
	p.x1, p.x0 = b.Input("x1", tensor.Float32, dims...), b.Input("x0", tensor.Float32, dims...)
	p.t = b.Input("t", tensor.Float32, n, graph.Fix(1))
	shape := append(graph.Shape{n}, ones(len(m.Spec.Dims))...)
	for _, column := range l.columns(m.Spec) {
		p.columns[column.name] = b.Input(column.name, tensor.Float32, shape...)
	}
	p.y, p.drop = models.NewCondition(b, m.Spec, n)
	if m.Spec.Sigma > 0 {
		p.path = b.Input("path", tensor.Float32, dims...)
	}
	return p.rows(b, m, l)
}

// rows adds the loss of each row.
func (p parts) rows(b *graph.Builder, m *models.Model, l Loss) *graph.Value {
	c := p.columns
	x := b.Add(b.Mul(c["alpha"], p.x1), b.Mul(c["beta"], p.x0))
	if p.path != nil {
		x = b.Add(x, p.path)
	}
	in := models.Inputs{X: x, T: p.t, Y: p.y, Drop: p.drop}
	return l.rows(b, m.Spec, b.Subtract(models.Build(b, m.Spec, m.Arch, nn.Stored(m.Weights), in), p.target(b, m.Spec)), c)
}

// target adds what the network is compared with.
func (p parts) target(b *graph.Builder, spec flow.Spec) *graph.Value {
	if c := p.columns; c["target_x1"] != nil {
		return b.Add(b.Mul(c["target_x1"], p.x1), b.Mul(c["target_x0"], p.x0))
	}
	switch row, _ := sameTarget(spec); row {
	case [2]float64{1, 0}:
		return p.x1
	case [2]float64{0, 1}:
		return p.x0
	}
	return b.Subtract(p.x1, p.x0)
}

func ones(n int) graph.Shape {
	s := make(graph.Shape, n)
	for i := range s {
		s[i] = graph.Fix(1)
	}
	return s
}
