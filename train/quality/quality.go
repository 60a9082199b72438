package quality

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/solver"
	"fmtool/train/data"
	"fmtool/train/metric"
)

// Options are what a comparison takes. The zero value is a good choice.
type Options struct {
	N        int                   // samples a repeat; 0: 1,000, or half the rows of the data if these are fewer
	Seeds    int                   // repeats; 0: 1
	Seed     uint64                // of the first repeat, the next has the next
	Floors   int                   // repeats of a floor; 0: 5
	Source   *data.Set             // rows that samples start at, in data units, for a field that does not start at noise; nil for others
	Grid     *flow.Grid            // where given steps lie; nil: the field's own
	Follow   Follow                // what samples of a rule follow, such as a guided field; nil: the field itself
	Metrics  []metric.Metric       // nil: all of metric.Sets that can be had of N points, but the slow "w1" and "sinkhorn"
	Progress func(done, total int) // called after each sampling
}

// Follow is the field that samples of a rule follow, a new one each time.
type Follow func(r Rule) (runtime.VelocityField, error)

// defaultSamples is N where it is not given.
const defaultSamples = 1000

// Judge compares the samples of a field with data.
type Judge struct {
	Options
	field runtime.VelocityField
	set   *data.Set // data units, labels in the field's numbers
	spent float64
}

// Spent is the evaluations of the field, both branches of guidance counted, for each sample of the last sampling.
func (j *Judge) Spent() float64 { return j.spent }

// New checks that field and data go together: the same columns, and the labels or vectors that a conditional field is conditioned on.
func New(field runtime.VelocityField, set *data.Set, o Options) (*Judge, error) {
	spec := field.Spec()
	if !slices.Equal(spec.Dims, set.Dims) {
		return nil, fmt.Errorf("quality: rows of the data have dimensions %v, samples of the model %v; choose the model's columns", set.Dims, spec.Dims)
	}
	set, err := Conditioned(spec.Condition, set)
	if err != nil {
		return nil, err
	}
	if o.Seeds < 0 || o.N < 0 || o.Floors < 0 {
		return nil, fmt.Errorf("quality: %d samples, %d seeds, %d floors: want positive numbers", o.N, o.Seeds, o.Floors)
	}
	if o.N == 0 {
		o.N = min(defaultSamples, set.Len()/2)
	}
	if o.N < 1 || set.Len() < 2*o.N {
		return nil, fmt.Errorf("quality: %d rows of data give a floor for at most %d samples, got %d; use fewer, or more data", set.Len(), set.Len()/2, o.N)
	}
	if err := checkSource(spec, o.Source, o.N); err != nil {
		return nil, err
	}
	if o.Seeds == 0 {
		o.Seeds = 1
	}
	if o.Floors == 0 {
		o.Floors = 5
	}
	if o.Metrics == nil {
		o.Metrics = usual(o.N)
	}
	for _, m := range o.Metrics {
		if m.Limit > 0 && o.N > m.Limit {
			return nil, fmt.Errorf("quality: %s takes at most %d samples, got %d", m.Name, m.Limit, o.N)
		}
	}
	return &Judge{Options: o, field: field, set: set}, nil
}

// usual are the metrics for n points that are computed unless others are asked for.
func usual(n int) []metric.Metric {
	var out []metric.Metric
	for _, m := range metric.Sets {
		if m.Name != "w1" && m.Name != "sinkhorn" && (m.Limit == 0 || n <= m.Limit) {
			out = append(out, m)
		}
	}
	return out
}

// Conditioned is the set with its labels in the numbers of the condition's classes, which are matched by name.
func Conditioned(c flow.Condition, set *data.Set) (*data.Set, error) {
	switch {
	case c.Kind == flow.Vector && len(set.Given) != c.Width:
		return nil, fmt.Errorf("quality: the model is conditioned on %d numbers (%q), the data give %d (%q)", c.Width, c.Names, len(set.Given), set.Given)
	case c.Kind == flow.Labels && set.Labels == nil:
		return nil, errors.New("quality: the model is conditioned on classes and the data have no labels; name their column with --label")
	case c.Kind != flow.Labels || c.Names == nil && set.Classes == nil:
		return set, nil
	}
	number := map[string]int64{}
	for k, name := range c.Names {
		number[name] = int64(k)
	}
	out := *set
	out.Labels = make([]int64, len(set.Labels))
	for i, l := range set.Labels {
		k, ok := number[set.Classes[l]]
		if !ok {
			return nil, fmt.Errorf("quality: row %d of the data: %w", i+1, flow.Unknown("class of the model", set.Classes[l], c.Names))
		}
		out.Labels[i] = k
	}
	out.Classes = c.Names
	return &out, nil
}

// Rule is a solver and its number of steps, or a tolerance.
type Rule struct {
	Method    solver.Tableau
	Steps     int
	Tolerance float64      // above 0: dopri5 with steps of each sample's own, the tolerance relative and absolute
	SDE       *runtime.SDE // with noise on the way, by its own method in place of Method; nil: without
}

// Name is the solver's.
func (r Rule) Name() string {
	switch {
	case r.Tolerance > 0:
		return "dopri5, adaptive"
	case r.SDE != nil:
		return r.SDE.Method.Name
	}
	return r.Method.Name
}

// Stages are the evaluations of a step.
func (r Rule) Stages() int {
	if r.SDE != nil {
		return r.SDE.Method.Stages()
	}
	return r.Method.Stages()
}

// Evaluations of the field for each sample, by given steps.
func (r Rule) Evaluations() int { return r.Steps * r.Stages() }

// Spending is the rule with as many steps as spend exactly n evaluations; false if no number of steps does.
func (r Rule) Spending(n int) (Rule, bool) {
	r.Steps = n / r.Stages()
	return r, n > 0 && n%r.Stages() == 0
}

// Sampler draws samples of a field by the rule.
func (r Rule) Sampler(f runtime.VelocityField, seed uint64) runtime.Sampler {
	s := runtime.Sampler{Field: f, Method: r.Method, SDE: r.SDE, Steps: r.Steps, Seed: seed}
	if r.Tolerance > 0 {
		s.Adaptive = &solver.Adaptive{RTol: r.Tolerance, ATol: r.Tolerance}
	}
	return s
}

// Budgets are the rules that spend exactly the given numbers of evaluations; those that a method cannot spend are left out.
func Budgets(methods []solver.Tableau, evaluations []int) []Rule {
	var out []Rule
	for _, m := range methods {
		for _, n := range evaluations {
			if r, ok := (Rule{Method: m}).Spending(n); ok {
				out = append(out, r)
			}
		}
	}
	return out
}

// repeat is one sampling beside the rows it is compared with, and what it cost.
type repeat struct {
	samples, rows *data.Set
	evaluations   float64 // a sample, on average
}

// sampler draws n samples by a rule.
func (j *Judge) sampler(r Rule, seed uint64, n int) (runtime.Sampler, error) {
	s := r.Sampler(j.field, seed)
	s.Grid, s.Source = j.Grid, j.start(seed, n)
	var err error
	if j.Follow != nil {
		s.Field, err = j.Follow(r)
	}
	return s, err
}

// shuffled are all rows of a set in the order that a repeat takes them.
func shuffled(set *data.Set, seed uint64) []int {
	perm := make([]int, set.Len())
	noise.New(seed, noise.Comparison).Perm(perm)
	return perm
}

// draw makes n samples by a rule for repeat k, beside as many random rows of set.
func (j *Judge) draw(ctx context.Context, set *data.Set, n, k int, r Rule) (repeat, error) {
	seed := j.Seed + uint64(k)
	rows := set.Take(shuffled(set, seed)[:n])
	samples := tensor.New(tensor.Float32, n, set.Dim())
	s, err := j.sampler(r, seed, n)
	if err != nil {
		return repeat{}, err
	}
	stats, err := s.Sample(ctx, samples, Condition(j.field.Spec().Condition, rows))
	if err != nil {
		return repeat{}, err
	}
	if g, guided := s.Field.(*runtime.Guided); guided {
		stats.Mean = float64(g.Rows()) / float64(n)
	}
	j.spent = stats.Mean
	out := *rows
	out.Rows = samples.Float32()
	return repeat{&out, rows, stats.Mean}, nil
}

// Condition is the condition of each row of a set as a field takes it.
func Condition(c flow.Condition, rows *data.Set) tensor.Tensor {
	switch c.Kind {
	case flow.Labels:
		return tensor.Of(rows.Labels, rows.Len())
	case flow.Vector:
		return tensor.Of(rows.Vectors, rows.Len(), c.Width)
	}
	return tensor.Tensor{}
}
