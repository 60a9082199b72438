package flow

import (
	"math"
	"strings"
	"sync"

	"gonum.org/v1/gonum/interp"
	"gonum.org/v1/gonum/mathext"
)

// Times is a distribution of the time on [0, 1], by its quantile function. Training draws from it; its quantiles k/n are the grid of n sampling
// steps. So what is often is both where training looks and where samplers take their steps.
//
// Drawing is not weighting: a time that is drawn more often counts more, and the loss is not divided by the density, by the convention of [ES24]. The
// minimum over all functions is the same; what a network of finite size gives up differs.
//
// Its text is that of a row, such as logit-normal:0,1 (t = 1/(1+e^−z), z ~ N(0, 1)), with "stratified " before it to draw one time in each of the n
// equal parts of probability of a batch of n, in place of n independent ones; "stratified" alone is stratified uniform. See table rows for the
// formulas.
type Times struct {
	row        *Entry[quantile] // nil: uniform
	p          []float64
	stratified bool
	draw       func(q float64) float64 // the quantile as training draws it; nil: Quantile
}

// quantile is the inverse distribution function: increasing, from 0 at q = 0 to 1 at q = 1.
type quantile func(p []float64, q float64) float64

var timesTable = []Entry[quantile]{
	{Name: "uniform", Value: func(_ []float64, q float64) float64 { return q }},
	// t = 1/(1 + e^−z), z ~ N(m, s²): the middle of the path more than its ends [ES24].
	{Name: "logit-normal", Default: []float64{0, 1}, Bounds: [][2]float64{{-10, 10}, {0.01, 10}}, Value: logitNormal},
	// density ∝ cosh(a(2t − 1)): the ends more than the middle, as straight paths need [LE24].
	{Name: "u-shaped", Default: []float64{4}, Bounds: [][2]float64{{0.01, 50}}, Value: func(p []float64, q float64) float64 {
		return 0.5 + math.Asinh((2*q-1)*math.Sinh(p[0]))/(2*p[0])
	}},
	// density ∝ t^(a−1) (1 − t)^(b−1).
	{Name: "beta", Default: []float64{2, 2}, Bounds: [][2]float64{{0.05, 50}, {0.05, 50}}, Value: beta},
	{Name: "shift", Default: []float64{3}, Bounds: [][2]float64{{minShift, maxShift}}, Value: func(p []float64, q float64) float64 {
		return shift(p[0], q)
	}},
}

func logitNormal(p []float64, q float64) float64 {
	return 1 / (1 + math.Exp(-p[0]-p[1]*math.Sqrt2*math.Erfinv(2*q-1)))
}

func beta(p []float64, q float64) float64 { return mathext.InvRegIncBeta(p[0], p[1], q) }

// TimesNames are the rows.
func TimesNames() []string { return Names(timesTable) }

const stratifiedText = "stratified"

// ParseTimes reads the text of a distribution; "" is uniform.
func ParseTimes(text string) (Times, error) {
	name, stratified := strings.CutPrefix(text, stratifiedText)
	d := Times{stratified: stratified}
	if name = strings.TrimSpace(name); name == "" || name == "uniform" {
		return d, nil
	}
	var err error
	if d.row, d.p, err = Lookup("distribution of times", name, timesTable); err == nil && d.row.Name == "beta" {
		d.draw = tabled(d.Quantile)
	}
	return d, err
}

// String is the text.
func (d Times) String() string {
	text := "uniform"
	if d.row != nil {
		text = d.row.Text(d.p)
	}
	switch {
	case d.stratified && d.row == nil:
		return stratifiedText
	case d.stratified:
		return stratifiedText + " " + text
	}
	return text
}

// Quantile is the time below which a share q of the probability lies; 0 at q = 0, 1 at q = 1.
func (d Times) Quantile(q float64) float64 {
	if d.row == nil || q <= 0 || q >= 1 {
		return min(max(q, 0), 1)
	}
	return d.row.Value(d.p, q)
}

// Map turns uniform numbers of [0, 1) into times of a batch within [lo, hi], in place.
func (d Times) Map(u []float32, lo, hi float64) {
	draw := d.draw
	if draw == nil {
		draw = d.Quantile
	}
	for i, v := range u {
		q := float64(v)
		if d.stratified {
			q = (float64(i) + q) / float64(len(u))
		}
		u[i] = float32(lo + (hi-lo)*draw(q))
	}
}

// tabled is a quantile function that costs microseconds as a monotone cubic through 512 of its values, made when first asked for, within 1e-4 of
// it: near enough to draw from. The outermost of the parts, where quantiles may bend without bound, are not tabled.
func tabled(f func(q float64) float64) func(q float64) float64 {
	const parts, outer = 512, 4. / 512
	table := sync.OnceValue(func() *interp.FritschButland {
		q, t := make([]float64, parts+1), make([]float64, parts+1)
		for k := range q {
			q[k] = float64(k) / parts
			t[k] = f(q[k])
		}
		c := new(interp.FritschButland)
		c.Fit(q, t) //nolint:errcheck // always nil
		return c
	})
	return func(q float64) float64 {
		if q < outer || q > 1-outer {
			return f(q)
		}
		return table().Predict(q)
	}
}

// Formula names the row of the distribution and its numbers, for those who write its quantiles another way, as a graph.
func (d Times) Formula() (name string, numbers []float64) {
	if d.row == nil {
		return timesTable[0].Name, nil
	}
	return d.row.Name, d.p
}
