package kernel

import "testing"

// The probe counts what its loop executes, in proportion to the calls, and says that it is not there by counting nothing.
func TestPeakCounts(t *testing.T) {
	one, three := Peak(1), Peak(3)
	if three != 3*one || (one > 0) != HasFMA {
		t.Errorf("one call counts %g operations, three %g, with assembly: %v", one, three, HasFMA)
	}
}

// BenchmarkPeak is the rate that every other figure of this package is held against.
func BenchmarkPeak(b *testing.B) {
	flops := 0.0
	for b.Loop() {
		flops += Peak(1)
	}
	if flops == 0 {
		b.Skip("no assembly")
	}
	b.ReportMetric(flops/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
