package quality

import (
	"context"
	"fmt"
	"slices"

	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/solver"
	"fmtool/train/metric"
)

// Trajectory is the states of points of a field along equal steps of a method from t = 0 to 1, in model space. x0 are the first states [n, dim], y the
// condition of each point, or the zero Tensor.
func Trajectory(ctx context.Context, f runtime.VelocityField, x0 []float32, y tensor.Tensor, r Rule) (metric.Path, error) {
	spec := f.Spec()
	dim := spec.Dim()
	s := solver.NewStepper(r.Method, len(x0))
	shape := append([]int{len(x0) / dim}, spec.Dims...)
	t := tensor.New(tensor.Float32, 1, 1)
	p := metric.Path{Dim: dim, T: []float64{0}, X: [][]float32{slices.Clone(x0)}}
	copy(s.State(), x0)
	err := s.Run(ctx, func(ctx context.Context, dst, x []float32, at float32) error {
		t.Float32()[0] = min(at, float32(spec.TimeMax))
		return f.Velocity(ctx, tensor.Of(dst, shape...), tensor.Of(x, shape...), t, y)
	}, solver.Grid(r.Steps), func(k int) {
		p.T, p.X = append(p.T, float64(k+1)/float64(r.Steps)), append(p.X, slices.Clone(s.State()))
	})
	return p, err
}

// PathFigure is a metric of trajectories.
type PathFigure struct {
	Metric  string           `json:"metric"`
	Better  metric.Direction `json:"better"`
	Samples metric.Figure    `json:"samples"`
	Source  string           `json:"source"`
	Formula string           `json:"formula"`
}

// Paths are the metrics of metric.Paths on the way from the noise of each repeat, by a rule, in model space.
func (j *Judge) Paths(ctx context.Context, r Rule) ([]PathFigure, error) {
	values := make([][]float64, len(metric.Paths))
	spec := j.field.Spec()
	for k := range j.Seeds {
		perm := make([]int, j.set.Len())
		seed := j.Seed + uint64(k)
		noise.New(seed, noise.Comparison).Perm(perm)
		x0 := make([]float32, j.N*spec.Dim())
		j.startModel(x0, seed)
		p, err := Trajectory(ctx, j.field, x0, Condition(spec.Condition, j.set.Take(perm[:j.N])), r)
		if err != nil {
			return nil, err
		}
		for i, m := range metric.Paths {
			v, err := m.Of(p)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.Name, err)
			}
			values[i] = append(values[i], v)
		}
	}
	out := make([]PathFigure, len(metric.Paths))
	for i, m := range metric.Paths {
		out[i] = PathFigure{m.Name, m.Better, metric.FigureOf(values[i]), m.Source, m.Formula}
	}
	return out, nil
}
