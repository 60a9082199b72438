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

// The columns of a schedule's coefficients that the graphs take, [N 1 ...].
var coefficients = []string{"alpha", "beta", "dalpha", "dbeta"}

// LossGraph is the loss of a model as a graph of its own, with inputs
//
//	x1, x0  float32 [N D...]     data in model space and noise
//	t       float32 [N 1]        times
//	alpha, beta, dalpha, dbeta   float32 [N 1 ...], the schedule at t
//	y (, y_drop)                 the condition, if the model has one
//
// and output rows [N], ‖u(α x1 + β x0, t) − (α̇ x1 + β̇ x0)‖², a sum over dimensions.
func LossGraph(m *models.Model) (*graph.Graph, error) {
	b := graph.NewBuilder("loss")
	b.Output("rows", lossRows(b, m))
	return b.Graph()
}

// StepGraph is a training step as one graph: LossGraph's inputs, then rate and step, float32 scalars; outputs loss (the mean over rows), norm (of the
// gradient before clipping) and the next values of weights, moments and averages, listed in the states.
func StepGraph(m *models.Model, o optim.AdamW, clip, ema float64) (*graph.Graph, []optim.State, error) {
	b := graph.NewBuilder("step")
	loss := b.ReduceMean(lossRows(b, m), false)
	rate, step := b.Input("rate", tensor.Float32), b.Input("step", tensor.Float32)
	b.Output("loss", loss)
	var weights []*graph.Value
	for _, name := range names(m.Weights) {
		weights = append(weights, b.Param(name, m.Weights[name]))
	}
	grads := autodiff.VJP(b, loss, b.Scalar(tensor.Float32, 1), weights...)
	grads, norm := optim.Clip(b, grads, clip)
	b.Output("norm", norm)
	states := o.Update(b, weights, grads, rate, step, ema)
	g, err := b.Graph()
	return g, states, err
}

func names(weights map[string]tensor.Tensor) []string {
	list := make([]string, 0, len(weights))
	for name := range weights {
		list = append(list, name)
	}
	sort.Strings(list)
	return list
}

// lossRows adds the inputs and the loss of each row.
func lossRows(b *graph.Builder, m *models.Model) *graph.Value {
	n := graph.Sym("batch")
	dims := append(graph.Shape{n}, graph.ShapeOf(m.Spec.Dims...)...)
	x1, x0 := b.Input("x1", tensor.Float32, dims...), b.Input("x0", tensor.Float32, dims...)
	in := models.Inputs{T: b.Input("t", tensor.Float32, n, graph.Fix(1))}
	column := append(graph.Shape{n}, ones(len(m.Spec.Dims))...)
	var c [4]*graph.Value
	for i, name := range coefficients {
		c[i] = b.Input(name, tensor.Float32, column...)
	}
	in.Y, in.Drop = models.NewCondition(b, m.Spec, n)
	in.X = b.Add(b.Mul(c[0], x1), b.Mul(c[1], x0))
	target := b.Add(b.Mul(c[2], x1), b.Mul(c[3], x0))
	d := b.Subtract(models.Build(b, m.Spec, m.Arch, nn.Stored(m.Weights), in), target)
	axes := make([]int, len(m.Spec.Dims))
	for i := range axes {
		axes[i] = i + 1
	}
	return b.ReduceSum(b.Mul(d, d), false, axes...)
}

func ones(n int) graph.Shape {
	s := make(graph.Shape, n)
	for i := range s {
		s[i] = graph.Fix(1)
	}
	return s
}

// fillCoefficients writes the schedule at each time into the four columns.
func fillCoefficients(s flow.Schedule, t []float32, columns [][]float32) {
	for i, ti := range t {
		c := s.At(float64(ti))
		for k, v := range []float64{c.Alpha, c.Beta, c.DAlpha, c.DBeta} {
			columns[k][i] = float32(v)
		}
	}
}
