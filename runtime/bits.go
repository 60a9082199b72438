package runtime

import (
	"math"
	"slices"

	"fmtool/models/flow"
	"fmtool/models/noise"
)

// BitsPerDim is −log₂ p of a row for each of its dims numbers, where the log-density of numbers dequantised by noise of one bin is that of bins
// [TH16]: −(log p + dims·ln width)/(dims·ln 2). Constant columns do not count.
func BitsPerDim(logDensity float64, spec flow.Spec, width float64) float64 {
	_, dims := spec.Varying()
	return -(logDensity/float64(dims) + math.Log(width)) / math.Ln2
}

// Dequantise adds uniform noise of [−width/2, width/2) to rows [N, dim] of values a multiple of width apart, in place, so that they have a density:
// its mean log-density is at most the log-probability of the bins [TH16]. The noise of row n of the seed depends on n alone.
func Dequantise(rows []float32, dim int, width float64, seed, first uint64) {
	u, s := make([]float32, dim), noise.New(seed, noise.Dequantise)
	for row := range slices.Chunk(rows, dim) {
		s.Uniforms(u, first*uint64(dim))
		first++
		for j := range row {
			row[j] += float32(width * (float64(u[j]) - 0.5))
		}
	}
}
