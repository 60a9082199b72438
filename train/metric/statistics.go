package metric

import (
	"math"
	"slices"
)

// NLL is the negative mean of log-densities, in nats a row, and its standard error: of held-out rows under a model it bounds from above, on average, the
// entropy of the data, which the data's own density attains.
func NLL(logDensity []float64) (nll, standardError float64) {
	mean, std := MeanStd(logDensity)
	return -mean, std / math.Sqrt(float64(len(logDensity)))
}

// Median is the middle of the values, the mean of the two middle ones for an even count.
func Median(values []float64) float64 {
	s := slices.Clone(values)
	slices.Sort(s)
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// MeanStd is the mean and the standard deviation (n−1) of values, such as a floor over several seeds.
func MeanStd(values []float64) (mean, std float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		std += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(std / float64(max(len(values)-1, 1)))
}
