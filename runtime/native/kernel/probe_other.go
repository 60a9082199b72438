//go:build !amd64 || purego

package kernel

// Peak is the number of floating-point operations of a loop of FMA instructions, which there is in assembly only: 0.
func Peak(int) (flops float64) { return 0 }
