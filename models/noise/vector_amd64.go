//go:build amd64 && !purego

package noise

import "fmtool/runtime/native/cpu"

// useVectors reports that assembly makes words and normals; written by runtime/native/kernel/gen.
var useVectors bool

// wide reports that it is that of AVX-512. The assembly reads it.
var wide bool

// group is the number of counters of a turn of the assembly, two vectors; most is the largest.
var group = 16

const most = 32

// use sets the instructions to use.
func use(l cpu.Level) {
	useVectors, wide, group = l >= cpu.AVX2, l >= cpu.AVX512, most/2
	if wide {
		group = most
	}
}

func init() { use(cpu.Use) }

//go:noescape
func wordsVec(w0, w1 *uint32, n int, k0, k1, lo, hi, loStep, hiStep uint32)

//go:noescape
func uniformsVec(dst *float32, n int, k0, k1, lo, hi, loStep, hiStep uint32)

//go:noescape
func normalsVec(dst *float32, n int, k0, k1, lo, hi, loStep, hiStep uint32)

// What does not fill a turn goes through a buffer, so that a number is computed alike wherever it stands.

func (s Stream) words(w0, w1 []uint32, lo, hi uint32) {
	if !useVectors {
		s.wordsPortable(w0, w1, lo, hi)
		return
	}
	n := len(w0) / group
	if n > 0 {
		wordsVec(&w0[0], &w1[:len(w0)][0], n, s.k0, s.k1, lo, hi, 1, 0)
	}
	if n *= group; n < len(w0) {
		var a, b [most]uint32
		wordsVec(&a[0], &b[0], 1, s.k0, s.k1, lo+uint32(n), hi, 1, 0)
		copy(w0[n:], a[:])
		copy(w1[n:len(w0)], b[:])
	}
}

func (s Stream) uniforms(dst []float32, lo, hi uint32) {
	if !useVectors {
		s.uniformsPortable(dst, lo, hi)
		return
	}
	n := len(dst) / group
	if n > 0 {
		uniformsVec(&dst[0], n, s.k0, s.k1, lo, hi, 1, 0)
	}
	if n *= group; n < len(dst) {
		var rest [most]float32
		uniformsVec(&rest[0], 1, s.k0, s.k1, lo+uint32(n), hi, 1, 0)
		copy(dst[n:], rest[:])
	}
}

// pairs is pairsPortable, but for roundings.
func (s Stream) pairs(dst []float32, lo, hi, loStep, hiStep uint32) {
	if !useVectors {
		s.pairsPortable(dst, lo, hi, loStep, hiStep)
		return
	}
	n := len(dst) / (2 * group)
	if n > 0 {
		normalsVec(&dst[0], n, s.k0, s.k1, lo, hi, loStep, hiStep)
	}
	if n *= group; 2*n < len(dst) {
		var rest [2 * most]float32
		normalsVec(&rest[0], 1, s.k0, s.k1, lo+uint32(n)*loStep, hi+uint32(n)*hiStep, loStep, hiStep)
		copy(dst[2*n:], rest[:])
	}
}
