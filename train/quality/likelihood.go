package quality

import (
	"context"
	"math"

	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/train/metric"
)

// Density is the negative log-likelihood of rows of the data beside its floor.
type Density struct {
	Metric      string           `json:"metric"`
	Better      metric.Direction `json:"better"`
	Data        metric.Figure    `json:"data"`  // over the rows of each repeat
	Floor       metric.Figure    `json:"floor"` // how far two true samples of N rows are apart
	Probes      int              `json:"probes"`
	Evaluations int              `json:"evaluations"` // for each row
	Source      string           `json:"source"`
	Formula     string           `json:"formula"`
}

// apart is the difference of two means: what a likelihood differs by between two sets of rows.
var apart = metric.Metric{Name: "nll", Better: metric.Lower, Source: "GR19", Formula: "−mean log p of rows of the data, nats; floor: two true samples' apart",
	Of: func(x, y []float32, _ int, _ noise.Stream) (float64, error) { return math.Abs(mean(x) - mean(y)), nil }}

func mean(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v)
	}
	return sum / float64(len(x))
}

// Likelihood is the negative log-likelihood, by the field's divergence, of the rows that the samples of each repeat are compared with. What a likelihood would
// be at best, the entropy of the data, is not known; its floor is how much chance alone moves it: the difference between two disjoint sets of N true rows,
// the same for every model that is near the data. Values of a grid, such as grey levels, have no density: dequantise them (runtime.Dequantise).
func (j *Judge) Likelihood(ctx context.Context, f runtime.DivergenceField) (Density, error) {
	d := Density{Metric: apart.Name, Better: apart.Better, Source: apart.Source, Formula: apart.Formula, Probes: f.Divergence().Probes}
	values := make([]float64, j.Seeds)
	for k := range values {
		n := j.N
		if k == 0 {
			n = 2 * j.N // for the floor
		}
		rows := j.set.Take(shuffled(j.set, j.Seed+uint64(k))[:n])
		found, err := runtime.Likelihood{Field: f}.Data(ctx, tensor.Of(rows.Rows, n, rows.Dim()), Condition(j.field.Spec().Condition, rows))
		if err != nil {
			return d, err
		}
		values[k], _ = metric.NLL(found.Log[:j.N])
		d.Evaluations = found.Evaluations
		if k > 0 {
			continue
		}
		logs := make([]float32, n)
		for i, v := range found.Log {
			logs[i] = float32(v)
		}
		if d.Floor, err = apart.Floor(logs, j.classes(rows), 1, j.N, j.Floors, j.stream(j.Seeds)); err != nil {
			return d, err
		}
	}
	d.Data = metric.FigureOf(values)
	return d, nil
}
