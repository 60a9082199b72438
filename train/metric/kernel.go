package metric

import (
	"fmt"
	"math"
	"slices"
)

// Energy is the energy distance of two sets of points [n, dim] and [m, dim] [SR13]:
//
//	2 E|x − y| − E|x − x′| − E|y − y′|
//
// with means over all pairs, a point with itself included: it is then at least 0, and 0 only for equal sets.
func Energy(x, y []float32, dim int) (float64, error) {
	if err := check("energy distance", x, y, dim); err != nil {
		return 0, err
	}
	n, m := float64(len(x)/dim), float64(len(y)/dim)
	return 2*across(x, y, dim, math.Sqrt)/(n*m) - 2*within(x, dim, math.Sqrt)/(n*n) - 2*within(y, dim, math.Sqrt)/(m*m), nil
}

// MMD is the unbiased estimate of the squared maximum mean discrepancy of two sets of points [n, dim] and [m, dim] [GR12]:
//
//	E k(x, x′) + E k(y, y′) − 2 E k(x, y),   k(a, b) = exp(−|a − b|²/2σ²)
//
// with means over pairs of different points and σ the median distance of two points of y, so that figures against the same data compare. It is 0 on
// average, and negative about half the time, for sets from one distribution. At most AssignmentLimit points of y; at least 2 in each set, not all of y equal.
func MMD(x, y []float32, dim int) (float64, error) {
	if err := check("MMD", x, y, dim); err != nil {
		return 0, err
	}
	n, m := float64(len(x)/dim), float64(len(y)/dim)
	if n < 2 || m < 2 || m > AssignmentLimit {
		return 0, fmt.Errorf("metric: MMD of %g and %g points: want at least 2 of each and at most %d of the data", n, m, AssignmentLimit)
	}
	sigma2 := medianSquare(y, dim)
	if sigma2 == 0 {
		return 0, fmt.Errorf("metric: MMD: half the data points are equal, so their median distance is 0 and gives no kernel")
	}
	k := func(d2 float64) float64 { return math.Exp(-d2 / (2 * sigma2)) }
	return 2*within(x, dim, k)/(n*(n-1)) + 2*within(y, dim, k)/(m*(m-1)) - 2*across(x, y, dim, k)/(n*m), nil
}

// medianSquare is the median squared distance of two different points.
func medianSquare(x []float32, dim int) float64 {
	n := len(x) / dim
	all := make([]float32, 0, n*(n-1)/2)
	within(x, dim, func(d2 float64) float64 {
		all = append(all, float32(d2))
		return 0
	})
	slices.Sort(all)
	return float64(all[len(all)/2])
}

// across is Σ f(|x_i − y_j|²) over all pairs.
func across(x, y []float32, dim int, f func(d2 float64) float64) float64 {
	sum := 0.0
	for i := 0; i < len(x); i += dim {
		row := 0.0
		for j := 0; j < len(y); j += dim {
			row += f(square(x[i:i+dim], y[j:j+dim]))
		}
		sum += row
	}
	return sum
}

// within is Σ f(|x_i − x_j|²) over the pairs i < j.
func within(x []float32, dim int, f func(d2 float64) float64) float64 {
	sum := 0.0
	for i := 0; i < len(x); i += dim {
		row := 0.0
		for j := 0; j < i; j += dim {
			row += f(square(x[i:i+dim], x[j:j+dim]))
		}
		sum += row
	}
	return sum
}

// square is |a − b|².
func square(a, b []float32) float64 {
	sum := 0.0
	for d, v := range a {
		e := float64(v) - float64(b[d])
		sum += e * e
	}
	return sum
}
