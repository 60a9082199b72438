package ot_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"fmtool/models/noise"
	"fmtool/train/ot"
)

func Example() {
	var s ot.Solver
	fmt.Println(s.Assign([]float64{
		4, 1, 3,
		2, 0, 5,
		3, 2, 2,
	}, 3))
	// Output: [1 0 2]
}

func random(n int, seed uint64) []float64 {
	f := make([]float32, n*n)
	noise.New(seed, noise.Probe).Normals(f, 0)
	c := make([]float64, n*n)
	for i, v := range f {
		c[i] = math.Round(float64(v)*8) / 8 // ties happen
	}
	return c
}

func total(c []float64, perm []int) float64 {
	sum := 0.0
	for i, j := range perm {
		sum += c[i*len(perm)+j]
	}
	return sum
}

// On small problems no permutation is cheaper.
func TestAssignAgainstBruteForce(t *testing.T) {
	var s ot.Solver
	for n := 1; n <= 7; n++ {
		for seed := range uint64(20) {
			c := random(n, seed)
			best := math.Inf(1)
			permutations(n, func(p []int) { best = min(best, total(c, p)) })
			if got := total(c, s.Assign(c, n)); math.Abs(got-best) > 1e-9 {
				t.Errorf("n=%d seed %d: cost %g, best %g", n, seed, got, best)
			}
		}
	}
}

func permutations(n int, f func([]int)) {
	p := make([]int, n)
	var rec func(k int)
	rec = func(k int) {
		if k == n {
			f(p)
			return
		}
		for i := k; i < n; i++ {
			p[k], p[i] = p[i], p[k]
			rec(k + 1)
			p[k], p[i] = p[i], p[k]
		}
	}
	for i := range p {
		p[i] = i
	}
	rec(0)
}

// On large problems the prices prove that the permutation is the cheapest.
func TestDualsCertifyOptimality(t *testing.T) {
	var s ot.Solver
	for _, n := range []int{64, 300, 17} {
		c := random(n, uint64(n))
		perm := slices.Clone(s.Assign(c, n))
		u, v := s.Duals(n)
		sorted := slices.Clone(perm)
		slices.Sort(sorted)
		for i := range n {
			if sorted[i] != i {
				t.Fatalf("n=%d: no permutation", n)
			}
			for j := range n {
				if slack := c[i*n+j] - u[i] - v[j]; slack < -1e-9 || perm[i] == j && slack > 1e-9 {
					t.Fatalf("n=%d: slack %g at (%d, %d)", n, slack, i, j)
				}
			}
		}
	}
}

func TestAssignAllocatesNothing(t *testing.T) {
	var s ot.Solver
	c := random(64, 1)
	s.Assign(c, 64)
	if n := testing.AllocsPerRun(5, func() { s.Assign(c, 64) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAssign64(b *testing.B) {
	x, y := make([]float32, 128), make([]float32, 128)
	noise.New(1, noise.Probe).Normals(x, 0)
	noise.New(2, noise.Probe).Normals(y, 0)
	c := make([]float64, 64*64)
	var s ot.Solver
	for b.Loop() {
		ot.SquaredDistances(c, x, y, 2)
		s.Assign(c, 64)
	}
}
