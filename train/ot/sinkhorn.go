package ot

import (
	"math"
	"slices"
)

// Sinkhorn solves the entropic problem between n points and n points of equal weight [CU13],
//
//	minimise Σ P·cost + ε Σ P (ln P − 1)   over P ≥ 0 with rows and columns summing to 1 (each point's weight counted as 1),
//	P = exp((f_i + g_j − cost)/ε),
//
// by exact steps in f and g in turn. The first is taken in the log domain, where no cost underflows; then factors a, b scale the plan of the potentials, which
// absorb them before they grow large: the same steps, at a product in place of an exponential. The zero value is ready.
type Sinkhorn struct {
	f, g   []float64 // potentials over ε
	a, b   []float64 // factors beside them
	plan   []float64 // exp(f + g − cost/ε)
	k      []float64 // the perturbed log kernel
	u      []float32
	solver Solver
}

// When the steps stop: rows sum to 1 within tolerance, columns having been made to, or after so many; and how large a factor may grow.
const (
	sinkhornTolerance = 1e-3
	sinkhornSteps     = 500
	sinkhornDrift     = 1e30
)

// Plan computes the potentials at the regularisation ε = epsilon times the mean cost and writes ln P into dst [n, n]. It returns the steps taken and the largest
// deviation of a row's sum from 1.
func (s *Sinkhorn) Plan(dst, cost []float64, n int, epsilon float64) (steps int, deviation float64) {
	s.f, s.g = slices.Grow(s.f[:0], n)[:n], slices.Grow(s.g[:0], n)[:n]
	s.a, s.b, s.plan = slices.Grow(s.a[:0], n)[:n], slices.Grow(s.b[:0], n)[:n], slices.Grow(s.plan[:0], n*n)[:n*n]
	for i := range n {
		s.f[i], s.g[i], s.a[i], s.b[i] = 0, 0, 1, 1
	}
	logKernel(dst, cost, n, epsilon)
	s.rows(dst, n)
	s.columns(dst, n)
	s.absorb(dst, n)
	for steps = 1; ; steps++ {
		deviation = s.scaleRows(n)
		if deviation <= sinkhornTolerance || steps == sinkhornSteps {
			break
		}
		s.scaleColumns(n)
		if slices.Max(s.a) > sinkhornDrift || slices.Min(s.a) < 1/sinkhornDrift || slices.Max(s.b) > sinkhornDrift || slices.Min(s.b) < 1/sinkhornDrift {
			s.absorb(dst, n)
		}
	}
	s.absorb(dst, n)
	for i, k := range dst[:n*n] {
		dst[i] = k + s.f[i/n] + s.g[i%n]
	}
	return steps, deviation
}

// logKernel writes −cost/ε, ε = epsilon times the mean cost.
func logKernel(dst, cost []float64, n int, epsilon float64) {
	mean := 0.0
	for _, c := range cost[:n*n] {
		mean += c / float64(n*n)
	}
	scale := 1 / (epsilon * mean)
	if mean == 0 {
		scale = 0 // all points are one: every pairing is as good
	}
	for i, c := range cost[:n*n] {
		dst[i] = -c * scale
	}
}

// absorb moves the factors a and b into the potentials and computes the plan of these anew.
func (s *Sinkhorn) absorb(k []float64, n int) {
	for i := range n {
		s.f[i] += math.Log(s.a[i])
		s.g[i] += math.Log(s.b[i])
		s.a[i], s.b[i] = 1, 1
	}
	for i := range n {
		for j := range n {
			s.plan[i*n+j] = math.Exp(k[i*n+j] + s.f[i] + s.g[j])
		}
	}
}

// scaleRows sets a so that the rows of a·plan·b sum to 1 and returns by how much they did not.
func (s *Sinkhorn) scaleRows(n int) (deviation float64) {
	for i, ai := range s.a {
		sum := 0.0
		for j, p := range s.plan[i*n : i*n+n] {
			sum += p * s.b[j]
		}
		deviation = max(deviation, math.Abs(ai*sum-1))
		s.a[i] = 1 / sum
	}
	return deviation
}

// scaleColumns sets b so that the columns do.
func (s *Sinkhorn) scaleColumns(n int) {
	clear(s.b)
	for i, ai := range s.a {
		for j, p := range s.plan[i*n : i*n+n] {
			s.b[j] += p * ai
		}
	}
	for j, sum := range s.b {
		s.b[j] = 1 / sum
	}
}

// rows sets f so that rows sum to 1.
func (s *Sinkhorn) rows(k []float64, n int) {
	for i := range n {
		s.f[i] = -logSum(k[i*n:i*n+n], 1, s.g)
	}
}

// columns sets g so that columns sum to 1.
func (s *Sinkhorn) columns(k []float64, n int) {
	for j := range n {
		s.g[j] = -logSum(k[j:], n, s.f)
	}
}

// logSum is ln Σ exp(k[i·stride] + p[i]).
func logSum(k []float64, stride int, p []float64) float64 {
	top := math.Inf(-1)
	for i, pi := range p {
		top = max(top, k[i*stride]+pi)
	}
	sum := 0.0
	for i, pi := range p {
		if d := k[i*stride] + pi - top; d > -40 { // the rest is below the rounding of the sum
			sum += math.Exp(d)
		}
	}
	return top + math.Log(sum)
}

// Draw returns a random permutation, about one of the Gibbs distribution ∝ exp(−Σ cost[i, perm[i]]/ε), whose pairs the plan P approximates: the one that
// maximises Σ ln P[i, perm[i]] + G[i, perm[i]] with independent Gumbel noise G (perturb and maximise, [PY11]). The potentials in ln P add the same to every
// permutation, so that −cost/ε stands in its place and the plan itself need not be computed. Drawing each row's partner by its row of P would repeat
// some points of a block and drop others; a permutation keeps both marginals in every block. It tends to the optimal pairing as ε → 0 and to a uniform
// one as ε → ∞. The noise is random's n² numbers from pos on. The slice is valid until the next call.
func (s *Sinkhorn) Draw(cost []float64, n int, epsilon float64, random Uniforms, pos uint64) []int {
	s.k, s.u = slices.Grow(s.k[:0], n*n)[:n*n], slices.Grow(s.u[:0], n*n)[:n*n]
	logKernel(s.k, cost, n, epsilon)
	random.Uniforms(s.u, pos)
	for i, u := range s.u {
		s.k[i] = -s.k[i] + math.Log(-math.Log(float64(u)+0x1p-25)) // a cost: −(ln P + G), G = −ln(−ln u)
	}
	return s.solver.Assign(s.k, n)
}
