package ot_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
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

// assigner is either solver.
type assigner interface {
	Assign(cost []float64, n int) []int
}

// On small problems no permutation is cheaper.
func TestAssignAgainstBruteForce(t *testing.T) {
	for n := 1; n <= 8; n++ {
		for seed := range uint64(10) {
			c := random(n, seed)
			best := math.Inf(1)
			permutations(n, func(p []int) { best = min(best, total(c, p)) })
			for name, s := range map[string]assigner{"solver": &ot.Solver{}, "plain": &ot.Plain{}} {
				if got := total(c, s.Assign(c, n)); math.Abs(got-best) > 1e-9 {
					t.Errorf("%s: n=%d seed %d: cost %g, best %g", name, n, seed, got, best)
				}
			}
		}
	}
}

// The heuristics change no cost: one solver, used again for other sizes, does what the plain method does, with ties, without, and where all costs are equal.
func TestSolverIsThePlainMethod(t *testing.T) {
	var fast ot.Solver
	var plain ot.Plain
	for _, n := range []int{1, 2, 3, 64, 17, 130, 5, 100} {
		clouds := planar(n, 0, 1)
		for name, c := range map[string][]float64{"ties": random(n, uint64(n)), "equal": make([]float64, n*n), "plane": clouds, "far": planar(n, 30, 4)} {
			got, want := total(c, fast.Assign(c, n)), total(c, plain.Assign(c, n))
			if math.Abs(got-want) > 1e-9*max(1, want) {
				t.Errorf("%s, n=%d: cost %g, plain %g", name, n, got, want)
			}
		}
	}
}

// planar is the costs between n points of N(0, I) and n points of N(shift, scale² I).
func planar(n int, shift, scale float32) []float64 {
	x, y := make([]float32, 2*n), make([]float32, 2*n)
	noise.New(1, noise.Probe).Normals(x, 0)
	noise.New(2, noise.Probe).Normals(y, 0)
	for i, v := range y {
		y[i] = scale*v + shift
	}
	c := make([]float64, n*n)
	ot.SquaredDistances(c, x, y, 2)
	return c
}

// The cost is SciPy's for 64 to 512 points; testdata/golden.py made the file.
func TestAssignAgainstSciPy(t *testing.T) {
	text, err := os.ReadFile("testdata/assignment.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			N, Dim             int
			Scale, Shift, Cost float64
		}
	}
	if err := json.Unmarshal(text, &golden); err != nil || len(golden.Cases) != 12 {
		t.Fatalf("%d cases, %v", len(golden.Cases), err)
	}
	var s ot.Solver
	for _, c := range golden.Cases {
		x, y := congruential(c.N+c.Dim, c.N*c.Dim)
		cost := make([]float64, c.N*c.N)
		for i := range c.N {
			for j := range c.N {
				for d := range c.Dim {
					e := x[i*c.Dim+d] - (y[j*c.Dim+d]*c.Scale + c.Shift)
					cost[i*c.N+j] += e * e
				}
			}
		}
		if got := total(cost, s.Assign(cost, c.N)); math.Abs(got-c.Cost) > 1e-9*c.Cost {
			t.Errorf("n=%d dim=%d scale=%g: cost %.12g, SciPy's %.12g", c.N, c.Dim, c.Scale, got, c.Cost)
		}
	}
}

// congruential is the generator of golden.py.
func congruential(seed, count int) (x, y []float64) {
	p := make([]float64, 2*count)
	for i := range p {
		seed = (1103515245*seed + 12345) % (1 << 31)
		p[i] = float64(seed) / (1 << 31)
	}
	return p[:count], p[count:]
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
	for _, n := range []int{64, 300, 17, 1} {
		c := random(n, uint64(n))
		if n == 300 {
			c = planar(n, 2, 3)
		}
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

// BenchmarkAssign64 pairs blocks of 64 points in the plane, costs included, a new block each time.
func BenchmarkAssign64(b *testing.B) {
	const blocks = 100
	x, y := make([]float32, 128*blocks), make([]float32, 128*blocks)
	noise.New(1, noise.Probe).Normals(x, 0)
	noise.New(2, noise.Probe).Normals(y, 0)
	c := make([]float64, 64*64)
	for name, s := range map[string]assigner{"solver": &ot.Solver{}, "plain": &ot.Plain{}} {
		b.Run(name, func(b *testing.B) {
			for k := 0; b.Loop(); k = (k + 1) % blocks {
				ot.SquaredDistances(c, x[128*k:128*k+128], y[128*k:128*k+128], 2)
				s.Assign(c, 64)
			}
		})
	}
}
