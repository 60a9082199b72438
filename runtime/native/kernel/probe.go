//go:build amd64 && !purego

package kernel

// The probe's loop: twelve accumulators of a vector hide the latency of an FMA on two pipes.
const (
	probeSums  = 12
	probeTurns = 1 << 16 // of one call, about 0.13 ms: assembly cannot be interrupted
)

//go:noescape
func probe256(turns int)

//go:noescape
func probe512(turns int)

// Peak runs FMA instructions on registers alone and returns the number of floating-point operations done, about calls × 0.13 ms of work for one core.
// The instructions are those in use: of 512 bits with AVX-512, of 256 with AVX2. Divided by the time it took that is the highest rate that the
// kernels can have on this machine at this moment, what benchmarks measure them against. It returns 0 where there is no assembly.
func Peak(calls int) (flops float64) {
	if !HasFMA {
		return 0
	}
	for range calls {
		if wide {
			probe512(probeTurns)
		} else {
			probe256(probeTurns)
		}
	}
	return float64(calls) * probeTurns * probeSums * float64(shape.lanes) * 2
}
