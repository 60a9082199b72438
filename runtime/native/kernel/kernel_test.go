package kernel_test

import (
	"fmt"
	"math"
	"testing"

	"fmtool/models/noise"
	"fmtool/runtime/native/kernel"
)

const guard = 12345.678

// guarded returns n numbers between guard bands, unaligned, and a check that the bands are whole.
func guarded(t *testing.T, n int) []float32 {
	t.Helper()
	const band = 19
	all := make([]float32, n+2*band)
	for i := range all {
		all[i] = guard
	}
	t.Cleanup(func() {
		for i := range band {
			if all[i] != guard || all[n+band+i] != guard {
				t.Errorf("%s: wrote outside a buffer of %d", t.Name(), n)
				return
			}
		}
	})
	return all[band : n+band : n+band]
}

func normal(dst []float32, seed uint64, scale float32) {
	noise.New(seed, noise.Probe).Normals(dst, 0)
	for i := range dst {
		dst[i] *= scale
	}
}

// Every shape, odd or even, transposed or not, added or written, is the product by its definition, and nothing else is touched.
func TestGemm(t *testing.T) {
	// Several blocks each way, rows far apart, a multiple of the caches' places apart, and few rows.
	for _, s := range [][3]int{{300, 530, 20}, {600, 70, 20}, {20, 140, 1021}, {1, 530, 70}, {2, 70, 530}, {3, 261, 33}, {130, 3, 530}, {5, 3, 9000}, {700, 3, 40}} {
		for flags := range 8 {
			gemm(t, flags&1 != 0, flags&2 != 0, flags&4 != 0, s[0], s[1], s[2])
		}
	}
	sizes := []int{1, 2, 5, 6, 7, 15, 16, 17, 33, 70}
	for _, m := range sizes {
		for _, n := range sizes {
			for _, k := range []int{0, 1, 3, 4, 17, 255, 256, 300, 513} {
				for flags := range 8 {
					tA, tB, acc := flags&1 != 0, flags&2 != 0, flags&4 != 0
					if k > 17 && (m+n+k+flags)%5 != 0 { // a fifth of the large ones
						continue
					}
					gemm(t, tA, tB, acc, m, n, k)
				}
			}
		}
	}
}

func gemm(t *testing.T, tA, tB, acc bool, m, n, k int) {
	t.Helper()
	lda, ldb, ldc := k+3, n+2, n+5
	ra, rb := m, k
	if tA {
		lda, ra = m+3, k
	}
	if tB {
		ldb, rb = k+2, n
	}
	a, b, c := make([]float32, ra*lda), make([]float32, rb*ldb), make([]float32, m*ldc)
	normal(a, 1, 1)
	normal(b, 2, 1)
	normal(c, 3, 1)
	before := append([]float32(nil), c...)
	kernel.Gemm(tA, tB, m, n, k, a, lda, b, ldb, c, ldc, acc)
	for i := range m {
		for j := range ldc {
			if j >= n {
				if c[i*ldc+j] != before[i*ldc+j] {
					t.Fatalf("%v %v %d×%d×%d: wrote beside C", tA, tB, m, n, k)
				}
				continue
			}
			want, size := 0.0, 1.0
			if acc {
				want = float64(before[i*ldc+j])
			}
			for l := range k {
				ai, bi := i*lda+l, l*ldb+j
				if tA {
					ai = l*lda + i
				}
				if tB {
					bi = j*ldb + l
				}
				av, bv := float64(a[ai]), float64(b[bi])
				want += av * bv
				size += math.Abs(av * bv)
			}
			if d := math.Abs(float64(c[i*ldc+j]) - want); !(d <= 2e-6*size) {
				t.Fatalf("%v %v acc %v %d×%d×%d: C[%d %d] = %g, want %g", tA, tB, acc, m, n, k, i, j, c[i*ldc+j], want)
			}
		}
	}
}

// A row of C has the same bits whatever other rows are computed with it: goroutines may cut a product anywhere.
func TestGemmRowsAreIndependent(t *testing.T) {
	const m, k = 50, 300
	for _, n := range []int{37, 34, 2} {
		for _, tA := range []bool{false, true} {
			a, b := make([]float32, m*k), make([]float32, k*n)
			normal(a, 1, 1)
			normal(b, 2, 1)
			lda, step := k, k
			if tA {
				lda, step = m, 1
			}
			whole, part := make([]float32, m*n), make([]float32, m*n)
			kernel.Gemm(tA, false, m, n, k, a, lda, b, n, whole, n, false)
			for i := 0; i < m; i += 7 {
				kernel.Gemm(tA, false, min(7, m-i), n, k, a[i*step:], lda, b, n, part[i*n:], n, false)
			}
			if at := firstDifference(part, whole); at >= 0 {
				t.Fatalf("transposed %v: element %d of rows of %d is %g alone and %g in the whole", tA, at, n, part[at], whole[at])
			}
		}
	}
}

// Where AddsOnce says so, adding a product to C gives the bits of adding the product by itself, whole panels and the columns beside them alike.
func TestAddsOnce(t *testing.T) {
	for _, k := range []int{1, 5, 128, 256, 257} {
		for _, s := range [][2]int{{1, 1}, {3, 64}, {64, 3}, {65, 64}, {150, 530}, {33, 47}} {
			m, n := s[0], s[1]
			if !kernel.AddsOnce(k) {
				continue
			}
			a, b, c := make([]float32, k*m), make([]float32, k*n), make([]float32, m*n)
			normal(a, 1, 1)
			normal(b, 2, 1)
			normal(c, 3, 1)
			product, sum := make([]float32, m*n), make([]float32, m*n)
			kernel.Gemm(true, false, m, n, k, a, m, b, n, product, n, false)
			kernel.Add(sum, c, product)
			kernel.Gemm(true, false, m, n, k, a, m, b, n, c, n, true)
			if at := firstDifference(c, sum); at >= 0 {
				t.Errorf("%d×%d×%d: element %d is %g, by itself and added %g", m, n, k, at, c[at], sum[at])
			}
		}
	}
	if kernel.HasFMA != kernel.AddsOnce(128) {
		t.Error("products of 128 rows are added in more than one addition")
	}
}

// ulps is the distance of got from the true value in units of float32's last place there.
func ulps(got float32, want float64) float64 {
	w := float32(want)
	switch {
	case math.IsNaN(want):
		if got != got {
			return 0
		}
		return math.Inf(1)
	case math.IsInf(float64(w), 0) || math.IsInf(float64(got), 0):
		if got == w {
			return 0
		}
		if math.Abs(want) > 3.4e38 && math.Abs(float64(got)) > 3.4e38 { // at the brink of overflow
			return 1
		}
		return math.Inf(1)
	}
	unit := math.Abs(float64(math.Nextafter32(float32(math.Abs(want)), math.MaxFloat32)) - math.Abs(float64(w)))
	return math.Abs(float64(got)-want) / max(unit, 0x1p-149)
}

var adversarial = []float32{0, float32(math.Copysign(0, -1)), 1, -1, 0.625, -0.625, 0.6249999, 1e-30, -1e-30, 1e-45, -1e-45, 3e-39, 88.72283, 88.7229, 89, 100, 1e30, -87.3, -87.4, -88, -100, -103.9,
	-104.1, -1e30, math.MaxFloat32, -math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}

func TestNothingIsAllocated(t *testing.T) {
	x, y, c := make([]float32, 77*77), make([]float32, 77*77), make([]float32, 77*77)
	if n := testing.AllocsPerRun(5, func() {
		kernel.Gemm(false, true, 70, 70, 70, x, 77, y, 77, c, 77, false)
		kernel.Exp(x[:13], y[:13])
		kernel.Add(x[:13], y[:13], x[:13])
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// shapes are m, n and k of products to measure: of batches, of one row, and with two columns.
var shapes = [][3]int{{256, 64, 64}, {256, 256, 256}, {256, 512, 512}, {1, 64, 64}, {1, 512, 512}, {256, 2, 512}}

// Each form of a product, with the matrix on the right laid out beforehand and not; FMTOOL_CPU chooses the instructions.
func BenchmarkGemm(b *testing.B) {
	for _, s := range shapes {
		for _, form := range []struct {
			name           string
			tA, tB, packed bool
		}{{"NN", false, false, false}, {"NT", false, true, false}, {"TN", true, false, false}, {"NN/packed", false, false, true}, {"NT/packed", false, true, true}} {
			b.Run(fmt.Sprint(s, form.name), func(b *testing.B) {
				m, n, k := s[0], s[1], s[2]
				if form.tA {
					m, k = k, m
				}
				x, y, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
				normal(x, 1, 1)
				normal(y, 2, 1)
				lda, ldb := k, n
				if form.tA {
					lda = m
				}
				if form.tB {
					ldb = k
				}
				product := func() { kernel.Gemm(form.tA, form.tB, m, n, k, x, lda, y, ldb, c, n, false) }
				if form.packed {
					p := kernel.Pack(form.tB, n, k, y, ldb)
					product = func() { p.Gemm(form.tA, m, x, lda, c, n, 0, n) }
				}
				for b.Loop() {
					product()
				}
				b.ReportMetric(2*float64(m*n*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

// BenchmarkPack lays out a matrix on the right as it stands and transposed; bytes are those read and written.
func BenchmarkPack(b *testing.B) {
	const n = 512
	y := make([]float32, n*n)
	normal(y, 2, 1)
	for _, turned := range []bool{false, true} {
		p := kernel.Pack(turned, n, n, y, n)
		naive := make([]float32, n*n)
		for name, f := range map[string]func(){"": func() { p.Fill(turned, y, n, 0, n) }, "/naive": func() {
			for i := range n {
				for j := range n {
					at := i*n + j
					if turned {
						at = j*n + i
					}
					naive[i*n+j] = y[at]
				}
			}
		}} {
			b.Run(map[bool]string{false: "B", true: "Bt"}[turned]+name, func(b *testing.B) {
				if !kernel.HasFMA {
					b.Skip("no assembly")
				}
				b.SetBytes(8 * n * n)
				for b.Loop() {
					f()
				}
			})
		}
	}
}

// firstDifference is where two slices differ in their bits, −1 if nowhere.
func firstDifference(x, y []float32) int {
	for i := range x {
		if math.Float32bits(x[i]) != math.Float32bits(y[i]) {
			return i
		}
	}
	return -1
}

// A packed right-hand side gives the very bits of the plain product, whole or cut along the columns.
func TestPackedIsGemm(t *testing.T) {
	for _, s := range [][3]int{{1, 1, 1}, {3, 5, 0}, {1, 64, 64}, {1, 300, 70}, {2, 200, 300}, {7, 70, 300}, {50, 16, 513}, {20, 2, 300}, {1, 600, 513}, {2, 450, 270}, {9, 36, 64}, {33, 47, 256}, {300, 600, 40}} {
		for flags := range 4 {
			tA, tB := flags&1 != 0, flags&2 != 0
			m, n, k := s[0], s[1], s[2]
			lda, ldb := k, n
			if tA {
				lda = m
			}
			if tB {
				ldb = k
			}
			a, b, want, got := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n), guarded(t, m*n)
			normal(a, 1, 1)
			normal(b, 2, 1)
			kernel.Gemm(tA, tB, m, n, k, a, lda, b, ldb, want, n, false)
			p := kernel.Pack(tB, n, k, b, ldb)
			for from := 0; from < n; from += 2 * kernel.Columns() {
				p.Gemm(tA, m, a, lda, got, n, from, min(n, from+2*kernel.Columns()))
			}
			if at := firstDifference(got, want); at >= 0 {
				t.Fatalf("%v %v %v: [%d] = %g, want %g", s, tA, tB, at, got[at], want[at])
			}
			bias := make([]float32, n)
			normal(bias, 3, 1)
			for i := range m {
				copy(want[i*n:], bias)
			}
			kernel.Gemm(tA, tB, m, n, k, a, lda, b, ldb, want, n, true)
			for range 2 { // forwards and backwards through the panels
				p.GemmFrom(tA, m, a, lda, bias, 0, got, n, 0, n)
				if at := firstDifference(got, want); at >= 0 {
					t.Fatalf("%v %v %v from a bias: [%d] = %g, want %g", s, tA, tB, at, got[at], want[at])
				}
			}
			p.GemmFrom(tA, m, a, lda, got, n, got, n, 0, n)
			kernel.Gemm(tA, tB, m, n, k, a, lda, b, ldb, want, n, true)
			if at := firstDifference(got, want); at >= 0 {
				t.Fatalf("%v %v %v added: [%d] = %g, want %g", s, tA, tB, at, got[at], want[at])
			}
		}
	}
}
