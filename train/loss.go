package train

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// Loss is what training lowers, for each row
//
//	weight(t) · ρ(Σ_j w_j d_j²),   d = gain(t) · (network − target)
//
// where target is the predicted quantity's own, gain·(…) the difference measured in the quantity In (flow.Coeffs.Convert: exact, and 1 where In is
// the prediction), w_j the weights of columns in model space and ρ a row of the table of losses. Everything is in the graph; what depends on the
// time alone comes in as columns. The zero value is the squared error of the velocity.
type Loss struct {
	In      flow.Quantity
	Weight  flow.Weight
	Columns []float32 // w_j [D]; nil: ones
	row     *flow.Entry[penalty]
	p       []float64
}

// penalty adds ρ(s) for squared errors s [N] of samples of dim numbers.
type penalty func(b *graph.Builder, p []float64, s *graph.Value, dim int) *graph.Value

var losses = []flow.Entry[penalty]{
	{Name: "squared", Value: func(_ *graph.Builder, _ []float64, s *graph.Value, _ int) *graph.Value { return s }},
	{Name: "pseudo-huber", Default: []float64{0.00054}, Bounds: [][2]float64{{1e-6, 1e3}}, Value: pseudoHuber},
}

// pseudoHuber is √(s + c²) − c with c = p₀·√dim [SD24]: quadratic for errors well below c, linear above, so that far rows pull no harder than near
// ones. The form s/(√(s + c²) + c) is the same without the difference of near numbers.
func pseudoHuber(b *graph.Builder, p []float64, s *graph.Value, dim int) *graph.Value {
	c := p[0] * math.Sqrt(float64(dim))
	return b.Div(s, b.Shift(b.Op("Sqrt", nil, b.Shift(s, c*c)), c))
}

// LossNames are the rows of the table of losses.
func LossNames() []string { return flow.Names(losses) }

// NewLoss is the loss of a configuration on a model's spec.
func NewLoss(c Config, spec flow.Spec) (Loss, error) {
	l, err := c.loss()
	if err == nil {
		l.Columns, err = columnWeights(c.ColumnWeights, spec)
	}
	return l, err
}

// loss is the part of the loss that needs no data.
func (c Config) loss() (l Loss, err error) {
	if l.In, err = flow.ParseQuantity(c.lossIn()); err != nil {
		return l, err
	}
	if l.Weight, err = flow.ParseWeight(c.Weight); err != nil {
		return l, err
	}
	l.row, l.p, err = flow.Lookup("loss", c.Loss, losses)
	return l, err
}

// lossIn is what the loss is measured in: by default the prediction, but for the score, whose errors near the data would count without bound, the
// noise, which is the weight β² of score matching [SO21].
func (c Config) lossIn() string {
	switch {
	case c.LossIn != "":
		return c.LossIn
	case c.Prediction == flow.Score.String():
		return flow.Noise.String()
	}
	return c.Prediction
}

// columnWeights are the weights by column in the order of the spec's columns; nil if none is given.
func columnWeights(by map[string]float64, spec flow.Spec) ([]float32, error) {
	if len(by) == 0 {
		return nil, nil
	}
	names := spec.Columns
	for j := len(names); j < spec.Dim(); j++ {
		names = append(slices.Clip(names), strconv.Itoa(j))
	}
	w := make([]float32, len(names))
	for j, name := range names {
		if w[j] = 1; by[name] > 0 {
			w[j] = float32(by[name])
		}
	}
	for name := range by {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("weight of a column: %w", flow.Unknown("column", name, names[:min(len(names), 20)]))
		}
	}
	return w, nil
}

// column is a number for each row that the loss graph takes, a function of the time.
type column struct {
	name string
	at   func(flow.Coeffs) float64
}

// columns are those of a model's loss, [N 1 ...] each: the path, the target as target_x1·x1 + target_x0·x0 unless that is the same at all times, and gain and
// weight where they are not 1.
func (l Loss) columns(spec flow.Spec) []column {
	list := []column{
		{"alpha", func(c flow.Coeffs) float64 { return c.Alpha }},
		{"beta", func(c flow.Coeffs) float64 { return c.Beta }},
	}
	if _, same := sameTarget(spec); !same {
		list = append(list,
			column{"target_x1", func(c flow.Coeffs) float64 { return c.Row(spec.Prediction)[0] }},
			column{"target_x0", func(c flow.Coeffs) float64 { return c.Row(spec.Prediction)[1] }})
	}
	if l.In != spec.Prediction {
		list = append(list, column{"gain", func(c flow.Coeffs) float64 { _, b := c.Convert(spec.Prediction, l.In); return b }})
	}
	if !l.Weight.None() {
		list = append(list, column{"weight", l.Weight.At})
	}
	return list
}

// sameTarget is the target as a combination of (x1, x0) if that does not depend on the time: of x1 and noise, and of the velocity of straight paths.
func sameTarget(spec flow.Spec) (row [2]float64, same bool) {
	same = spec.Prediction == flow.X1 || spec.Prediction == flow.Noise
	if !same && spec.Prediction == flow.Velocity {
		name, _, ok := flow.Formula(spec.Schedule)
		same = ok && name == "linear"
	}
	if same {
		row = spec.Schedule.At(0).Row(spec.Prediction)
	}
	return row, same
}

// rows adds the loss of each row [N] for the difference d [N D...] of network and target; in are the columns by name.
func (l Loss) rows(b *graph.Builder, spec flow.Spec, d *graph.Value, in map[string]*graph.Value) *graph.Value {
	if gain := in["gain"]; gain != nil {
		d = b.Mul(d, gain)
	}
	square := b.Mul(d, d)
	if l.Columns != nil {
		square = b.Mul(square, b.NamedConst("column_weights", tensor.Of(l.Columns, spec.Dims...)))
	}
	axes := make([]int, len(spec.Dims))
	for i := range axes {
		axes[i] = i + 1
	}
	rows := b.ReduceSum(square, false, axes...)
	if l.row != nil {
		rows = l.row.Value(b, l.p, rows, spec.Dim())
	}
	if w := in["weight"]; w != nil {
		rows = b.Mul(rows, b.Reshape(w, b.Ints(-1)))
	}
	return rows
}
