package quality

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/solver"
	"fmtool/train/data"
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

// PathFigure is a metric of trajectories. Floor is nil where sampling has none: a straight path has straightness and curvature 0 and detour 1, whatever the
// number of points.
type PathFigure struct {
	Metric  string           `json:"metric"`
	Better  metric.Direction `json:"better"`
	Samples metric.Figure    `json:"samples"`
	Floor   *metric.Figure   `json:"floor,omitempty"`
	Source  string           `json:"source"`
	Formula string           `json:"formula"`
}

// normalised is the row of the normalised path energy, which needs data beside the paths.
var normalised = PathFigure{Metric: "normalised path energy", Better: metric.Lower, Source: "TO24", Formula: "|path energy − W2²|/W2², W2 from the starts to the data"}

// Paths are the metrics of metric.Paths on the way from the starts of each repeat, by a rule, in model space, and the normalised path energy beside them, if
// an assignment of N points can be had. The floors of both energies are those of straight optimal paths between true samples: W2² from starts to
// data for the path energy, and for the normalised one |a − b|/b, a and b the W2² of two such pairs of disjoint rows of the data. Noise on the way
// has no velocity: a rule with an SDE is an error.
func (j *Judge) Paths(ctx context.Context, r Rule) ([]PathFigure, error) {
	if r.SDE != nil {
		return nil, errors.New("quality: rows that noise drives have no velocity, and their paths no energy")
	}
	values, npe := make([][]float64, len(metric.Paths)), []float64(nil)
	for k := range j.Seeds {
		seed := j.Seed + uint64(k)
		rows := j.set.Take(shuffled(j.set, seed)[:j.N])
		p, err := j.trajectory(ctx, r, seed, rows)
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
		if j.N <= metric.AssignmentLimit {
			w, err := j.transport(p.X[0], rows.Rows)
			if err != nil {
				return nil, err
			}
			npe = append(npe, metric.NPE(values[energy][k], w))
		}
	}
	out := make([]PathFigure, len(metric.Paths), len(metric.Paths)+1)
	for i, m := range metric.Paths {
		out[i] = PathFigure{m.Name, m.Better, metric.FigureOf(values[i]), nil, m.Source, m.Formula}
	}
	if npe == nil {
		return out, nil
	}
	row := normalised
	row.Samples = metric.FigureOf(npe)
	var err error
	out[energy].Floor, row.Floor, err = j.straight()
	return append(out, row), err
}

// energy is the row of the path energy in metric.Paths.
const energy = 0

// trajectory is the way of the samples for the conditions of rows, in model space.
func (j *Judge) trajectory(ctx context.Context, r Rule, seed uint64, rows *data.Set) (p metric.Path, err error) {
	spec := j.field.Spec()
	s, err := j.sampler(r, seed, rows.Len())
	if err != nil {
		return p, err
	}
	p.Dim = spec.Dim()
	for f, err := range s.Trajectory(ctx, rows.Len(), Condition(spec.Condition, rows)) {
		if err != nil {
			return p, err
		}
		x := make([]float32, f.X.Len())
		spec.Normaliser.Encode(x, f.X.Float32())
		p.T, p.X = append(p.T, f.T), append(p.X, x)
	}
	return p, nil
}

// transport is the squared W2 from starts in model space to rows in data units.
func (j *Judge) transport(x0, rows []float32) (float64, error) {
	spec := j.field.Spec()
	x1 := make([]float32, len(rows))
	spec.Normaliser.Encode(x1, rows)
	d, err := metric.W2(x0, x1, spec.Dim())
	return d * d, err
}

// straight are the floors of the path energy and of the normalised one.
func (j *Judge) straight() (*metric.Figure, *metric.Figure, error) {
	var energies, normalised []float64
	for k := range j.Floors {
		x, y, err := metric.Halves(j.set.Rows, j.classes(j.set), j.set.Dim(), j.N, j.stream(j.Seeds).Sub(uint32(2*k)))
		if err != nil {
			return nil, nil, err
		}
		var w [2]float64
		for i, rows := range [][]float32{x, y} {
			if w[i], err = j.transport(j.starts(j.Seed+uint64(j.Seeds+2*k+i)), rows); err != nil {
				return nil, nil, err
			}
		}
		energies, normalised = append(energies, w[0]), append(normalised, metric.NPE(w[0], w[1]))
	}
	a, b := metric.FigureOf(energies), metric.FigureOf(normalised)
	return &a, &b, nil
}
