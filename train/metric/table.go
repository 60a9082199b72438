package metric

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"fmtool/models/flow"
	"fmtool/models/noise"
)

// Direction says which values of a metric are good.
type Direction string

// The directions. Half is the accuracy of a coin: a classifier that does worse has found copies.
const (
	Lower  Direction = "lower"
	Higher Direction = "higher"
	One    Direction = "near 1"
	Half   Direction = "near 0.5"
	Zero   Direction = "near 0"
)

// Metric compares samples x with data y.
type Metric struct {
	Name    string
	Formula string
	Better  Direction
	Source  string // key of the README's references
	Equal   bool   // wants equally many points in both sets
	Limit   int    // most points in a set, 0: any number
	// Of is the value for points x [n, dim] and y [m, dim]. The stream serves those that draw.
	Of func(x, y []float32, dim int, s noise.Stream) (float64, error)
}

// Sets is the table of metrics between sets of points.
var Sets = []Metric{
	{"w1", "least mean |x − y| of a pairing", Lower, "PC19", true, AssignmentLimit, plain(W1)},
	{"w2", "√ least mean |x − y|² of a pairing", Lower, "PC19", true, AssignmentLimit, plain(W2)},
	{"sliced-w2", "√ mean over 256 directions of the squared 1-D W2", Lower, "BO15", true, 0,
		func(x, y []float32, dim int, s noise.Stream) (float64, error) { return SlicedW2(x, y, dim, 256, s) }},
	{"sinkhorn", "entropic W2² without its bias, ε = 0.05 E|y − y′|²", Lower, "FE19", true, AssignmentLimit, plain(Sinkhorn)},
	{"energy", "2 E|x − y| − E|x − x′| − E|y − y′|", Lower, "SR13", false, 0, plain(Energy)},
	{"mmd", "unbiased MMD² of exp(−|·|²/2σ²), σ the median distance of data points", Zero, "GR12", false, AssignmentLimit, plain(MMD)},
	{"c2st", "leave-one-out accuracy of the nearest neighbour in telling x from y", Half, "LO17", true, 0, plain(C2ST)},
	{"density", "mean number of balls around data points that hold a sample, over 5", One, "NA20", false, 0, plain(Density)},
	{"coverage", "share of the balls around data points that hold a sample", Higher, "NA20", false, 0, plain(Coverage)},
}

// plain is a function that draws nothing as one that may.
func plain(f func(x, y []float32, dim int) (float64, error)) func([]float32, []float32, int, noise.Stream) (float64, error) {
	return func(x, y []float32, dim int, _ noise.Stream) (float64, error) { return f(x, y, dim) }
}

// Parse returns the metric of a name.
func Parse(name string) (Metric, error) {
	for _, m := range Sets {
		if m.Name == name {
			return m, nil
		}
	}
	return Metric{}, fmt.Errorf("metric: %w", flow.Unknown("metric", name, Names()))
}

// Names are those of the table, in its order.
func Names() []string {
	var names []string
	for _, m := range Sets {
		names = append(names, m.Name)
	}
	return names
}

// Figure is a mean and a standard deviation over Of repeats.
type Figure struct {
	Mean float64 `json:"mean"`
	Std  float64 `json:"std"`
	Of   int     `json:"of"`
}

// FigureOf is the figure of values.
func FigureOf(values []float64) Figure {
	mean, std := MeanStd(values)
	return Figure{mean, std, len(values)}
}

// String is mean ± deviation, or the value alone if there is one.
func (f Figure) String() string {
	if f.Of < 2 {
		return number(f.Mean)
	}
	return number(f.Mean) + " ± " + number(f.Std)
}

// number has about four digits, without an exponent where none is needed.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1000:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.2f", v)
	case a >= 1:
		return fmt.Sprintf("%.3f", v)
	case a >= 0.00005 || a == 0:
		return fmt.Sprintf("%.4f", v)
	}
	return fmt.Sprintf("%.0e", v)
}

// Floor is the sampling floor: the metric between two halves of the rows, each of n, over repeats. See Halves.
func (m Metric) Floor(rows []float32, labels []int64, dim, n, repeats int, s noise.Stream) (Figure, error) {
	values := make([]float64, repeats)
	for k := range values {
		x, y, err := Halves(rows, labels, dim, n, s.Sub(uint32(2*k)))
		if err != nil {
			return Figure{}, err
		}
		if values[k], err = m.Of(x, y, dim, s.Sub(uint32(2*k+1))); err != nil {
			return Figure{}, err
		}
	}
	return FigureOf(values), nil
}

// Halves are two disjoint random subsets of n of the rows [N, dim], N ≥ 2n. With labels, which may be nil, both hold as many rows of each class, as far as
// there are enough: that is what samples drawn for the labels of some rows have to be compared with.
func Halves(rows []float32, labels []int64, dim, n int, s noise.Stream) (x, y []float32, err error) {
	if dim < 1 || n < 1 || len(rows)/dim < 2*n {
		return nil, nil, fmt.Errorf("metric: two disjoint sets of %d from %d numbers in %d dimensions: want %d rows", n, len(rows), dim, 2*n)
	}
	perm := make([]int, len(rows)/dim)
	s.Perm(perm)
	a, b := pairs(perm, labels)
	return take(rows, dim, a[:n]), take(rows, dim, b[:n]), nil
}

// pairs deals rows in two: each waits for the next of its class, and those left over at the end pair up in the order of their classes.
func pairs(perm []int, labels []int64) (a, b []int) {
	waiting := map[int64]int{}
	for _, i := range perm {
		class := int64(0)
		if labels != nil {
			class = labels[i]
		}
		if first, ok := waiting[class]; ok {
			a, b = append(a, first), append(b, i)
			delete(waiting, class)
		} else {
			waiting[class] = i
		}
	}
	left := slices.Sorted(maps.Keys(waiting))
	for k := 0; k+1 < len(left); k += 2 {
		a, b = append(a, waiting[left[k]]), append(b, waiting[left[k+1]])
	}
	return a, b
}

func take(rows []float32, dim int, index []int) []float32 {
	out := make([]float32, 0, len(index)*dim)
	for _, i := range index {
		out = append(out, rows[i*dim:(i+1)*dim]...)
	}
	return out
}
