package metric

import (
	"fmt"
	"math"

	"fmtool/train/ot"
)

// sinkhornBlur is the regularisation of the Sinkhorn divergence over the mean squared distance of two data points.
const sinkhornBlur = 0.05

// Sinkhorn is the Sinkhorn divergence of two sets of equally many points [n, dim] [FE19]:
//
//	S(x, y) = T(x, y) − ½ T(x, x) − ½ T(y, y)
//
// T the entropic transport cost for |x − y|² at ε = 0.05 E|y − y′|², by Sinkhorn's iterations [CU13]. It tends to the squared W2 as ε falls, is at least 0,
// 0 for equal sets, and costs O(n²) an iteration; at most AssignmentLimit points.
func Sinkhorn(x, y []float32, dim int) (float64, error) {
	if err := paired("Sinkhorn divergence", x, y, dim); err != nil {
		return 0, err
	}
	n := len(x) / dim
	if n > AssignmentLimit {
		return 0, fmt.Errorf("metric: Sinkhorn divergence of %d points: want at most %d; draw a subset, or use the sliced distance", n, AssignmentLimit)
	}
	epsilon := sinkhornBlur * 2 * within(y, dim, func(d2 float64) float64 { return d2 }) / float64(n*n)
	if epsilon == 0 {
		return 0, fmt.Errorf("metric: Sinkhorn divergence: all data points are equal, which gives no scale")
	}
	cost, plan := make([]float64, n*n), make([]float64, n*n)
	sum := 0.0
	for _, t := range []struct {
		a, b   []float32
		weight float64
	}{{x, y, 1}, {x, x, -0.5}, {y, y, -0.5}} {
		ot.SquaredDistances(cost, t.a, t.b, dim)
		sum += t.weight * entropic(plan, cost, n, epsilon)
	}
	return max(sum, 0), nil // rounding may leave less than 0
}

// entropic is the entropic cost of pairing n points with n: the value of the dual problem, mean f + mean g + ε ln n, read off the plan ε ln P = f + g − c.
// Errors of the potentials enter by their squares.
func entropic(plan, cost []float64, n int, epsilon float64) float64 {
	mean := 0.0
	for _, c := range cost {
		mean += c / float64(n*n)
	}
	if mean == 0 {
		return 0 // a set of equal points against itself
	}
	var s ot.Sinkhorn
	s.Plan(plan, cost, n, epsilon/mean)
	sum := 0.0
	for i, c := range cost {
		sum += epsilon*plan[i] + c
	}
	return sum/float64(n*n) + epsilon*math.Log(float64(n))
}
