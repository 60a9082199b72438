// Package kernel holds the hot loops of the native engine: float32 matrix products and vector functions over slices.
//
// Every function works on plain slices, allocates nothing, runs in the calling goroutine and gives the same bits however a caller cuts the rows or
// elements. Slices may be unaligned; dst may be the very slice of an input unless a function says otherwise, but not overlap it
// in part. A vector function handles len(dst) elements; its inputs must be at least as long. NaN propagates.
//
// Each function has a portable form, plain Go and gonum's blas32. On amd64 with AVX2 and FMA, or with AVX-512, assembly takes its place (HasFMA), written
// by gen (go generate): one description gives the forms for both. The environment variable FMTOOL_CPU=portable|avx2|avx512 asks for less than the
// machine has, see runtime/native/cpu. On arm64 products have a micro-kernel in NEON and the rest is portable. The build tag purego forces the portable
// form. All pass the same tests against float64. They differ in last places, so results have the same bits only for the same instructions.
package kernel
