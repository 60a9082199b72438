package train

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/train/checkpoint"
	"fmtool/train/optim"
)

// stepName is the input that counts the steps of a portable step.
const stepName = "step"

// PortableStep is a training step for programs that have nothing of this one: StepGraph's, with all it depends on as inputs and all it changes as outputs.
//
//	x1           float32 [N D...]   rows of the data, in data units
//	x0           float32 [N D...]   noise N(0, 1); rows of the source in data units for a model that starts at a source of its own. x0 and x1 are
//	                                coupled as they come
//	t            float32 [N 1]      times, held to those of training
//	y (, y_drop)                    the condition, as velocity.onnx takes it, dropped out by the caller
//	path_noise   float32 [N D...]   noise N(0, 1), if the model has path noise
//	rate         float32            learning rate
//	step         int64              steps taken before
//	NAME                            each part of the state: weights by their names, then adamw.m.NAME, adamw.v.NAME and, with ema, ema.NAME
//
// Outputs are loss and norm as StepGraph's, next.step and next.NAME for each part of the state. Normaliser, schedule, weights of the loss in time and by
// column, clipping and AdamW are inside, as the configuration says.
func PortableStep(m *models.Model, c Config) (*graph.Graph, error) {
	l, err := NewLoss(c, m.Spec)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	b := graph.NewBuilder("train_step")
	loss := b.ReduceMean(portableParts(b, m.Spec, l).rows(b, m, l), false)
	rate, taken := b.Input("rate", tensor.Float32), b.Input(stepName, tensor.Int64)
	next := b.Add(taken, b.Scalar(tensor.Int64, 1))
	update(b, m, loss, c.AdamW, rate, b.Op("Cast", graph.Attrs{"to": int64(graph.Code(tensor.Float32))}, next), c.Clip, c.EMA)
	b.Output(optim.Next+stepName, next)
	g, err := b.Graph()
	if err == nil {
		g, err = g.ParamsAsInputs()
	}
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return g, nil
}

// portableParts are the parts of the loss from data units, noise and times.
func portableParts(b *graph.Builder, spec flow.Spec, l Loss) parts {
	n := graph.Sym("batch")
	dims := append(graph.Shape{n}, graph.ShapeOf(spec.Dims...)...)
	p := parts{x1: b.Input("x1", tensor.Float32, dims...), x0: b.Input("x0", tensor.Float32, dims...), t: b.Input("t", tensor.Float32, n, graph.Fix(1))}
	p.y, p.drop = models.NewCondition(b, spec, n)
	if spec.Sigma > 0 {
		p.path = b.Scale(b.Input("path_noise", tensor.Float32, dims...), spec.Sigma)
	}
	p.x1 = models.Normalise(b, spec, p.x1)
	if spec.Source == flow.DataSource {
		p.x0 = models.Normalise(b, spec, p.x0)
	}
	b.Scope("path", func() {
		p.t = models.Times(b, spec, p.t)
		c := models.NewPath(b, spec, p.t)
		target := c.Row(spec.Prediction)
		p.columns = map[string]*graph.Value{"alpha": c.Alpha(), "beta": c.Beta(), "target_x1": target[0], "target_x0": target[1]}
		if l.In != spec.Prediction {
			p.columns["gain"] = c.Gain(spec.Prediction, l.In)
		}
		if !l.Weight.None() {
			p.columns["weight"] = c.Weight(l.Weight)
		}
	})
	return p
}

// LoadStep is the portable step of the complete run in dir, with the state it is in: that of its last checkpoint, so that a step goes on where the run
// ended; for imported weights these, no moments and no step taken. settings say what of the configuration is inside, as metadata.
func LoadStep(dir string) (g *graph.Graph, state map[string]tensor.Tensor, settings Facts, err error) {
	c, err := ReadConfig(dir)
	if err != nil {
		return nil, nil, nil, err
	}
	m, _, err := LoadRun(dir, true)
	if err != nil {
		return nil, nil, nil, err
	}
	if g, err = PortableStep(m, c); err != nil {
		return nil, nil, nil, err
	}
	state, err = c.state(dir, m)
	return g, state, c.stepFacts(), err
}

// state is what LoadStep returns.
func (c Config) state(dir string, m *models.Model) (map[string]tensor.Tensor, error) {
	saved, err := checkpoint.Load(checkpoint.Disk, filepath.Join(dir, checkpointName))
	if errors.Is(err, checkpoint.ErrNone) {
		averages, _, err := LoadRun(dir, false)
		if err != nil {
			return nil, err
		}
		return c.fresh(m.Weights, averages.Weights), nil
	}
	if err != nil {
		return nil, fmt.Errorf("train: no checkpoint of %s can be read: %w", dir, err)
	}
	saved.Tensors[stepName] = tensor.Full(int64(saved.Step))
	return saved.Tensors, nil
}

// fresh is the state before the first step.
func (c Config) fresh(weights, averages map[string]tensor.Tensor) map[string]tensor.Tensor {
	state := map[string]tensor.Tensor{stepName: tensor.Full(int64(0))}
	for name, w := range weights {
		state[name] = w
		state[optim.FirstMoment+name] = tensor.New(tensor.Float32, w.Shape()...)
		state[optim.SecondMoment+name] = tensor.New(tensor.Float32, w.Shape()...)
		if c.EMA > 0 {
			state[optim.Average+name] = averages[name]
		}
	}
	return state
}

// stepFacts are the settings inside a portable step that the facts of a run do not tell.
func (c Config) stepFacts() Facts {
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	f := Facts{}
	for k, v := range map[string]string{
		"optimiser": fmt.Sprintf("adamw beta1=%g beta2=%g epsilon=%g decay=%g", c.AdamW.Beta1, c.AdamW.Beta2, c.AdamW.Epsilon, c.AdamW.Decay),
		"clip":      number(c.Clip), "ema": number(c.EMA), "rate": fmt.Sprintf("%s peak=%g warmup=%d last=%g", c.Rate.Kind, c.Rate.Peak, c.Rate.Warmup, c.Rate.Last),
	} {
		f[flow.Prefix+"step."+k] = v
	}
	return f
}
