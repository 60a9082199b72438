package metric

import (
	"fmt"
	"math"
)

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
			if d2 := square(p, y[j*dim:(j+1)*dim]); d2 < best {
				best, at = d2, j
			}
		}
		index, distance = append(index, at), append(distance, math.Sqrt(best))
	}
	return index, distance
}

// self skips a row itself.
func self(i int) int { return i }

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
	_, own := Nearest(rows, rows, dim, self)
	return Median(d) / Median(own)
}

// C2ST is a classifier two-sample test [LO17] on two sets of equally many points [n, dim], n ≥ 2: the accuracy, leaving one out, of the 1-nearest-neighbour
// classifier that tells x from y. A tie counts half. One distribution gives about 0.5 with deviation below 1/√n, distinct ones 1, and copies of the
// data 0.
func C2ST(x, y []float32, dim int) (float64, error) {
	if err := paired("C2ST", x, y, dim); err != nil {
		return 0, err
	}
	if len(x) < 2*dim {
		return 0, fmt.Errorf("metric: C2ST of one point: want at least 2 in each set")
	}
	return (closer(x, y, dim) + closer(y, x, dim)) / 2, nil
}

// closer is the fraction of points of x that lie closer to another point of x than to any of y.
func closer(x, y []float32, dim int) float64 {
	_, own := Nearest(x, x, dim, self)
	_, other := Nearest(x, y, dim, nil)
	sum := 0.0
	for i, d := range own {
		switch {
		case d < other[i]:
			sum++
		case d == other[i]:
			sum += 0.5
		}
	}
	return sum / float64(len(own))
}

// neighbours is the k of Density and Coverage, the authors' choice.
const neighbours = 5

// Density of samples x [n, dim] among data y [m, dim], m > 5 [NA20]: with B_j the ball around y_j that reaches to its 5th nearest neighbour in y,
//
//	1/(5 n) Σ_i Σ_j [x_i ∈ B_j]
//
// It is 1 on average if both come from one distribution, larger where samples crowd at the modes, smaller where they stray.
func Density(x, y []float32, dim int) (float64, error) {
	inside, err := balls("density", x, y, dim)
	sum := 0
	for _, k := range inside {
		sum += k
	}
	return float64(sum) / float64(neighbours*len(x)/dim), err
}

// Coverage of data y [m, dim], m > 5, by samples x [n, dim] [NA20]: the fraction of the balls B_j of Density that hold a sample. Two samples of one size and
// distribution give about 1 − 2⁻⁵, fewer modes less.
func Coverage(x, y []float32, dim int) (float64, error) {
	inside, err := balls("coverage", x, y, dim)
	hit := 0
	for _, k := range inside {
		hit += min(k, 1)
	}
	return float64(hit) / float64(max(len(inside), 1)), err
}

// balls counts the samples in each ball.
func balls(what string, x, y []float32, dim int) ([]int, error) {
	if err := check(what, x, y, dim); err != nil {
		return nil, err
	}
	if m := len(y) / dim; m <= neighbours {
		return nil, fmt.Errorf("metric: %s of %d data points: want more than %d", what, m, neighbours)
	}
	inside := make([]int, len(y)/dim)
	for j := range inside {
		p, r2 := y[j*dim:(j+1)*dim], reach(y, dim, j)
		for i := 0; i < len(x); i += dim {
			if square(p, x[i:i+dim]) <= r2 {
				inside[j]++
			}
		}
	}
	return inside, nil
}

// reach is the squared distance from point j to its 5th nearest neighbour.
func reach(y []float32, dim, j int) float64 {
	var least [neighbours]float64 // ascending
	for k := range least {
		least[k] = math.Inf(1)
	}
	for i := range len(y) / dim {
		d2 := square(y[j*dim:(j+1)*dim], y[i*dim:(i+1)*dim])
		if i == j || d2 >= least[neighbours-1] {
			continue
		}
		k := neighbours - 1
		for ; k > 0 && least[k-1] > d2; k-- {
			least[k] = least[k-1]
		}
		least[k] = d2
	}
	return least[neighbours-1]
}
