package ot_test

import (
	"math"
	"slices"
	"testing"

	"fmtool/models/noise"
	"fmtool/train/ot"
)

// batch is n rows of noise and of data that lie far off, on either side by their class.
func batch(n int, seed uint64) ot.Batch {
	s := noise.New(seed, noise.Probe)
	b := ot.Batch{X0: make([]float32, 2*n), X1: make([]float32, 2*n), Dim: 2, Labels: make([]int64, n), Vectors: make([]float32, n), Width: 1}
	s.Sub(0).Normals(b.X0, 0)
	s.Sub(1).Normals(b.X1, 0)
	for i := range n {
		b.Labels[i] = int64(s.Sub(2).Intn(uint64(i), 3))
		b.X1[2*i] += 8 * float32(b.Labels[i])
		b.Vectors[i] = b.X1[2*i]
	}
	return b
}

func squared(b ot.Batch, perm []int) float64 {
	sum := 0.0
	for i, j := range perm {
		for d := range b.Dim {
			e := float64(b.X1[i*b.Dim+d]) - float64(b.X0[j*b.Dim+d])
			sum += e * e
		}
	}
	return sum
}

func identity(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	return p
}

// Whatever the method and the cut into blocks, a coupling is a permutation: no pair is repeated or dropped. Blocks keep to themselves, labels to their class.
func TestCouplingsPermute(t *testing.T) {
	for _, n := range []int{1, 2, 63, 64, 65, 200} {
		for _, method := range []ot.Method{ot.Exact, ot.Entropic, ot.Conditional} {
			for _, block := range []int{1, 50, 64, 300} {
				b := batch(n, uint64(n))
				if n == 65 {
					b.Labels = nil
				}
				c := ot.Coupler{Method: method, Block: block, Epsilon: 0.05, Ratio: 0.05, Random: noise.New(1, noise.Probe)}
				perm := make([]int, n)
				c.Couple(perm, b)
				sorted := slices.Clone(perm)
				slices.Sort(sorted)
				if !slices.Equal(sorted, identity(n)) {
					t.Fatalf("method %d, n=%d, block %d: %v is no permutation", method, n, block, perm)
				}
				for i, j := range perm {
					if method == ot.Conditional && b.Labels != nil && b.Labels[i] != b.Labels[j] {
						t.Fatalf("block %d of %d: x1 of class %d with x0 drawn beside class %d", block, n, b.Labels[i], b.Labels[j])
					}
					if size := (n + block - 1) / block; method != ot.Conditional && i*size/n != j*size/n && block == 1 {
						t.Fatalf("row %d left its block for %d", i, j)
					}
				}
				if block == 300 && method == ot.Exact {
					plain := make([]float64, n*n)
					ot.SquaredDistances(plain, b.X1, b.X0, 2)
					var s ot.Plain
					if got, want := squared(b, perm), squared(b, s.Assign(plain, n)); math.Abs(got-want) > 1e-4*want {
						t.Errorf("n=%d: cost %g with the points standardised, %g without", n, got, want)
					}
				}
			}
		}
	}
}

// Plain transport ties x0 to the condition; with regard to it x0 stays as it was drawn: in each class, and along a vector, its mean is that of the noise.
func TestConditionalCouplingKeepsTheSource(t *testing.T) {
	const n, rounds = 240, 40
	for _, c := range []struct {
		name    string
		method  ot.Method
		vectors bool
		skewed  bool
	}{{"ot, labels", ot.Exact, false, true}, {"c2ot, labels", ot.Conditional, false, false}, {"ot, vectors", ot.Exact, true, true}, {"c2ot, vectors", ot.Conditional, true, false}} {
		mean, count, cost, without := 0.0, 0, 0.0, 0.0
		coupler := ot.Coupler{Method: c.method, Block: 120, Ratio: 0.05}
		for seed := range uint64(rounds) {
			b := batch(n, seed)
			if c.vectors {
				b.Labels = nil
			} else {
				b.Vectors = nil
			}
			labels := batch(n, seed).Labels
			perm := make([]int, n)
			coupler.Couple(perm, b)
			for i, j := range perm {
				if labels[i] == 2 { // the class farthest to the right
					mean, count = mean+float64(b.X0[2*j]), count+1
				}
			}
			cost, without = cost+squared(b, perm), without+squared(b, identity(n))
		}
		mean /= float64(count)
		if bound := 5 / math.Sqrt(float64(count)); c.skewed != (math.Abs(mean) > bound) {
			t.Errorf("%s: x0 of the right class has mean %.3f, bound %.3f", c.name, mean, bound)
		}
		if cost > 0.999*without {
			t.Errorf("%s: cost %.4g, %.4g without", c.name, cost, without)
		}
	}
}

// Its plan has the marginals it should, tends to the optimal pairing for small ε, and draws from a cost between the optimal one and that of strangers.
func TestSinkhorn(t *testing.T) {
	const n = 64
	b := batch(n, 3)
	cost := make([]float64, n*n)
	ot.SquaredDistances(cost, b.X1, b.X0, 2)
	var s ot.Sinkhorn
	var exact ot.Solver
	best := total(cost, exact.Assign(cost, n))
	strangers := 0.0
	for _, c := range cost {
		strangers += c / n
	}
	before := best - 1e-9
	for _, epsilon := range []float64{0.002, 0.02, 0.2, 2, 20} {
		plan := make([]float64, n*n)
		steps, deviation := s.Plan(plan, cost, n, epsilon)
		rows, columns, transport := make([]float64, n), make([]float64, n), 0.0
		for i := range n {
			for j := range n {
				p := math.Exp(plan[i*n+j])
				rows[i], columns[j], transport = rows[i]+p, columns[j]+p, transport+p*cost[i*n+j]
			}
		}
		for i := range n {
			if steps < 500 && (math.Abs(rows[i]-1) > 2e-3 || math.Abs(columns[i]-1) > 2e-3) {
				t.Fatalf("ε = %g: row %d sums to %g, column to %g after %d steps (%g)", epsilon, i, rows[i], columns[i], steps, deviation)
			}
		}
		if transport < before*0.995 || transport > strangers*1.005 {
			t.Errorf("ε = %g: the plan costs %g, with less ε %g, strangers %g", epsilon, transport, before, strangers)
		}
		before = transport
		drawn := 0.0
		for k := range uint64(20) {
			drawn += total(cost, s.Draw(cost, n, epsilon, noise.New(k, noise.Probe), 0)) / 20
		}
		t.Logf("ε = %g: %d steps, plan %.1f, drawn %.1f, optimal %.1f, strangers %.1f", epsilon, steps, transport, drawn, best, strangers)
		if drawn < best-1e-9 || math.Abs(drawn-transport) > 0.15*(strangers-best)+0.02*best {
			t.Errorf("ε = %g: drawn pairings cost %g, the plan %g", epsilon, drawn, transport)
		}
	}
	if perm := s.Draw(make([]float64, n*n), n, 0.1, noise.New(1, noise.Probe), 0); slices.Equal(perm, identity(n)) {
		t.Error("equal costs give the identity, want a random pairing")
	}
}

// The weight meets the ratio; no weight is needed where few pairs are acceptable anyway, nor where all conditions are one.
func TestAcceptanceWeight(t *testing.T) {
	const n = 100
	b := batch(n, 4)
	cost, distance := make([]float64, n*n), make([]float64, n*n)
	ot.SquaredDistances(cost, b.X1, b.X0, 2)
	ot.SquaredDistances(distance, b.Vectors, b.Vectors, 1)
	for _, ratio := range []float64{0.02, 0.05, 0.2} {
		w := ot.AcceptanceWeight(cost, distance, n, ratio)
		count := 0
		for i := range n {
			for j := range n {
				if cost[i*n+j]+w*distance[i*n+j] <= cost[i*n+i] {
					count++
				}
			}
		}
		if got := float64(count) / (n * n); w <= 0 || math.Abs(got-ratio) > 0.003 {
			t.Errorf("ratio %g: weight %g gives %g", ratio, w, got)
		}
	}
	if w := ot.AcceptanceWeight(cost, distance, n, 0.9); w != 0 {
		t.Errorf("weight %g where none is needed", w)
	}
	if w := ot.AcceptanceWeight(cost, make([]float64, n*n), n, 0.05); w != 0 {
		t.Errorf("weight %g for equal conditions", w)
	}
	if w := ot.AcceptanceWeight(cost, distance, n, 0.001); math.IsInf(w, 0) || math.IsNaN(w) {
		t.Errorf("weight %g below the least ratio", w)
	}
}

// A coupling allocates nothing once its memory has grown.
func TestCoupleAllocatesNothing(t *testing.T) {
	for _, method := range []ot.Method{ot.Exact, ot.Entropic, ot.Conditional} {
		b := batch(128, 1)
		c := ot.Coupler{Method: method, Block: 64, Epsilon: 0.1, Ratio: 0.05, Random: noise.New(1, noise.Probe)}
		perm := make([]int, 128)
		c.Couple(perm, b)
		if n := testing.AllocsPerRun(5, func() { c.Couple(perm, b) }); n != 0 {
			t.Errorf("method %d: %v allocations", method, n)
		}
	}
}

// BenchmarkCouple512 pairs batches of 512 points in the plane in blocks of 64.
func BenchmarkCouple512(b *testing.B) {
	for name, method := range map[string]ot.Method{"ot": ot.Exact, "sinkhorn": ot.Entropic, "c2ot": ot.Conditional} {
		b.Run(name, func(b *testing.B) {
			rows := batch(512, 1)
			c := ot.Coupler{Method: method, Block: 64, Epsilon: 0.05, Ratio: 0.05, Random: noise.New(1, noise.Probe)}
			perm := make([]int, 512)
			for b.Loop() {
				c.Couple(perm, rows)
			}
		})
	}
}
