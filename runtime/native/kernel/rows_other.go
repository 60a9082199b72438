//go:build !amd64 || purego

package kernel

func sumVec(*float64, *float32, int) { noRows() }

func squaresVec(*float64, *float32, int, float64) { noRows() }

func repeatVec(*float32, *float32, int, int) { noRows() }

func sumColumns([]float64, []float32, int, int) int { return 0 }

func rowSumsVec(*float64, *float32, int, int) { noRows() }

func rowSquaresVec(*float64, *float32, int, int) { noRows() }

func fetch(*float32, int) {}

func largestVec(*float32, *float32, int) { noRows() }

func softmaxRow(dst, x []float32, m float32) { softmaxPortable(dst, x, m) }

func normalise(dst, x, scale, bias []float32, mean, inv float64) {
	normalisePortable(dst, x, scale, bias, mean, inv)
}

func noRows() { panic("kernel: no rows without assembly") }
