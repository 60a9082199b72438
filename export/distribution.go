package export

import (
	"context"
	"errors"
	"fmt"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/solver"
	"fmtool/train/metric"
)

// The comparison of distributions takes so many sets in float64, and steps of samplers that take any number.
const distributionSets, distributionSteps = 5, 50

// errNoSamples says that a graph draws none.
var errNoSamples = errors.New("draws no samples to compare the distribution of")

// distributions compare samples that each engine draws in float32 with samples in float64 from other noise, by their energy distance in model space
// [SR13]: the mean over the sets in float64. It may be three standard deviations above the mean of what lies between two of those, the floor of so
// many samples.
func (d *described) distributions(ctx context.Context, c Checks, field *graph.Graph) ([]Row, error) {
	draw, done, err := d.drawer(c, field)
	if err != nil {
		return nil, err
	}
	defer done()
	var sets [][]float32
	var between []float64
	for k := range distributionSets {
		t, err := draw(ctx, uint64(k))
		if err != nil {
			return nil, err
		}
		own := t.inModelSpace(t.want)
		for _, other := range sets {
			e, err := metric.Energy(own, other, d.spec.Dim())
			if err != nil {
				return nil, fmt.Errorf("export: %w", err)
			}
			between = append(between, e)
		}
		sets = append(sets, own)
	}
	mean, std := metric.MeanStd(between)
	t, err := draw(ctx, distributionSets)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, e := range c.Engines {
		row := e.row(fmt.Sprintf("distribution of %d", c.Sampled), c.Sampled)
		row.Tolerance, row.Against = mean+3*std, "other noise"
		got, err := e.draws(ctx, d.file, t)
		if err != nil {
			return rows, fmt.Errorf("export: %s: %w", e.Name, err)
		}
		row.Ulps = t.ulps(got)
		own := t.inModelSpace(got)
		for _, set := range sets {
			distance, err := metric.Energy(own, set, d.spec.Dim())
			if err != nil {
				return rows, fmt.Errorf("export: %w", err)
			}
			row.Worst += distance / distributionSets
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// draws runs a trial on the engine.
func (e Engine) draws(ctx context.Context, file []byte, t trial) ([]float64, error) {
	opened, err := e.Engine.Open(file, e.Options)
	if err != nil {
		return nil, err
	}
	defer opened.Close() //nolint:errcheck // it only frees
	got, err := t.run(ctx, program{opened, tensor.Float32})
	if err != nil {
		return nil, err
	}
	return got.Convert(tensor.Float64).Float64(), nil
}

// drawer returns what draws a set of samples, other noise for each salt, in float64.
func (d *described) drawer(c Checks, field *graph.Graph) (draw func(ctx context.Context, salt uint64) (trial, error), done func(), err error) {
	rows := func(salt uint64) []tensor.Tensor {
		return append(d.inputs(c.Sampled, 1, 2000+2*salt), d.weights(c.Sampled, 0)...)
	}
	steps := distributionSteps
	if d.steps > 0 {
		steps = d.steps
	}
	switch d.kind {
	case flow.VelocityKind:
		field = nil
	case flow.SamplerKind, flow.SampleKind:
		if field == nil {
			field, err = d.field()
		}
	default:
		return nil, nil, errNoSamples
	}
	if err != nil {
		return nil, nil, err
	}
	ref, err := d.openReference(c, field)
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context, salt uint64) (trial, error) {
		if d.kind != flow.VelocityKind {
			return d.solvedTrial(ctx, program{ref, tensor.Float64}, field == nil, rows(salt), steps, 100+salt, 0)
		}
		in := rows(salt)
		t := trial{run: func(ctx context.Context, p program) (tensor.Tensor, error) {
			return p.solve(ctx, solver.Euler, solver.Grid(steps), d.spec, in)
		}}
		want, err := t.run(ctx, program{ref, tensor.Float64})
		t.want = want.Float64()
		return t, err
	}, func() { _ = ref.Close() }, nil
}

// inModelSpace are results as float32 in model space.
func (t trial) inModelSpace(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		if n := t.units; n != nil {
			v = (v - float64(n.Mean[i%len(n.Mean)])) / float64(n.Scale[i%len(n.Scale)])
		}
		out[i] = float32(v)
	}
	return out
}
