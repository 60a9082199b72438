package noise

import (
	"math"
	"slices"
	"testing"
)

// starts are positions at which vectors meet borders: of the low word, of the number itself, and somewhere between.
var starts = []uint64{0, 1, 12345, 1<<32 - 40, 1<<32 - 1, 1 << 32, 1<<40 + 3, 1<<63 + 1<<32 - 17, math.MaxUint64 - 50}

// keys are streams with plain, mixed and extreme keys.
var keys = []Stream{{0, 0}, {math.MaxUint32, math.MaxUint32}, {1, 0}, {0x80000000, 0x7fffffff}, New(7, Training), New(7, Sampling).Sub(3)}

// banded returns n numbers inside a larger slice and a check that nothing round them was written.
func banded[T float32 | uint32](t *testing.T, n int) []T {
	t.Helper()
	const band, mark = 21, 12345
	all := make([]T, n+2*band)
	for i := range all {
		all[i] = mark
	}
	t.Cleanup(func() {
		for i := range band {
			if all[i] != mark || all[band+n+i] != mark {
				t.Errorf("wrote outside a buffer of %d", n)
				return
			}
		}
	})
	return all[band : band+n : band+n]
}

// Words and uniforms are those of the single counters, bit for bit, for every key, length and border.
func TestWordsAreThoseOfSingleCounters(t *testing.T) {
	for _, s := range keys {
		for _, start := range starts {
			for _, n := range []int{0, 1, 7, 8, 15, 16, 17, 31, 33, 100} {
				u := banded[float32](t, n)
				s.Uniforms(u, start)
				w0, w1 := banded[uint32](t, n), banded[uint32](t, n)
				s.words(w0, w1, uint32(start), uint32(start>>32)) // the high word stays
				for i := range n {
					lo, hi := uint32(start)+uint32(i), uint32(start>>32)
					if a, b := s.Words(lo, hi); w0[i] != a || w1[i] != b {
						t.Fatalf("key %v counter (%d, %d): words %08x %08x, want %08x %08x", s, lo, hi, w0[i], w1[i], a, b)
					}
					p := start + uint64(i)
					if a, _ := s.Words(uint32(p), uint32(p>>32)); u[i] != float32(a>>8)*unit {
						t.Fatalf("key %v position %d: uniform %g, want %g", s, p, u[i], float32(a>>8)*unit)
					}
				}
			}
		}
	}
}

// near reports whether two normals agree as far as the definition in doc.go promises.
func near(got, want float32) bool {
	ulp := math.Abs(float64(math.Nextafter32(want, 9) - want))
	return math.Abs(float64(got)-float64(want)) <= 4e-7+4*ulp
}

// Normals agree with the portable ones on millions of pairs.
func TestNormalsAgreeWithPortableOnes(t *testing.T) {
	const pairs, part = 1 << 22, 1 << 12
	var got, want [2 * part]float32
	for k, s := range keys {
		for at := range uint64(pairs / len(keys) / part) {
			pos := uint64(k)<<31 + at*part + at<<32
			s.Normals(got[:], pos)
			s.pairsPortable(want[:], uint32(pos), uint32(pos>>32), 1, 0)
			for i, g := range got {
				if !near(g, want[i]) {
					t.Fatalf("key %v position %d + %d/2: %g, portable %g", s, pos, i, g, want[i])
				}
			}
		}
	}
}

// Normals agree with the portable ones at the ends of the uniforms and on both sides of every border between quadrants and octants. The
// positions were found by search; the test checks that they are what they are said to be.
func TestNormalsAtBorders(t *testing.T) {
	s := New(1, Probe)
	for _, c := range borders {
		w0, w1 := s.Words(uint32(c.pos), 0)
		if k := map[bool]uint32{true: w0>>8 + 1, false: w1 >> 8}[c.radius]; k != c.k {
			t.Errorf("position %d has %d, not %d", c.pos, k, c.k)
		}
		var z [2]float32
		s.Normals(z[:], c.pos)
		cos, sin := pair(w0, w1)
		if !near(z[0], cos) || !near(z[1], sin) {
			t.Errorf("u or θ of %d·2⁻²⁴: %g, portable [%g %g]", c.k, z, cos, sin)
		}
	}
}

// borders are positions of New(1, Probe) at which u, or θ/fl32(2π), is k·2⁻²⁴.
var borders = []struct {
	k      uint32
	radius bool // u, not θ
	pos    uint64
}{
	{1, true, 20218911}, {2, true, 29725956}, {11863283, true, 1671594}, {11863284, true, 28388389},
	{1<<24 - 1, true, 57201512}, {1 << 24, true, 8165665},
	{0, false, 21963651}, {1, false, 1768345}, {1<<21 - 1, false, 30032992}, {1 << 21, false, 87438696}, {1<<21 + 1, false, 6884401},
	{2<<21 - 1, false, 20642472}, {2 << 21, false, 12582850}, {2<<21 + 1, false, 2306332}, {3<<21 - 1, false, 19016133}, {3 << 21, false, 18991627},
	{3<<21 + 1, false, 16091337}, {4<<21 - 1, false, 15407163}, {4 << 21, false, 36940825}, {4<<21 + 1, false, 1845732}, {5<<21 - 1, false, 15591721},
	{5 << 21, false, 21293360}, {5<<21 + 1, false, 10901830}, {6<<21 - 1, false, 1434570}, {6 << 21, false, 28966469}, {6<<21 + 1, false, 8113188},
	{7<<21 - 1, false, 7521585}, {7 << 21, false, 61512991}, {7<<21 + 1, false, 17711352}, {1<<24 - 1, false, 26074511},
}

// A normal has the same bits however a buffer is cut and wherever it begins, and nothing outside is written.
func TestNormalsDependOnPositionAlone(t *testing.T) {
	s := New(5, Training)
	for _, start := range starts {
		whole := make([]float32, 300)
		s.Normals(whole, start)
		for n := range 75 {
			from := n * 3 % 100
			part := banded[float32](t, n)
			s.Normals(part, start+uint64(from))
			if !slices.Equal(part, whole[2*from:2*from+n]) {
				t.Fatalf("%d normals from position %d + %d on differ from those of a longer run", n, start, from)
			}
		}
	}
}

// A row has the same bits alone and among others, at every width, also across row 2³², and is near the portable one.
func TestRowsAreTheirRows(t *testing.T) {
	s := New(5, Sampling)
	for _, first := range []uint64{0, 77, 1<<32 - 20, 5<<32 - 3} {
		for _, dim := range []int{1, 2, 3, 4, 5, 10, 31, 32, 63, 64, 65, 130} {
			for _, rows := range []int{0, 1, 15, 40, 129} {
				got := banded[float32](t, rows*dim+dim/2) // half a row too much stays as it is
				before := slices.Clone(got)
				s.Rows(got, first, dim)
				if !slices.Equal(got[rows*dim:], before[rows*dim:]) {
					t.Fatalf("%d rows of %d wrote into half a row", rows, dim)
				}
				row, portable := make([]float32, dim), make([]float32, dim)
				for r := range rows {
					n := first + uint64(r)
					s.Row(row, n)
					s.rowsOf(n>>32).pairsPortable(portable, uint32(n), 0, 0, 1)
					if !slices.Equal(got[r*dim:(r+1)*dim], row) {
						t.Fatalf("row %d of %d differs among %d rows from %d on", n, dim, rows, first)
					}
					for i := range row {
						if !near(row[i], portable[i]) {
							t.Fatalf("row %d of %d [%d]: %g, portable %g", n, dim, i, row[i], portable[i])
						}
					}
				}
			}
		}
	}
}

// A permutation is Fisher–Yates by Intn, position by position.
func TestPermIsByIntn(t *testing.T) {
	s := New(2, Order)
	for _, n := range []int{0, 1, 2, 63, 64, 65, 1000} {
		got, want := make([]int, n), make([]int, n)
		s.Perm(got)
		for i := range want {
			j := s.Intn(uint64(i), i+1)
			want[i] = want[j]
			want[j] = i
		}
		if !slices.Equal(got, want) {
			t.Errorf("permutation of %d: %v, want %v", n, got, want)
		}
	}
}

// Each way to make noise, and its portable twin.
func BenchmarkNoise(b *testing.B) {
	s := New(1, Training)
	z := make([]float32, 1<<14)
	portableRows := func(dim int) func() {
		return func() {
			for r := range len(z) / dim {
				s.pairsPortable(z[r*dim:(r+1)*dim], uint32(r), 0, 0, 1)
			}
		}
	}
	for _, c := range []struct {
		name           string
		fast, portable func()
	}{
		{"Normals", func() { s.Normals(z, 0) }, func() { s.pairsPortable(z, 0, 0, 1, 0) }},
		{"Rows2", func() { s.Rows(z, 0, 2) }, portableRows(2)},
		{"Rows10", func() { s.Rows(z, 0, 10) }, portableRows(10)},
		{"Rows64", func() { s.Rows(z, 0, 64) }, portableRows(64)},
		{"Uniforms", func() { s.Uniforms(z, 0) }, func() { s.uniformsPortable(z, 0, 0) }},
	} {
		for name, f := range map[string]func(){c.name: c.fast, c.name + "/portable": c.portable} {
			b.Run(name, func(b *testing.B) {
				b.SetBytes(4 << 14)
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(z)), "ns/number")
			})
		}
	}
}
