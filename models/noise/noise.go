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
	hi, _ := bits.Mul64(s.Uint64(pos), uint64(n))
	return int(hi)
}

// unit is 2⁻²⁴, the grid of the uniforms.
const unit = 1.0 / (1 << 24)

// Uniforms writes numbers in [0, 1), multiples of 2⁻²⁴, one for each position from pos on.
func (s Stream) Uniforms(dst []float32, pos uint64) {
	for i := range dst {
		p := pos + uint64(i)
		w0, _ := s.Words(uint32(p), uint32(p>>32))
		dst[i] = float32(w0>>8) * unit
	}
}

// Normals writes standard normals, two for each position from pos on; an odd last one drops its sine.
func (s Stream) Normals(dst []float32, pos uint64) {
	for ; len(dst) > 0; pos++ {
		dst = put(dst, s, uint32(pos), uint32(pos>>32))
	}
}

// Row writes the sampling noise of row n.
func (s Stream) Row(dst []float32, n uint64) {
	if high := uint32(n >> 32); high != 0 {
		s = s.key(high, math.MaxUint32-1)
	}
	for j := uint32(0); len(dst) > 0; j++ {
		dst = put(dst, s, uint32(n), j)
	}
}

// Rows writes the sampling noise of the len(dst)/dim rows from first on, [rows, dim].
func (s Stream) Rows(dst []float32, first uint64, dim int) {
	for ; len(dst) >= dim && dim > 0; dst, first = dst[dim:], first+1 {
		s.Row(dst[:dim], first)
	}
}

// put writes the pair of normals of a counter and returns what is left to fill.
func put(dst []float32, s Stream, lo, hi uint32) []float32 {
	w0, w1 := s.Words(lo, hi)
	c, sn := pair(w0, w1)
	dst[0] = c
	if len(dst) == 1 {
		return nil
	}
	dst[1] = sn
	return dst[2:]
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
	for i := range dst {
		j := s.Intn(uint64(i), i+1)
		dst[i] = dst[j]
		dst[j] = i
	}
}
