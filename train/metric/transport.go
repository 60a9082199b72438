package metric

import (
	"fmt"
	"math"
	"slices"

	"fmtool/models/noise"
	"fmtool/train/ot"
)

// AssignmentLimit is the most points in a set for which all pairs are held in memory, 128 MiB of them.
const AssignmentLimit = 4096

// W1 is the 1-Wasserstein distance of two sets of equally many points [n, dim], the least mean distance of a pairing, by exact assignment [PC19]: O(n³),
// at most AssignmentLimit points.
func W1(x, y []float32, dim int) (float64, error) {
	return assigned("W1", x, y, dim, math.Sqrt)
}

// W2 is the 2-Wasserstein distance of two sets of equally many points [n, dim], √(least mean squared distance of a pairing), by exact assignment [PC19]:
// O(n³), at most AssignmentLimit points.
func W2(x, y []float32, dim int) (float64, error) {
	v, err := assigned("W2", x, y, dim, func(d2 float64) float64 { return d2 })
	return math.Sqrt(v), err
}

// assigned is the least mean cost(|x − y|²) of a pairing.
func assigned(what string, x, y []float32, dim int, cost func(d2 float64) float64) (float64, error) {
	if err := paired(what, x, y, dim); err != nil {
		return 0, err
	}
	n := len(x) / dim
	if n > AssignmentLimit {
		return 0, fmt.Errorf("metric: %s of %d points: exact assignment takes at most %d; draw a subset, or use the sliced distance", what, n, AssignmentLimit)
	}
	c := make([]float64, n*n)
	ot.SquaredDistances(c, x, y, dim)
	for i, d2 := range c {
		c[i] = cost(d2)
	}
	var s ot.Solver
	sum := 0.0
	for i, j := range s.Assign(c, n) {
		sum += c[i*n+j]
	}
	return sum / float64(n), nil
}

// SlicedW2 is the root mean square over projections random directions of the 2-Wasserstein distance in one dimension, where sorting solves the
// transport [BO15]; equally many points [n, dim].
func SlicedW2(x, y []float32, dim, projections int, s noise.Stream) (float64, error) {
	if err := paired("sliced W2", x, y, dim); err != nil {
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

// paired refuses what check refuses and sets of different sizes.
func paired(what string, x, y []float32, dim int) error {
	if dim < 1 || len(x) != len(y) {
		return fmt.Errorf("metric: %s of %d and %d numbers in %d dimensions: want equally many points", what, len(x), len(y), dim)
	}
	return check(what, x, y, dim)
}

// check refuses sets that are empty or cut within a point, and numbers that are not finite, which no distance can be measured by.
func check(what string, x, y []float32, dim int) error {
	if dim < 1 || len(x) == 0 || len(y) == 0 || len(x)%dim != 0 || len(y)%dim != 0 {
		return fmt.Errorf("metric: %s of %d and %d numbers in %d dimensions: want whole points, at least one in each set", what, len(x), len(y), dim)
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
