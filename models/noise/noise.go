package noise

import (
	"math"
	"math/bits"
)

// The streams. A number is never given a second meaning.
const (
	Sampling   uint32 = iota // x0 of samples, by row
	Weights                  // initial weights
	Order                    // order of the training rows
	Times                    // times t of training
	Training                 // x0 of training
	Labels                   // label drop-out
	SDE                      // increments of stochastic samplers
	Data                     // synthetic data sets
	Split                    // held-out rows
	HeldOut                  // times and noise of the held-out loss
	Projection               // directions of sliced distances
	Probe                    // parity checks
	Comparison               // rows that samples are compared with
	Hutchinson               // probes of divergences, by row
	Dequantise               // uniform noise on whole numbers, by row
	Noising                  // x0 of given points
	PathNoise                // noise σ on training paths
	Source                   // order of the rows of a source
	Pairing                  // draws of entropic couplings
	Rectify                  // pairs of a reflow
)

// Stream is a key. Streams are comparable values.
type Stream struct{ k0, k1 uint32 }

// New returns stream number stream of a seed.
func New(seed uint64, stream uint32) Stream {
	s := Stream{uint32(seed), uint32(seed >> 32)}
	if stream == Sampling {
		return s
	}
	return s.key(stream, math.MaxUint32)
}

// Sub returns an independent stream for a purpose within the purpose, such as one epoch or one parameter.
func (s Stream) Sub(n uint32) Stream { return s.key(n, math.MaxUint32-2) }

func (s Stream) key(lo, hi uint32) Stream {
	k0, k1 := s.Words(lo, hi)
	return Stream{k0, k1}
}

// Words is Threefry-2x32-20 at counter (lo, hi): five times four rounds, after each the next two of three key words.
func (s Stream) Words(lo, hi uint32) (w0, w1 uint32) {
	a, b, c := s.k0, s.k1, s.k0^s.k1^0x1BD11BDA
	x, y := even(lo+a, hi+b)
	x, y = odd(x+b, y+c+1)
	x, y = even(x+c, y+a+2)
	x, y = odd(x+a, y+b+3)
	x, y = even(x+b, y+c+4)
	return x + c, y + a + 5
}

// even and odd are the two kinds of four rounds, which differ in how far they rotate.
func even(x, y uint32) (uint32, uint32) {
	x += y
	y = bits.RotateLeft32(y, 13) ^ x
	x += y
	y = bits.RotateLeft32(y, 15) ^ x
	x += y
	y = bits.RotateLeft32(y, 26) ^ x
	x += y
	return x, bits.RotateLeft32(y, 6) ^ x
}

func odd(x, y uint32) (uint32, uint32) {
	x += y
	y = bits.RotateLeft32(y, 17) ^ x
	x += y
	y = bits.RotateLeft32(y, 29) ^ x
	x += y
	y = bits.RotateLeft32(y, 16) ^ x
	x += y
	return x, bits.RotateLeft32(y, 24) ^ x
}

// Uint64 is the two words at a position.
func (s Stream) Uint64(pos uint64) uint64 {
	w0, w1 := s.Words(uint32(pos), uint32(pos>>32))
	return uint64(w1)<<32 | uint64(w0)
}

// Intn is a number in [0, n) at a position, with a bias below n·2⁻⁶⁴.
func (s Stream) Intn(pos uint64, n int) int {
	w0, w1 := s.Words(uint32(pos), uint32(pos>>32))
	return intn(w0, w1, n)
}

// intn is the place of two words, taken as a fraction of 2⁶⁴, among n.
func intn(w0, w1 uint32, n int) int {
	hi, _ := bits.Mul64(uint64(w1)<<32|uint64(w0), uint64(n))
	return int(hi)
}

// unit is 2⁻²⁴, the grid of the uniforms.
const unit = 1.0 / (1 << 24)

// Uniforms writes numbers in [0, 1), multiples of 2⁻²⁴, one for each position from pos on.
func (s Stream) Uniforms(dst []float32, pos uint64) {
	for len(dst) > 0 {
		n := run(pos, len(dst))
		s.uniforms(dst[:n], uint32(pos), uint32(pos>>32))
		dst, pos = dst[n:], pos+uint64(n)
	}
}

// Normals writes standard normals, two for each position from pos on; an odd last one drops its sine.
func (s Stream) Normals(dst []float32, pos uint64) {
	for len(dst) > 0 {
		n := run(pos, (len(dst)+1)/2)
		m := min(2*n, len(dst))
		s.pairs(dst[:m], uint32(pos), uint32(pos>>32), 1, 0)
		dst, pos = dst[m:], pos+uint64(n)
	}
}

// run is how many of n positions from pos on have the same high word.
func run(pos uint64, n int) int { return int(min(uint64(n), 1<<32-pos&math.MaxUint32)) }

// Row writes the sampling noise of row n.
func (s Stream) Row(dst []float32, n uint64) { s.rowsOf(n>>32).pairs(dst, uint32(n), 0, 0, 1) }

// rowsOf is the stream of the rows whose number has these high 32 bits.
func (s Stream) rowsOf(high uint64) Stream {
	if high == 0 {
		return s
	}
	return s.key(uint32(high), math.MaxUint32-1)
}

// narrow is the number of columns from which a row is long enough to be made alone. Narrower ones are made a block of rows and a pair of columns
// at a time.
const narrow, block = 64, 64

// Rows writes the sampling noise of the len(dst)/dim rows from first on, [rows, dim].
func (s Stream) Rows(dst []float32, first uint64, dim int) {
	if dim <= 0 {
		return
	}
	for len(dst) >= dim {
		n := 1
		switch {
		case dim == 2:
			n = run(first, len(dst)/2)
			s.rowsOf(first>>32).pairs(dst[:2*n], uint32(first), 0, 1, 0)
		case dim >= narrow:
			s.Row(dst[:dim], first)
		default:
			n = run(first, min(len(dst)/dim, block))
			s.rowsOf(first>>32).columns(dst[:n*dim], uint32(first), dim)
		}
		dst, first = dst[n*dim:], first+uint64(n)
	}
}

// columns writes at most block rows, [rows, dim], two columns at a time.
func (s Stream) columns(dst []float32, first uint32, dim int) {
	var two [2 * block]float32
	z := two[:len(dst)/dim*2]
	for j := 0; j < dim; j += 2 {
		s.pairs(z, first, uint32(j/2), 1, 0)
		if j == dim-1 {
			for i, at := 0, j; i < len(z); i, at = i+2, at+dim {
				dst[at] = z[i]
			}
			return
		}
		for i, at := 0, j; i < len(z); i, at = i+2, at+dim {
			dst[at], dst[at+1] = z[i], z[i+1]
		}
	}
}

// wordsPortable writes the words of the counters from (lo, hi) on; hi stays.
func (s Stream) wordsPortable(w0, w1 []uint32, lo, hi uint32) {
	for i := range w0 {
		w0[i], w1[i] = s.Words(lo+uint32(i), hi)
	}
}

func (s Stream) uniformsPortable(dst []float32, lo, hi uint32) {
	for i := range dst {
		w0, _ := s.Words(lo+uint32(i), hi)
		dst[i] = float32(w0>>8) * unit
	}
}

// pairsPortable writes the pairs of the counters (lo, hi), (lo + loStep, hi + hiStep), …; an odd last number drops its sine.
func (s Stream) pairsPortable(dst []float32, lo, hi, loStep, hiStep uint32) {
	for ; len(dst) > 0; lo, hi = lo+loStep, hi+hiStep {
		c, sn := pair(s.Words(lo, hi))
		dst[0] = c
		if len(dst) == 1 {
			return
		}
		dst[1] = sn
		dst = dst[2:]
	}
}

// pair is Box–Muller with each named step rounded to float32; the functions are within half a unit of their last place.
func pair(w0, w1 uint32) (c, s float32) {
	u := float32(w0>>8+1) * unit
	theta := float32(2*math.Pi) * (float32(w1>>8) * unit)
	r := float32(math.Sqrt(float64(-2 * ln(u)))) // rounded once: the square root of a float32
	sin, cos := sincos(theta)
	return r * cos, r * sin
}

// ln is the logarithm of a normal u > 0. With u = 2ᵉ·m, m in (√½, √2], and s = (m−1)/(m+1), it is e·ln 2 + 2·artanh s, whose series is cut where
// |s| ≤ 0.172 leaves less than 1e-10 of it.
func ln(u float32) float32 {
	bits := math.Float32bits(u)
	e, m := float64(int(bits>>23)-127), float64(math.Float32frombits(bits&0x7fffff|0x3f800000))
	if m > math.Sqrt2 {
		e, m = e+1, m/2
	}
	s := (m - 1) / (m + 1)
	z := s * s
	return float32(e*math.Ln2 + 2*s*(1+z*(1./3+z*(1./5+z*(1./7+z*(1./9+z*(1./11+z*(1./13))))))))
}

// sincos is for angles from 0 to 2π: with q = round(x/(π/2)) and r = x − q·π/2 the Taylor series of sine and cosine at |r| ≤ π/4, cut below
// 1e-10, turned by q quarters.
func sincos(x float32) (sin, cos float32) {
	q := int(float64(x)*(2/math.Pi) + 0.5)
	r := float64(x) - float64(q)*(math.Pi/2)
	z := r * r
	a := float32(r * (1 + z*(-1./6+z*(1./120+z*(-1./5040+z*(1./362880+z*(-1./39916800)))))))
	b := float32(1 + z*(-1./2+z*(1./24+z*(-1./720+z*(1./40320+z*(-1./3628800+z*(1./479001600)))))))
	switch q & 3 {
	case 0:
		return a, b
	case 1:
		return b, -a
	case 2:
		return -a, -b
	}
	return -b, a
}

// Perm writes a permutation of 0 … len(dst)−1 (Fisher–Yates), a pure function of the stream.
func (s Stream) Perm(dst []int) {
	var w0, w1 [block]uint32
	for at := 0; at < len(dst); at += block {
		n := min(block, len(dst)-at) // block divides 2³²: the high word stays
		s.words(w0[:n], w1[:n], uint32(at), uint32(uint64(at)>>32))
		for k := range n {
			i := at + k
			j := intn(w0[k], w1[k], i+1)
			dst[i] = dst[j]
			dst[j] = i
		}
	}
}
