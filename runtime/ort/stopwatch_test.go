package ort_test

import (
	"slices"
	"testing"
	"time"
)

// stopwatch collects times in seconds; the median of runs taken in turn with others is fair on a busy machine.
type stopwatch []float64

func (s *stopwatch) time(f func() error, b *testing.B) {
	start := time.Now()
	if err := f(); err != nil {
		b.Fatal(err)
	}
	*s = append(*s, time.Since(start).Seconds())
}

func (s stopwatch) median() float64 {
	sorted := slices.Clone(s)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}
