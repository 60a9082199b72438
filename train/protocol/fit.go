package protocol

import (
	"context"
	"fmt"
	"math"

	"fmtool/export"
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/train"
	"fmtool/train/optim"
)

// setting is how a network of points in the plane is trained.
type setting struct {
	arch    models.MLP
	classes int        // 0: no condition
	updates int        // steps of AdamW
	batch   int        // rows
	rate    optim.Rate // of AdamW
	sigma   float64    // path noise: x_t = t x1 + (1 − t) x0 + σ ε
}

// pairs are the ends of a batch's paths: x0, x1 [batch, 2] and labels [batch], which are nil without classes.
type pairs struct {
	x0, x1 []float32
	labels []int64
}

// field trains a network on the pairs of each step and opens its exported file. draw fills the pairs of step k ≥ 0. The context is looked at in each step.
func (s setting) field(ctx context.Context, seed uint64, draw func(k int, p pairs) error) (*runtime.Model, error) {
	m, err := s.model(seed)
	if err != nil {
		return nil, err
	}
	if err := s.fit(ctx, m, seed, draw); err != nil {
		return nil, err
	}
	checks := export.Checks{Reference: native.Engine{}, Engines: []export.Engine{{Name: "native", Engine: native.Engine{}}}}
	file, _, err := export.Velocity(ctx, m, export.Options{Checks: checks})
	if err != nil {
		return nil, err
	}
	return runtime.Open(native.Engine{}, file, engine.Options{})
}

// model is a network with fresh weights for points in the plane as they are.
func (s setting) model(seed uint64) (*models.Model, error) {
	linear, err := flow.ParseSchedule("linear")
	if err != nil {
		return nil, err
	}
	spec := flow.Spec{Source: flow.DataSource, Dims: []int{2}, Columns: []string{"x", "y"}, Condition: flow.Condition{Kind: flow.Unconditional}, Schedule: linear, TimeMax: 1,
		Normaliser: flow.Normaliser{Kind: "none", Mean: []float32{0, 0}, Scale: []float32{1, 1}}}
	if s.classes > 0 {
		spec.Condition = flow.Condition{Kind: flow.Labels, Classes: s.classes}
	}
	return models.New(spec, &s.arch, noise.New(seed, noise.Weights))
}

// fit takes the updates and leaves the weights in the model.
func (s setting) fit(ctx context.Context, m *models.Model, seed uint64, draw func(k int, p pairs) error) error {
	g, states, err := train.StepGraph(m, train.Loss{}, optim.Default, 0, 0)
	if err != nil {
		return err
	}
	o := native.Options{Threads: 1}
	for _, st := range states {
		o.State = append(o.State, native.State(st))
	}
	plan, err := native.Compile(g, o)
	if err != nil {
		return err
	}
	defer plan.Close() //nolint:errcheck // it only frees
	b := s.newBatch()
	out := make([]tensor.Tensor, len(g.Outputs))
	out[0] = tensor.New(tensor.Float32)
	for k := range s.updates {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := draw(k, b.pairs); err != nil {
			return err
		}
		b.fill(s, seed, k)
		if err := plan.Run(ctx, b.in, out); err != nil {
			return err
		}
		if loss := float64(out[0].Float32()[0]); math.IsNaN(loss) || math.IsInf(loss, 0) {
			return fmt.Errorf("the loss of update %d is %g", k+1, loss)
		}
	}
	for name := range m.Weights {
		if m.Weights[name], err = plan.ReadParam(name); err != nil {
			return err
		}
	}
	return nil
}

// batch is the inputs of the step's graph.
type batch struct {
	pairs
	t, epsilon  []float32
	alpha, beta []float32 // coefficients of the straight path
	rate, step  tensor.Tensor
	in          []tensor.Tensor
}

func (s setting) newBatch() *batch {
	n := s.batch
	col := func() []float32 { return make([]float32, n) }
	b := &batch{pairs: pairs{x0: make([]float32, 2*n), x1: make([]float32, 2*n)}, t: col(), epsilon: make([]float32, 2*n),
		alpha: col(), beta: col(), rate: tensor.New(tensor.Float32), step: tensor.New(tensor.Float32)}
	b.in = []tensor.Tensor{tensor.Of(b.pairs.x1, n, 2), tensor.Of(b.pairs.x0, n, 2), tensor.Of(b.t, n, 1), tensor.Of(b.alpha, n, 1), tensor.Of(b.beta, n, 1)}
	if s.classes > 0 {
		b.labels = make([]int64, n)
		b.in = append(b.in, tensor.Of(b.labels, n))
	}
	b.in = append(b.in, b.rate, b.step)
	return b
}

// fill draws what is left of update k: times, path noise on both ends, coefficients.
func (b *batch) fill(s setting, seed uint64, k int) {
	n := uint64(s.batch)
	noise.New(seed, noise.Times).Uniforms(b.t, uint64(k)*n)
	for i, t := range b.t {
		b.alpha[i], b.beta[i] = t, 1-t
	}
	if s.sigma > 0 {
		noise.New(seed, noise.PathNoise).Normals(b.epsilon, uint64(k)*n)
		for i, e := range b.epsilon {
			b.pairs.x0[i] += float32(s.sigma) * e
			b.pairs.x1[i] += float32(s.sigma) * e
		}
	}
	b.rate.Float32()[0], b.step.Float32()[0] = float32(s.rate.At(k+1, s.updates)), float32(k+1)
}
