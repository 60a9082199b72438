// Package ot pairs the points of two sets: exact and entropic optimal transport between small sets of equally many points.
//
//	var s ot.Solver
//	perm := s.Assign(cost, n) // row i goes with column perm[i], at the least total cost
//
// Between n points and n points of equal weight the optimal plan of Kantorovich's problem is a permutation (Birkhoff), so exact transport is an assignment
// problem, and a pairing repeats no point and drops none. Solver finds it by the method of Jonker and Volgenant [JV87] in O(n³) time; Plain is the
// same without heuristics, for tests. Sinkhorn solves the entropic problem [CU13] and rounds its plan to a permutation. A Coupler applies them to batches in
// blocks, with or without regard to conditions.
//
// What is left out: unbalanced and partial transport, and costs other than the squared Euclidean distance.
package ot

// SquaredDistances writes the costs |x_i − y_j|² of two sets of n points [n, dim] as an n × n matrix.
func SquaredDistances(dst []float64, x, y []float32, dim int) {
	n := len(y) / dim
	if dim == 2 {
		planarDistances(dst, x, y)
		return
	}
	for i := range len(x) / dim {
		p, row := x[i*dim:(i+1)*dim], dst[i*n:(i+1)*n]
		for j := range row {
			q, sum := y[j*dim:][:len(p)], 0.0
			for d, v := range p {
				e := float64(v) - float64(q[d])
				sum += e * e
			}
			row[j] = sum
		}
	}
}

// planarDistances is SquaredDistances in two dimensions.
func planarDistances(dst []float64, x, y []float32) {
	n := len(y) / 2
	for i := range len(x) / 2 {
		a, b, row := float64(x[2*i]), float64(x[2*i+1]), dst[i*n:(i+1)*n]
		for j := range row {
			e, f := a-float64(y[2*j]), b-float64(y[2*j+1])
			row[j] = e*e + f*f
		}
	}
}
