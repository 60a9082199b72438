package ot

import (
	"math"
	"slices"
)

// Method is a way to pair x0 with x1.
type Method int

// The methods. All of them permute: no row is repeated or dropped, as rows drawn from a plan with replacement are.
const (
	// Exact minimises Σ |x0 − x1|² over the pairings of a block: minibatch optimal transport [TO24].
	Exact Method = iota
	// Entropic draws a pairing from the entropic plan of a block; see Sinkhorn.
	Entropic
	// Conditional minimises Σ |x0 − x1|² + w·d(c0, c1) [CH25], where c0 is the condition of the row that x0 was drawn beside: x0 stays independent of the
	// condition, as it is in sampling, which plain transport spoils. For labels d = [c0 ≠ c1] and w = ∞: blocks are made of rows of one
	// class, and every row finds a partner of its own. For vectors d = |c0 − c1|², with w from AcceptanceWeight.
	Conditional
)

// Uniforms writes numbers in [0, 1), one for each position from pos on. A noise.Stream is one.
type Uniforms interface {
	Uniforms(dst []float32, pos uint64)
}

// Coupler pairs the rows of a batch, block by block. It keeps its memory: repeated calls on batches of one size allocate nothing.
type Coupler struct {
	Method  Method
	Block   int      // most rows in a block; a batch is cut into blocks of nearly equal size
	Epsilon float64  // Entropic: regularisation as a fraction of the mean cost
	Ratio   float64  // Conditional on vectors: acceptance ratio
	Random  Uniforms // Entropic: pos counts from 0 in each call of Couple

	solver   Solver
	sinkhorn Sinkhorn
	rows     []int // of the batch, in the order of the blocks
	starts   []int // of the classes
	p, q     []float32
	cost     []float64
	distance []float64
}

// Batch is what is paired: n = len(X1)/Dim rows.
type Batch struct {
	X0, X1  []float32 // [n, Dim]
	Dim     int
	Labels  []int64   // [n] or nil: classes from 0 on
	Vectors []float32 // [n, Width] or nil
	Width   int
}

// Couple writes the pairing: row i of X1 goes with row perm[i] of X0. perm has n numbers.
func (c *Coupler) Couple(perm []int, b Batch) {
	n := len(perm)
	c.rows = slices.Grow(c.rows[:0], n)[:n]
	for i := range c.rows {
		c.rows[i] = i
	}
	c.starts = append(c.starts[:0], 0)
	if c.Method == Conditional && b.Labels != nil {
		c.sortByClass(b.Labels)
	}
	c.starts = append(c.starts, n)
	pos := uint64(0)
	for k, from := range c.starts[:len(c.starts)-1] {
		class := c.rows[from:c.starts[k+1]]
		blocks := (len(class) + c.Block - 1) / c.Block
		for i := range blocks {
			part := class[i*len(class)/blocks : (i+1)*len(class)/blocks]
			for i, j := range c.pair(part, b, pos) {
				perm[part[i]] = part[j]
			}
			pos += uint64(len(part) * len(part))
		}
	}
}

// sortByClass orders the rows by label, keeping their order within a class, and notes where each class begins.
func (c *Coupler) sortByClass(labels []int64) {
	slices.SortStableFunc(c.rows, func(i, j int) int { return int(labels[i] - labels[j]) })
	for k := 1; k < len(c.rows); k++ {
		if labels[c.rows[k]] != labels[c.rows[k-1]] {
			c.starts = append(c.starts, k)
		}
	}
}

// pair returns the pairing of a block: x1 of its row i goes with x0 of its row perm[i].
func (c *Coupler) pair(rows []int, b Batch, pos uint64) []int {
	n := len(rows)
	c.grow(n, b)
	gather(c.p, b.X1, rows, b.Dim)
	gather(c.q, b.X0, rows, b.Dim)
	if c.Method == Exact || c.Method == Conditional && b.Vectors == nil {
		standardise(c.p, b.Dim)
		standardise(c.q, b.Dim)
	}
	SquaredDistances(c.cost, c.p, c.q, b.Dim)
	switch {
	case c.Method == Entropic:
		return c.sinkhorn.Draw(c.cost, n, c.Epsilon, c.Random, pos)
	case c.Method == Conditional && b.Vectors != nil:
		v := c.p[:n*b.Width]
		gather(v, b.Vectors, rows, b.Width)
		SquaredDistances(c.distance, v, v, b.Width)
		w := AcceptanceWeight(c.cost, c.distance, n, c.Ratio)
		for i, d := range c.distance {
			c.cost[i] += w * d
		}
	}
	return c.solver.Assign(c.cost, n)
}

func (c *Coupler) grow(n int, b Batch) {
	width := max(b.Dim, b.Width)
	c.p, c.q = slices.Grow(c.p[:0], n*width)[:n*b.Dim], slices.Grow(c.q[:0], n*b.Dim)[:n*b.Dim]
	c.cost, c.distance = slices.Grow(c.cost[:0], n*n)[:n*n], slices.Grow(c.distance[:0], n*n)[:n*n]
}

// gather copies rows [len(rows), dim].
func gather(dst, src []float32, rows []int, dim int) {
	for i, r := range rows {
		copy(dst[i*dim:(i+1)*dim], src[r*dim:(r+1)*dim])
	}
}

// standardise moves points to mean 0 and scales them, all coordinates alike, to mean square 1. It changes no optimal pairing, since |x − y|² = |x|² + |y|² − 2 x·y
// and Σ |x|² + |y|² is the same for all: only Σ x·y counts, and its order is the same for (x − a)/s and (y − b)/r. But prices start closer to their
// ends: sets far apart, or of different size, take as long as others.
func standardise(x []float32, dim int) {
	n := len(x) / dim
	square := 0.0
	for d := range dim {
		mean := 0.0
		for i := d; i < len(x); i += dim {
			mean += float64(x[i])
		}
		mean /= float64(n)
		for i := d; i < len(x); i += dim {
			v := float64(x[i]) - mean
			x[i] = float32(v)
			square += v * v
		}
	}
	if square == 0 {
		return
	}
	scale := float32(math.Sqrt(float64(n) / square))
	for i := range x {
		x[i] *= scale
	}
}

// Steps and bounds of the search for the weight.
const (
	bisections = 16
	mostWeight = 1e9 // times mean cost over mean distance
)

// AcceptanceWeight is the weight w of condition distances [n, n] beside costs [n, n] at which a fraction ratio of the pairs (i, j) is acceptable, which says that it is no
// dearer than x1's own partner [CH25]:
//
//	#{(i, j): cost[i, j] + w·distance[i, j] ≤ cost[i, i]} = ratio·n²
//
// The fraction falls with w, so doubling and halving find it; w is 0 where it is below ratio without any weight. At the other end it cannot fall below 1/n
// and ties: the largest weight tried is 10⁹ times the mean cost over the mean distance.
func AcceptanceWeight(cost, distance []float64, n int, ratio float64) float64 {
	want := ratio * float64(n*n)
	accepted := func(w float64) float64 {
		count := 0
		for i := range n {
			own := cost[i*n+i]
			d := distance[i*n : i*n+n]
			for j, c := range cost[i*n : i*n+n] {
				if c+w*d[j] <= own {
					count++
				}
			}
		}
		return float64(count)
	}
	sum, far := 0.0, 0.0
	for i, v := range cost {
		sum, far = sum+v, far+distance[i]
	}
	if far == 0 || sum == 0 || accepted(0) <= want {
		return 0
	}
	lo, hi := 0.0, sum/far
	for most := mostWeight * hi; accepted(hi) > want; lo, hi = hi, 2*hi {
		if hi > most {
			return hi
		}
	}
	for range bisections {
		if mid := (lo + hi) / 2; accepted(mid) > want {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}
