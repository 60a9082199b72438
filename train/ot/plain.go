package ot

import "math"

// Plain solves the assignment problem by shortest augmenting paths from an empty start: Solver without its heuristics, and its twin in tests.
type Plain struct {
	u, v  []float64 // dual prices of rows and columns
	dist  []float64
	rowOf []int // row of a column, −1: none
	from  []int // column before a column on the cheapest path
	done  []bool
	colOf []int
}

// Assign returns what Solver.Assign returns; where several permutations cost the same it may choose another.
func (s *Plain) Assign(cost []float64, n int) []int {
	s.grow(n)
	for i := range n {
		s.augment(cost, n, i)
	}
	for j, i := range s.rowOf[:n] {
		s.colOf[i] = j
	}
	return s.colOf[:n]
}

func (s *Plain) grow(n int) {
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
func (s *Plain) augment(cost []float64, n, i int) {
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
func (s *Plain) relax(c []float64, row, j0 int) int {
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
