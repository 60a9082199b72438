package ot

import "math"

// Solver solves assignment problems by the method of Jonker and Volgenant [JV87]: it finds prices u of rows and v of columns and a permutation with
//
//	u[i] + v[j] ≤ cost[i·n + j]      for all i, j, and
//	u[i] + v[j] = cost[i·n + j]      on its pairs,
//
// which proves that no other permutation costs less. Column reduction, reduction transfer and augmenting row reduction pair most rows in O(n²); shortest
// augmenting paths pair the rest. It keeps its working memory, so that repeated calls of one size allocate nothing. The zero value is ready.
type Solver struct {
	u, v  []float64
	dist  []float64 // final distances of columns from the free row, in reduced costs
	open  []float64 // distances of the columns in todo, and
	price []float64 // their prices
	from  []int     // row before a column on the cheapest path
	todo  []int     // columns whose distance is not final
	ready []int     // columns whose distance is
	rowOf []int     // row of a column, −1: none
	colOf []int
	free  []int // rows without a column
}

// Assign returns the permutation that pairs row i with column perm[i] at the least sum of cost[i·n + perm[i]]. Costs must be finite. The slice is valid until the
// next call.
func (s *Solver) Assign(cost []float64, n int) []int {
	s.grow(n)
	s.reduceColumns(cost, n)
	s.transfer(cost, n)
	for range 2 {
		s.reduceRows(cost, n)
	}
	for _, i := range s.free {
		s.augment(cost, n, i)
	}
	for i, j := range s.colOf {
		s.u[i] = cost[i*n+j] - s.v[j]
	}
	return s.colOf
}

// Duals are the prices that prove the last assignment of size n optimal.
func (s *Solver) Duals(n int) (u, v []float64) { return s.u[:n], s.v[:n] }

func (s *Solver) grow(n int) {
	if cap(s.u) < n {
		s.u, s.v, s.dist, s.open, s.price = make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
		s.from, s.todo, s.ready, s.rowOf, s.colOf, s.free = make([]int, n), make([]int, n), make([]int, n), make([]int, n), make([]int, n), make([]int, n)
	}
	s.u, s.v, s.dist, s.from, s.rowOf, s.colOf = s.u[:n], s.v[:n], s.dist[:n], s.from[:n], s.rowOf[:n], s.colOf[:n]
	for i := range n {
		s.rowOf[i], s.colOf[i] = -1, -1
	}
}

// reduceColumns sets v to the least cost of each column and gives the column to that row, if it has none yet.
func (s *Solver) reduceColumns(cost []float64, n int) {
	copy(s.v, cost[:n])
	clear(s.from)
	for i := 1; i < n; i++ {
		for j, c := range cost[i*n : i*n+n] {
			if c < s.v[j] {
				s.v[j], s.from[j] = c, i
			}
		}
	}
	for j := n - 1; j >= 0; j-- {
		if i := s.from[j]; s.colOf[i] < 0 {
			s.colOf[i], s.rowOf[j] = j, i
		} else {
			s.u[i] = math.NaN() // the row is the least of several columns: nothing to transfer
		}
	}
}

// transfer lowers the price of a row's column by what the row's next best column costs more, so that others leave it alone. It lists the free rows.
func (s *Solver) transfer(cost []float64, n int) {
	s.free = s.free[:0]
	for i, own := range s.colOf {
		switch {
		case own < 0:
			s.free = append(s.free, i)
		case s.u[i] == s.u[i] && n > 1:
			best := math.Inf(1)
			for j, c := range cost[i*n : i*n+n] {
				if d := c - s.v[j]; d < best && j != own {
					best = d
				}
			}
			s.v[own] -= best
		}
		s.u[i] = 0
	}
}

// reduceRows lets each free row bid once: it gets its best column at a price just short of its second best, and the row that loses the column is free. That row could
// bid at once, and so on; but rows that want the same few columns outbid each other by ever smaller sums, and for blocks of 64 points in the plane the
// shortest paths that follow are quicker. Two passes of single bids are quickest there.
func (s *Solver) reduceRows(cost []float64, n int) {
	if n < 2 {
		return
	}
	kept := 0
	for _, i := range s.free {
		first, j1, second, j2 := twoBest(cost[i*n:i*n+n], s.v)
		if first < second {
			s.v[j1] -= second - first
		} else if s.rowOf[j1] >= 0 {
			j1 = j2
		}
		loser := s.rowOf[j1]
		s.rowOf[j1], s.colOf[i] = i, j1
		if loser >= 0 {
			s.colOf[loser] = -1
			s.free[kept] = loser
			kept++
		}
	}
	s.free = s.free[:kept]
}

// twoBest returns the least and the second least reduced cost of a row of at least two columns, and where they are.
func twoBest(c, v []float64) (first float64, j1 int, second float64, j2 int) {
	first, second = math.Inf(1), math.Inf(1)
	v = v[:len(c)]
	for j, cj := range c {
		d := cj - v[j]
		if d < second {
			if d < first {
				second, j2 = first, j1
				first, j1 = d, j
			} else {
				second, j2 = d, j
			}
		}
	}
	return first, j1, second, j2
}

// augment gives a free row a column along the cheapest path of reduced costs (Dijkstra's method) and corrects the prices of the columns it passed. The columns whose
// distance is not final lie side by side in todo, with their distances and prices in open and price.
func (s *Solver) augment(cost []float64, n, start int) {
	s.todo, s.open, s.price, s.ready = s.todo[:n], s.open[:n], s.price[:n], s.ready[:0]
	copy(s.price, s.v)
	best, at := math.Inf(1), 0
	for j, c := range cost[start*n : start*n+n] {
		s.todo[j], s.from[j] = j, start
		d := c - s.v[j]
		s.open[j] = d
		if d < best {
			best, at = d, j
		}
	}
	end := -1
	for end < 0 {
		j, last := s.todo[at], len(s.todo)-1
		s.dist[j] = s.open[at]
		s.todo[at], s.open[at], s.price[at] = s.todo[last], s.open[last], s.price[last]
		s.todo, s.open, s.price = s.todo[:last], s.open[:last], s.price[:last]
		if s.rowOf[j] < 0 {
			end = j
		} else {
			s.ready = append(s.ready, j)
			at = s.scan(cost, n, j)
		}
	}
	for _, j := range s.ready {
		s.v[j] += s.dist[j] - s.dist[end]
	}
	for j := end; ; {
		i := s.from[j]
		s.rowOf[j] = i
		j, s.colOf[i] = s.colOf[i], j
		if i == start {
			return
		}
	}
}

// scan updates distances through the row of column j1, whose own is final, and returns the place of the nearest column in todo.
func (s *Solver) scan(cost []float64, n, j1 int) (at int) {
	row := s.rowOf[j1]
	c := cost[row*n : row*n+n]
	h := c[j1] - s.v[j1] - s.dist[j1]
	best := math.Inf(1)
	todo := s.todo
	open, price, from := s.open[:len(todo)], s.price[:len(todo)], s.from[:len(c)]
	for k, j := range todo {
		d, old := c[j]-price[k]-h, open[k]
		if d < old {
			open[k], from[j], old = d, row, d
		}
		if old < best {
			best, at = old, k
		}
	}
	return at
}
