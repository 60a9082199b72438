package noise_test

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fmtool/models/noise"
)

func Example() {
	z := make([]float32, 2)
	noise.New(7, noise.Sampling).Row(z, 0)
	fmt.Printf("%.4f\n", z)
	// Output: [-0.0405 -0.4363]
}

// The words are Threefry-2x32-20's, by the known answers of its authors.
func TestWordsKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		seed           uint64
		lo, hi, w0, w1 uint32
	}{
		{0, 0, 0, 0x6b200159, 0x99ba4efe},
		{0x03707344_13198a2e, 0x243f6a88, 0x85a308d3, 0xc4923a9c, 0x483df7a0},
		{math.MaxUint64, math.MaxUint32, math.MaxUint32, 0x1cb996fc, 0xbb002be7},
	} {
		if w0, w1 := noise.New(c.seed, noise.Sampling).Words(c.lo, c.hi); w0 != c.w0 || w1 != c.w1 {
			t.Errorf("seed %x: %08x %08x, want %08x %08x", c.seed, w0, w1, c.w0, c.w1)
		}
	}
}

// Go and NumPy make the same noise from the same seed, for rows below and above 2³² and odd dimensions.
func TestNormalsAgreeWithNumPy(t *testing.T) {
	file, err := os.ReadFile("testdata/golden.csv")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(file)), "\n")
	if len(lines) != 20 {
		t.Fatalf("%d rows in the golden file", len(lines))
	}
	for _, line := range lines {
		f := strings.Split(line, ",")
		seed, err1 := strconv.ParseUint(f[0], 10, 64)
		row, err2 := strconv.ParseUint(f[1], 10, 64)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		z := make([]float32, len(f)-2)
		noise.New(seed, noise.Sampling).Row(z, row)
		for i, got := range z {
			want, err := strconv.ParseFloat(f[2+i], 64)
			if err != nil {
				t.Fatal(err)
			}
			ulp := math.Abs(float64(math.Nextafter32(float32(want), 9) - float32(want)))
			if d := math.Abs(float64(got) - want); d > 4e-7+4*ulp {
				t.Errorf("seed %d row %d [%d]: %g, NumPy %g", seed, row, i, got, want)
			}
		}
	}
}

// A row depends on its number alone; streams and sub-streams are different noise.
func TestRowsAreIndependentOfBatches(t *testing.T) {
	s := noise.New(3, noise.Sampling)
	whole, part := make([]float32, 10*5), make([]float32, 4*5)
	s.Rows(whole, 0, 5)
	s.Rows(part, 6, 5)
	if !slices.Equal(whole[30:], part) {
		t.Error("rows 6…9 differ when drawn alone")
	}
	seen := map[uint64]string{}
	for stream := range uint32(12) {
		for name, s := range map[string]noise.Stream{"": noise.New(3, stream), "sub": noise.New(3, stream).Sub(1), "seed": noise.New(4, stream)} {
			w := s.Uint64(0)
			if other, ok := seen[w]; ok {
				t.Errorf("stream %d%s begins as %s", stream, name, other)
			}
			seen[w] = fmt.Sprint(stream, name)
		}
	}
}

// The normals have the moments of N(0, 1), within five standard errors, and no pair is correlated.
func TestNormalMoments(t *testing.T) {
	const n = 1 << 20
	z := make([]float32, n)
	noise.New(1, noise.Training).Normals(z, 1<<40)
	var m [5]float64
	cross := 0.0
	for i, v := range z {
		x := float64(v)
		for p, y := 1, x; p <= 4; p, y = p+1, y*x {
			m[p] += y / n
		}
		if i%2 == 0 {
			cross += x * float64(z[i+1]) * 2 / n
		}
		if math.Abs(x) > 5.77 {
			t.Fatalf("|z| = %g", x)
		}
	}
	for p, want := range map[int]struct{ mean, variance float64 }{1: {0, 1}, 2: {1, 2}, 3: {0, 15}, 4: {3, 96}} {
		if d := math.Abs(m[p] - want.mean); d > 5*math.Sqrt(want.variance/n) {
			t.Errorf("moment %d = %g, want %g", p, m[p], want.mean)
		}
	}
	if math.Abs(cross) > 5*math.Sqrt(2.0/n) {
		t.Errorf("cosine and sine of a pair have correlation %g", cross)
	}
}

// A permutation holds every number once and every number falls everywhere equally often.
func TestPerm(t *testing.T) {
	const n, runs = 7, 7000
	var count [n][n]int
	for r := range runs {
		p := make([]int, n)
		noise.New(9, noise.Order).Sub(uint32(r)).Perm(p)
		sorted := slices.Clone(p)
		slices.Sort(sorted)
		for i, v := range sorted {
			if v != i {
				t.Fatalf("%v is no permutation", p)
			}
		}
		for i, v := range p {
			count[i][v]++
		}
	}
	for i := range n {
		for v, c := range count[i] {
			if d := math.Abs(float64(c) - runs/n); d > 5*math.Sqrt(runs/n) {
				t.Errorf("%d falls on place %d %d times of %d", v, i, c, runs)
			}
		}
	}
}

func TestNormalsAllocateNothing(t *testing.T) {
	z := make([]float32, 100)
	s := noise.New(1, noise.Training)
	if n := testing.AllocsPerRun(10, func() { s.Normals(z, 5); s.Rows(z, 3, 10); s.Rows(z, 3, 2); s.Uniforms(z, 9) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
