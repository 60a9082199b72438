package kernel_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"fmtool/runtime/native/kernel"
)

// lengths meet every remainder of a step and some longer runs.
func lengths() (n []int) {
	for i := range 71 {
		n = append(n, i)
	}
	return append(n, 127, 128, 1000, 4099)
}

// near compares with float64's truth where an element lost at most this part of the sum of sizes.
func near(got, want, size, within float64) bool {
	return got == want || math.IsNaN(want) && math.IsNaN(got) || math.Abs(got-want) <= within*size
}

// inOrder is the sum as the comment of Sum defines it.
func inOrder(n int, term func(i int) float64) float64 {
	var s [16]float64
	for i := range n {
		s[i%16] += term(i)
	}
	for k := 8; k > 0; k /= 2 {
		for i := range k {
			s[i] += s[i+k]
		}
	}
	return s[0]
}

// Sums have the bits of their documented order, so the same with assembly and without, and are right to float64's precision.
func TestSums(t *testing.T) {
	for _, n := range lengths() {
		x := guarded(t, n)
		normal(x, uint64(n), 1e3)
		size, plain, squares := 0.0, 0.0, 0.0
		const mean = 12.5
		for _, v := range x {
			d := float64(v) - mean
			plain, squares, size = plain+float64(v), squares+d*d, size+math.Abs(float64(v))
		}
		if got, want := kernel.Sum(x), inOrder(n, func(i int) float64 { return float64(x[i]) }); got != want || !near(got, plain, size, 1e-13) {
			t.Errorf("Sum of %d is %v, in order %v, true %v", n, got, want, plain)
		}
		got, want := kernel.SumSquares(x, mean), inOrder(n, func(i int) float64 { d := float64(x[i]) - mean; return float64(d * d) })
		if got != want || !near(got, squares, squares, 1e-13) {
			t.Errorf("SumSquares of %d is %v, in order %v, true %v", n, got, want, squares)
		}
		for _, long := range []int{n / 5, n / 80 * 16} {
			sums := make([]float64, 6)
			sums[5] = 7
			kernel.RowSums(sums[:5], x, long)
			for i, got := range sums[:5] {
				if alone := kernel.Sum(x[i*long : (i+1)*long]); got != alone || sums[5] != 7 {
					t.Errorf("RowSums of 5 rows of %d: row %d is %v, by itself %v; behind the last is %g", long, i, got, alone, sums[5])
				}
			}
			kernel.RowSquares(sums[:5], x, long)
			for i, got := range sums[:5] {
				if alone := kernel.SumSquares(x[i*long:(i+1)*long], 0); got != alone || sums[5] != 7 {
					t.Errorf("RowSquares of 5 rows of %d: row %d is %v, by itself %v; behind the last is %g", long, i, got, alone, sums[5])
				}
			}
		}
		if n > 0 {
			most := kernel.Largest(x)
			if most != slices.Max(x) {
				t.Errorf("Largest of %d is %g, not %g", n, most, slices.Max(x))
			}
		}
	}
	if most := kernel.Largest(nil); !math.IsInf(float64(most), -1) {
		t.Errorf("Largest of nothing is %g", most)
	}
}

// Huge numbers do not overflow a sum, small ones are not lost, and NaN and infinity come through from every place.
func TestSumsOfHardNumbers(t *testing.T) {
	x := slices.Repeat([]float32{math.MaxFloat32, 1e-45, 1}, 50)
	if got, want := kernel.Sum(x), 50*(float64(math.MaxFloat32)+1); !near(got, want, want, 1e-15) {
		t.Errorf("sum of the largest numbers %v, want %v", got, want)
	}
	if got := kernel.Sum(slices.Repeat([]float32{1e-45}, 100)); got != 100*0x1p-149 {
		t.Errorf("sum of the smallest numbers %g", got)
	}
	for _, n := range []int{1, 7, 8, 16, 37} {
		for at := range n {
			x := make([]float32, n)
			for _, hard := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
				x[at] = hard
				sum := make([]float64, n)
				kernel.SumRows(sum, x)
				for name, got := range map[string]float64{"Sum": kernel.Sum(x), "Largest": float64(kernel.Largest(x)), "SumRows": sum[at],
					"RowSums": rowSum(kernel.RowSums, x), "RowSquares": rowSum(kernel.RowSquares, x)} {
					if !near(got, float64(hard), 1, 0) {
						t.Errorf("%s of %g at %d of %d is %g", name, hard, at, n, got)
					}
				}
			}
		}
	}
}

func rowSum(f func(sum []float64, x []float32, n int), x []float32) float64 {
	var sum [1]float64
	f(sum[:], x, len(x))
	return sum[0]
}

// Columns are added from top to bottom to what is there, bit for bit, at every width and number of rows.
func TestSumRows(t *testing.T) {
	for _, h := range append(lengths()[1:71], 130) {
		for _, n := range []int{0, 1, 2, 5, 33} {
			x := guarded(t, n*h)
			normal(x, uint64(h*n+1), 1)
			got, want := make([]float64, h+2), make([]float64, h+2)
			for j := range got {
				got[j] = float64(j) * 0.1
				want[j] = got[j]
			}
			for i := range n {
				for j := range h {
					want[1+j] += float64(x[i*h+j])
				}
			}
			kernel.SumRows(got[1:1+h], x)
			if !slices.Equal(got, want) {
				t.Fatalf("%d rows of %d: %v, want %v", n, h, got, want)
			}
		}
	}
}

// Softmax is within 3 ulp of float64 for every width, whatever is added to a row and however wide it spreads; rows do not touch each other.
func TestSoftmax(t *testing.T) {
	worst := 0.0
	for _, n := range lengths()[1:] {
		for _, spread := range []float32{0.1, 1, 10, 60} {
			const rows = 3
			x, dst := guarded(t, rows*n), guarded(t, rows*n)
			normal(x, uint64(n), spread)
			for i := range x {
				x[i] += 100 * float32(i/n) * spread
			}
			kernel.Softmax(dst, x, n)
			for r := range rows {
				for i, want := range softmax(x[r*n : (r+1)*n]) {
					u := ulps(dst[r*n+i], want)
					if want < 2e-38 {
						u /= 2 // the exponential is subnormal
					}
					if worst = max(worst, u); u > 3 {
						t.Errorf("width %d spread %g: %g, want %g: %.2g ulp", n, spread, dst[r*n+i], want, u)
					}
				}
			}
			in := slices.Clone(x)
			if kernel.Softmax(in, in, n); !slices.Equal(in, dst) {
				t.Errorf("width %d: in place differs", n)
			}
		}
	}
	t.Logf("worst %.2f ulp", worst)
}

func softmax(x []float32) []float64 {
	p, sum, m := make([]float64, len(x)), 0.0, float64(slices.Max(x))
	for i, v := range x {
		p[i] = math.Exp(float64(v) - m)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// Masked elements (−∞) get 0; a row with NaN, with +∞ or all masked is NaN; huge numbers do not overflow.
func TestSoftmaxOfHardNumbers(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, n := range []int{2, 8, 9, 21} {
		for at := range n {
			for _, c := range []struct{ others, this, wantOthers, want float32 }{
				{0, -inf, 1 / float32(n-1), 0}, {-inf, 0, 0, 1}, {-inf, -inf, nan, nan}, {0, nan, nan, nan}, {0, inf, nan, nan},
				{-math.MaxFloat32, math.MaxFloat32, 0, 1}, {1e30, 0, 1 / float32(n-1), 0}, {-1e-45, 1e-45, 1 / float32(n), 1 / float32(n)},
			} {
				x, dst := slices.Repeat([]float32{c.others}, n), guarded(t, n)
				x[at] = c.this
				kernel.Softmax(dst, x, n)
				for i, got := range dst {
					want := c.wantOthers
					if i == at {
						want = c.want
					}
					if !near(float64(got), float64(want), float64(want), 2e-7) {
						t.Fatalf("%g at %d of %d, else %g: [%d] = %g, want %g", c.this, at, n, c.others, i, got, want)
					}
				}
			}
		}
	}
}

// Rows come out with the mean and variance asked for, also far from 0, for every width, with a bias and without.
func TestLayerNorm(t *testing.T) {
	const epsilon = 1e-5
	for _, n := range lengths()[1:] {
		for _, offset := range []float32{0, 1e4} {
			const rows = 3
			x, dst, scale, bias := guarded(t, rows*n), guarded(t, rows*n), guarded(t, n), guarded(t, n)
			normal(x, uint64(n), 3)
			normal(scale, 1, 1)
			normal(bias, 2, 1)
			for i := range x {
				x[i] += offset
			}
			mean, inv := make([]float64, rows), make([]float64, rows)
			for _, b := range [][]float32{bias, nil} {
				kernel.LayerNorm(dst, x, scale, b, epsilon, mean, inv)
				for r := range rows {
					row := x[r*n : (r+1)*n]
					m, v := 0.0, 0.0
					for _, e := range row {
						m += float64(e) / float64(n)
					}
					for _, e := range row {
						v += (float64(e) - m) * (float64(e) - m) / float64(n)
					}
					s := 1 / math.Sqrt(v+epsilon)
					if !near(mean[r], m, math.Abs(m)+1, 1e-12) || !near(inv[r], s, s, 1e-9) {
						t.Errorf("width %d: mean %g, 1/deviation %g, want %g, %g", n, mean[r], inv[r], m, s)
					}
					for i, e := range row {
						want := (float64(e) - m) * s * float64(scale[i])
						size := math.Abs(want) + 1e-4 // what float64 leaves of m
						if b != nil {
							want, size = want+float64(b[i]), size+math.Abs(float64(b[i]))
						}
						if got := float64(dst[r*n+i]); !near(got, want, size, 1.3e-7) {
							t.Fatalf("width %d offset %g: [%d %d] = %g, want %g", n, offset, r, i, got, want)
						}
					}
				}
				in := slices.Clone(x)
				if kernel.LayerNorm(in, in, scale, b, epsilon, mean, inv); !slices.Equal(in, dst) {
					t.Errorf("width %d: in place differs", n)
				}
			}
		}
	}
	x := []float32{1, float32(math.NaN()), 3}
	if kernel.LayerNorm(x, x, []float32{1, 1, 1}, nil, epsilon, make([]float64, 1), make([]float64, 1)); x[0] == x[0] || x[2] == x[2] {
		t.Errorf("a row with NaN gives %g", x)
	}
}

func TestRowsAllocateNothing(t *testing.T) {
	x, y, sum := make([]float32, 5*77), make([]float32, 5*77), make([]float64, 77)
	if n := testing.AllocsPerRun(5, func() {
		kernel.Softmax(y, x, 77)
		kernel.LayerNorm(y, x, y[:77], x[:77], 1e-5, sum[:5], sum[5:10])
		kernel.SumRows(sum, x)
		sum[0] = kernel.Sum(x) + kernel.SumSquares(x, 1) + float64(kernel.Largest(x))
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// Each kernel on a matrix of 64 rows and its naive twin; bytes are those read and written.
func BenchmarkRows(b *testing.B) {
	const rows = 64
	for _, h := range []int{64, 256} {
		n := rows * h
		x, y, scale, sum := make([]float32, n), make([]float32, n), make([]float32, h), make([]float64, h)
		mean, inv := make([]float64, rows), make([]float64, rows)
		normal(x, 1, 1)
		normal(scale, 2, 1)
		result := 0.0
		for _, c := range []struct {
			name    string
			results int // elements written
			f       func()
		}{
			{"Sum", 0, func() { result += kernel.Sum(x) }},
			{"Sum/naive", 0, func() {
				for _, v := range x {
					result += float64(v)
				}
			}},
			{"SumSquares", 0, func() { result += kernel.SumSquares(x, 0.5) }},
			{"SumSquares/naive", 0, func() {
				for _, v := range x {
					d := float64(v) - 0.5
					result += d * d
				}
			}},
			{"RowSums", 0, func() { kernel.RowSums(sum[:rows], x, h) }},
			{"RowSums/naive", 0, func() {
				for i := range rows {
					sum[i] = 0
					for _, v := range x[i*h : (i+1)*h] {
						sum[i] += float64(v)
					}
				}
			}},
			{"RowSquares", 0, func() { kernel.RowSquares(sum[:rows], x, h) }},
			{"RowSquares/naive", 0, func() {
				for i := range rows {
					sum[i] = 0
					for _, v := range x[i*h : (i+1)*h] {
						sum[i] += float64(v) * float64(v)
					}
				}
			}},
			{"SumRows", 0, func() { kernel.SumRows(sum, x) }},
			{"SumRows/naive", 0, func() {
				for i, v := range x {
					sum[i%h] += float64(v)
				}
			}},
			{"Largest", 0, func() { result += float64(kernel.Largest(x)) }},
			{"Largest/naive", 0, func() {
				most := x[0]
				for _, v := range x {
					most = max(most, v)
				}
				result += float64(most)
			}},
			{"Softmax", n, func() { kernel.Softmax(y, x, h) }},
			{"Softmax/naive", n, func() {
				for r := range rows {
					for i, v := range softmax(x[r*h : (r+1)*h]) {
						y[r*h+i] = float32(v)
					}
				}
			}},
			{"LayerNorm", n, func() { kernel.LayerNorm(y, x, scale, scale, 1e-5, mean, inv) }},
			{"LayerNorm/naive", n, func() {
				for r := range rows {
					row, m, v := x[r*h:(r+1)*h], 0.0, 0.0
					for _, e := range row {
						m += float64(e) / float64(h)
					}
					for _, e := range row {
						v += (float64(e) - m) * (float64(e) - m) / float64(h)
					}
					for i, e := range row {
						y[r*h+i] = float32((float64(e)-m)/math.Sqrt(v+1e-5)*float64(scale[i]) + float64(scale[i]))
					}
				}
			}},
		} {
			b.Run(fmt.Sprintf("%s/%d×%d", c.name, rows, h), func(b *testing.B) {
				b.SetBytes(int64(4 * (n + c.results)))
				for b.Loop() {
					c.f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/element")
			})
		}
		if result == 0 {
			b.Fatal("nothing was summed")
		}
	}
}
