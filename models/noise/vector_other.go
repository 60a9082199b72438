//go:build !amd64 || purego

package noise

func (s Stream) words(w0, w1 []uint32, lo, hi uint32) { s.wordsPortable(w0, w1, lo, hi) }

func (s Stream) uniforms(dst []float32, lo, hi uint32) { s.uniformsPortable(dst, lo, hi) }

func (s Stream) pairs(dst []float32, lo, hi, loStep, hiStep uint32) {
	s.pairsPortable(dst, lo, hi, loStep, hiStep)
}
