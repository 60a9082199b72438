//go:build amd64 && !purego

package kernel

// The probe's loop: twelve accumulators of eight numbers hide the latency of an FMA on two pipes.
const (
	probeFlops = 12 * 8 * 2 // of one turn
	probeTurns = 1 << 16    // of one call, about 0.13 ms: assembly cannot be interrupted
)

//go:noescape
func probe(turns int)

// Peak runs 256-bit FMA instructions on registers alone and returns the number of floating-point operations done, about calls × 0.13 ms of work for one core.
// Divided by the time it took that is the highest rate that AVX2 code can have on this machine at this moment, what benchmarks measure kernels
// against. It returns 0 where there is no assembly.
func Peak(calls int) (flops float64) {
	if !HasFMA {
		return 0
	}
	for range calls {
		probe(probeTurns)
	}
	return float64(calls) * probeTurns * probeFlops
}
