// Package metric measures how far samples are from data.
//
// A distance between two finite samples is not zero even if both come from the same distribution: compare every figure with its sampling floor, the
// same distance between two true samples of that size.
//
//	d := metric.W2(samples, fresh, 2)
//	floor := metric.W2(other, fresh, 2) // true rows against true rows
package metric

import (
	"fmt"
	"math"
	"slices"

	"fmtool/models/noise"
	"fmtool/train/ot"
)

// W2 is the 2-Wasserstein distance of two sets of equally many points [n, dim], √(least mean squared distance of a pairing), by exact
// assignment: O(n³), half a second for 1,000 points.
func W2(x, y []float32, dim int) (float64, error) {
	if err := check("W2", x, y, dim); err != nil {
		return 0, err
	}
	n := len(x) / dim
	cost := make([]float64, n*n)
	ot.SquaredDistances(cost, x, y, dim)
	var s ot.Solver
	sum := 0.0
	for i, j := range s.Assign(cost, n) {
		sum += cost[i*n+j]
	}
	return math.Sqrt(sum / float64(n)), nil
}

// SlicedW2 is the root mean square over projections random directions of the 2-Wasserstein distance in one dimension, where sorting solves the
// transport; equally many points [n, dim].
func SlicedW2(x, y []float32, dim, projections int, s noise.Stream) (float64, error) {
	if err := check("sliced W2", x, y, dim); err != nil {
		return 0, err
	}
	direction := make([]float32, dim)
	a, b := make([]float64, len(x)/dim), make([]float64, len(x)/dim)
	sum := 0.0
	for p := range projections {
		s.Sub(uint32(p)).Normals(direction, 0)
		project(a, x, direction)
		project(b, y, direction)
		for i := range a {
			sum += (a[i] - b[i]) * (a[i] - b[i])
		}
	}
	return math.Sqrt(sum / float64(projections*len(a))), nil
}

// check refuses sets of different sizes and numbers that are not finite, which no pairing can be measured by.
func check(what string, x, y []float32, dim int) error {
	if dim < 1 || len(x) != len(y) || len(x) == 0 || len(x)%dim != 0 {
		return fmt.Errorf("metric: %s of %d and %d numbers in %d dimensions: want equally many points", what, len(x), len(y), dim)
	}
	for _, set := range [][]float32{x, y} {
		for i, v := range set {
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				return fmt.Errorf("metric: %s: point %d holds %g, no finite number", what, i/dim, v)
			}
		}
	}
	return nil
}

// project writes the sorted coordinates of points along a direction.
func project(dst []float64, x, direction []float32) {
	norm := 0.0
	for _, d := range direction {
		norm += float64(d) * float64(d)
	}
	norm = math.Sqrt(norm)
	for i := range dst {
		dst[i] = 0
		for j, d := range direction {
			dst[i] += float64(d) / norm * float64(x[i*len(direction)+j])
		}
	}
	slices.Sort(dst)
}

// Nearest returns for each point of x [n, dim] the index of the closest of y [m, dim] and the distance to it. A point of x is never matched with the
// row of y that skip gives for it (−1: none); leave-one-out distances of a set skip the row itself. nil skips nothing. A point that is not finite has no
// neighbour: index −1, infinitely far.
func Nearest(x, y []float32, dim int, skip func(i int) int) (index []int, distance []float64) {
	for i := range len(x) / dim {
		not := -1
		if skip != nil {
			not = skip(i)
		}
		best, at := math.Inf(1), -1
		p := x[i*dim : (i+1)*dim]
		for j := range len(y) / dim {
			if j == not {
				continue
			}
			sum := 0.0
			for d, v := range y[j*dim : (j+1)*dim] {
				e := float64(p[d]) - float64(v)
				sum += e * e
			}
			if sum < best {
				best, at = sum, j
			}
		}
		index, distance = append(index, at), append(distance, math.Sqrt(best))
	}
	return index, distance
}

// Agreement is the fraction of points of x whose nearest neighbour among y carries the wanted label.
func Agreement(x []float32, want []int64, y []float32, labels []int64, dim int) float64 {
	index, _ := Nearest(x, y, dim, nil)
	hits := 0
	for i, j := range index {
		if j >= 0 && labels[j] == want[i] {
			hits++
		}
	}
	return float64(hits) / float64(len(index))
}

// Novelty is the median distance from points of x to the closest of the training rows over the leave-one-out median of the rows themselves: near 0
// for copies, near 1 for new rows of the same distribution, above for blur or noise.
func Novelty(x, rows []float32, dim int) float64 {
	_, d := Nearest(x, rows, dim, nil)
	_, own := Nearest(rows, rows, dim, func(i int) int { return i })
	return Median(d) / Median(own)
}

// Median is the middle of the values, the mean of the two middle ones for an even count.
func Median(values []float64) float64 {
	s := slices.Clone(values)
	slices.Sort(s)
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// MeanStd is the mean and the standard deviation (n−1) of values, such as a floor over several seeds.
func MeanStd(values []float64) (mean, std float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		std += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(std / float64(max(len(values)-1, 1)))
}
