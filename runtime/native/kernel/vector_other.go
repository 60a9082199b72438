//go:build !amd64 || purego

package kernel

func vector(int, []float32, []float32, []float32) { panic("kernel: no vectors without assembly") }

func angles(bool, []float32, []float32, func(float64) float64) {
	panic("kernel: no vectors without assembly")
}

func kinked(bool, []float32, []float32, float32, float32) {
	panic("kernel: no vectors without assembly")
}

func whereVec(_, _, _, _ *float32, _ int) { panic("kernel: no vectors without assembly") }

func whole(int) int { return 0 }
