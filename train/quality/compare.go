package quality

import (
	"context"
	"fmt"
	"math"

	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/train/data"
	"fmtool/train/metric"
)

// Distance is a metric of samples beside its floor.
type Distance struct {
	Metric  string           `json:"metric"`
	Better  metric.Direction `json:"better"`
	Samples metric.Figure    `json:"samples"`
	Floor   metric.Figure    `json:"floor"`
	Source  string           `json:"source"`
	Formula string           `json:"formula"`
}

// Distances are all metrics of the samples that a rule draws.
func (j *Judge) Distances(ctx context.Context, r Rule) ([]Distance, error) {
	return j.distances(ctx, j.set, j.N, j.Seeds, r)
}

func (j *Judge) distances(ctx context.Context, set *data.Set, n, seeds int, r Rule) ([]Distance, error) {
	values := make([][]float64, len(j.Metrics))
	for k := range seeds {
		p, err := j.draw(ctx, set, n, k, r)
		if err != nil {
			return nil, err
		}
		for i, m := range j.Metrics {
			v, err := j.measure(m, p, k)
			if err != nil {
				return nil, err
			}
			values[i] = append(values[i], v)
		}
		j.progress(k+1, seeds)
	}
	out := make([]Distance, len(j.Metrics))
	for i, m := range j.Metrics {
		floor, err := m.Floor(set.Rows, j.classes(set), set.Dim(), n, j.Floors, j.stream(seeds))
		if err != nil {
			return nil, err
		}
		out[i] = Distance{m.Name, m.Better, metric.FigureOf(values[i]), floor, m.Source, m.Formula}
	}
	return out, nil
}

// classes are the labels of a set if the field is conditioned on them: then samples have the classes of the rows that they are compared with, and so has a floor.
func (j *Judge) classes(set *data.Set) []int64 {
	if j.field.Spec().Condition.Kind != flow.Labels {
		return nil
	}
	return set.Labels
}

// measure is a metric of a repeat.
func (j *Judge) measure(m metric.Metric, p repeat, k int) (float64, error) {
	return m.Of(p.samples.Rows, p.rows.Rows, p.rows.Dim(), j.stream(k))
}

// stream is what metrics draw from in repeat k; floors take the number after the last.
func (j *Judge) stream(k int) noise.Stream {
	return noise.New(j.Seed, noise.Projection).Sub(uint32(k))
}

func (j *Judge) progress(done, total int) {
	if j.Progress != nil {
		j.Progress(done, total)
	}
}

// Class is the distances of one class from the rows of that class.
type Class struct {
	Class     string     `json:"class"`
	N         int        `json:"n"`
	Distances []Distance `json:"distances"`
}

// smallest is the number of samples below which a class is not compared: density and coverage look at five neighbours.
const smallest = 8

// Classes are the distances class by class, as far as a class has rows for a floor of its own.
func (j *Judge) Classes(ctx context.Context, r Rule) ([]Class, error) {
	c := j.field.Spec().Condition
	if c.Kind != flow.Labels {
		return nil, fmt.Errorf("quality: the model has no classes to compare one by one")
	}
	var out []Class
	for k := range c.Classes {
		var index []int
		for i, l := range j.set.Labels {
			if l == int64(k) {
				index = append(index, i)
			}
		}
		n := min(len(index)/2, j.N)
		if n < smallest {
			continue
		}
		name := fmt.Sprint(k)
		if c.Names != nil {
			name = c.Names[k]
		}
		d, err := j.distances(ctx, j.set.Take(index), n, j.Seeds, r)
		if err != nil {
			return nil, fmt.Errorf("class %s: %w", name, err)
		}
		out = append(out, Class{name, n, d})
	}
	if out == nil {
		return nil, fmt.Errorf("quality: no class has the %d rows that a comparison of its own takes", 2*smallest)
	}
	return out, nil
}

// Point is the quality that a rule buys.
type Point struct {
	Solver      string        `json:"solver"`
	Steps       int           `json:"steps,omitempty"`
	Tolerance   float64       `json:"tolerance,omitempty"`
	Evaluations int           `json:"evaluations"` // for each sample, a mean if samples choose steps of their own
	Value       metric.Figure `json:"value"`
}

// Curve is quality against evaluations.
type Curve struct {
	Metric string           `json:"metric"`
	Better metric.Direction `json:"better"`
	Floor  metric.Figure    `json:"floor"`
	Points []Point          `json:"points"`
}

// Curve is a metric of the samples of each rule, in their order.
func (j *Judge) Curve(ctx context.Context, m metric.Metric, rules []Rule) (Curve, error) {
	c := Curve{Metric: m.Name, Better: m.Better}
	var err error
	if c.Floor, err = m.Floor(j.set.Rows, j.classes(j.set), j.set.Dim(), j.N, j.Floors, j.stream(j.Seeds)); err != nil {
		return c, err
	}
	for i, r := range rules {
		values, evaluations := make([]float64, j.Seeds), 0.0
		for k := range values {
			p, err := j.draw(ctx, j.set, j.N, k, r)
			if err != nil {
				return c, err
			}
			if values[k], err = j.measure(m, p, k); err != nil {
				return c, fmt.Errorf("%s in %d steps: %w", r.Name(), r.Steps, err)
			}
			evaluations += p.evaluations / float64(j.Seeds)
			j.progress(i*j.Seeds+k+1, len(rules)*j.Seeds)
		}
		c.Points = append(c.Points, Point{r.Name(), r.Steps, r.Tolerance, int(math.Round(evaluations)), metric.FigureOf(values)})
	}
	return c, nil
}
