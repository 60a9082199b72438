// Package ot solves optimal transport between small sets exactly, as an assignment problem.
//
//	var s ot.Solver
//	perm := s.Assign(cost, n) // row i goes with column perm[i], at the least total cost
//
// The solver is the shortest-augmenting-path method of Jonker and Volgenant [JV87] without its heuristics: O(n³) time, O(n) memory beside the costs.
package ot

import "math"

// Solver holds the working memory of Assign, so that repeated calls of one size allocate nothing. The zero value is ready.
type Solver struct {
	u, v  []float64 // dual prices of rows and columns
	dist  []float64
	rowOf []int // row of a column, −1: none
	from  []int // column before a column on the cheapest path
	done  []bool
	colOf []int
}

// Assign returns the permutation that pairs row i with column perm[i] at the least sum of cost[i·n + perm[i]]. Costs must be finite. The slice
// is valid until the next call.
func (s *Solver) Assign(cost []float64, n int) []int {
	s.grow(n)
	for i := range n {
		s.augment(cost, n, i)
	}
	for j, i := range s.rowOf[:n] {
		s.colOf[i] = j
	}
	return s.colOf[:n]
}

func (s *Solver) grow(n int) {
	if cap(s.u) < n+1 {
		s.u, s.v, s.dist = make([]float64, n+1), make([]float64, n+1), make([]float64, n+1)
		s.rowOf, s.from, s.colOf, s.done = make([]int, n+1), make([]int, n+1), make([]int, n+1), make([]bool, n+1)
	}
	s.u, s.v, s.dist, s.rowOf, s.from, s.colOf, s.done = s.u[:n+1], s.v[:n+1], s.dist[:n+1], s.rowOf[:n+1], s.from[:n+1], s.colOf[:n+1], s.done[:n+1]
	clear(s.u)
	clear(s.v)
	for j := range s.rowOf {
		s.rowOf[j] = -1
	}
}

// augment gives row i a column along the cheapest path of reduced costs; column n is a root that holds the row.
func (s *Solver) augment(cost []float64, n, i int) {
	for j := range n {
		s.dist[j], s.done[j] = math.Inf(1), false
	}
	s.done[n] = false
	s.rowOf[n] = i
	j0 := n
	for s.rowOf[j0] >= 0 {
		s.done[j0] = true
		row := s.rowOf[j0]
		j1 := s.relax(cost[row*n:row*n+n], row, j0)
		delta := s.dist[j1]
		for j := range s.done {
			if s.done[j] {
				s.u[s.rowOf[j]] += delta
				s.v[j] -= delta
			} else {
				s.dist[j] -= delta
			}
		}
		j0 = j1
	}
	for j0 != n { // turn the path round
		j1 := s.from[j0]
		s.rowOf[j0] = s.rowOf[j1]
		j0 = j1
	}
}

// relax updates the distances by the edges of a row and returns the nearest open column.
func (s *Solver) relax(c []float64, row, j0 int) int {
	best, near := math.Inf(1), -1
	u := s.u[row]
	for j, cj := range c {
		if s.done[j] {
			continue
		}
		if d := cj - u - s.v[j]; d < s.dist[j] {
			s.dist[j], s.from[j] = d, j0
		}
		if s.dist[j] < best {
			best, near = s.dist[j], j
		}
	}
	return near
}

// Duals are the prices that prove the last assignment of size n optimal: u[i] + v[j] ≤ cost[i·n+j], with equality on the pairs.
func (s *Solver) Duals(n int) (u, v []float64) { return s.u[:n], s.v[:n] }

// SquaredDistances writes the costs |x_i − y_j|² of two sets of n points [n, dim] as an n × n matrix.
func SquaredDistances(dst []float64, x, y []float32, dim int) {
	n := len(y) / dim
	for i := range len(x) / dim {
		for j := range n {
			sum := 0.0
			for d := range dim {
				e := float64(x[i*dim+d]) - float64(y[j*dim+d])
				sum += e * e
			}
			dst[i*n+j] = sum
		}
	}
}
