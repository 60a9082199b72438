package train

import (
	"context"
	"fmt"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/solver"
	"fmtool/train/data"
	"fmtool/train/quality"
)

// open opens a model on the native engine, as its file would be.
func open(m *models.Model, threads, batch int) (*runtime.Model, error) {
	g, err := models.VelocityGraph(m)
	if err != nil {
		return nil, err
	}
	file, err := onnx.FromGraph(g, onnx.Wide, m.Spec.Metadata())
	if err != nil {
		return nil, err
	}
	return runtime.Open(native.Engine{}, file.Marshal(), engine.Options{Threads: threads, MaxBatch: batch})
}

// pairsBatch is how many pairs are drawn together.
const pairsBatch = 1024

// pairs draws x0 and solves for x1: a pure function of the configuration and the model. Conditions, and the rows of a source, are drawn from the data of the model's run.
func (c Config) pairs(ctx context.Context) (*data.Set, error) {
	parent, err := c.parent()
	if err != nil {
		return nil, err
	}
	f, err := open(parent, c.threads(), min(pairsBatch, c.Reflow.Pairs))
	if err != nil {
		return nil, fmt.Errorf("train: reflow: %w", err)
	}
	defer f.Close() //nolint:errcheck // it only frees
	spec, n := parent.Spec, c.Reflow.Pairs
	set := &data.Set{Dims: spec.Dims, Columns: spec.Columns, Rows: make([]float32, n*spec.Dim()), Paired: make([]float32, n*spec.Dim())}
	if err := c.recall(ctx, spec, set); err != nil {
		return nil, err
	}
	method, err := solver.Parse(c.Reflow.Solver)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	s := runtime.Sampler{Field: f, Method: method, Steps: c.Reflow.Steps, Seed: c.pairSeed(), Batch: pairsBatch}
	if set.Noise = spec.Source == flow.NormalSource; set.Noise {
		noise.New(s.Seed, noise.Sampling).Rows(set.Paired, 0, spec.Dim())
	} else {
		s.Source = tensor.Of(set.Paired, n, spec.Dim())
	}
	if _, err := s.Sample(ctx, tensor.Of(set.Rows, n, spec.Dim()), quality.Condition(spec.Condition, set)); err != nil {
		return nil, fmt.Errorf("train: reflow: %w", err)
	}
	return set, nil
}

// pairSeed is the seed of the noise of the pairs, none that a user is likely to sample with.
func (c Config) pairSeed() uint64 { return noise.New(c.Seed, noise.Rectify).Uint64(0) }

// recall fills in the conditions of the pairs, and x0 where it is rows of a source, each from a random row of what the parent learned from.
func (c Config) recall(ctx context.Context, spec flow.Spec, set *data.Set) error {
	if spec.Condition.Kind == flow.Unconditional && spec.Source == flow.NormalSource {
		return nil
	}
	before, err := ReadConfig(c.Reflow.Model)
	if err != nil {
		return err
	}
	from, err := before.Load(ctx)
	if err != nil {
		return fmt.Errorf("train: reflow: conditions and sources come from the data of the model: %w", err)
	}
	rows := noise.New(c.Seed, noise.Rectify).Sub(1)
	n, d := set.Len(), set.Dim()
	for i := range n {
		row := rows.Intn(uint64(i), from.Len())
		switch spec.Condition.Kind {
		case flow.Labels:
			set.Labels = append(set.Labels, from.Labels[row])
		case flow.Vector:
			set.Vectors = append(set.Vectors, from.Vector(row)...)
		}
		switch {
		case spec.Source == flow.NormalSource:
		case from.Source != nil:
			copy(set.Paired[i*d:(i+1)*d], from.Source.Row(rows.Sub(1).Intn(uint64(i), from.Source.Len())))
		default:
			copy(set.Paired[i*d:(i+1)*d], from.Paired[row*d:(row+1)*d])
		}
	}
	set.Classes, set.Given = from.Classes, from.Given
	return nil
}
