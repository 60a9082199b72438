package solver_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"fmtool/models/noise"
	"fmtool/runtime/solver"
)

// ornstein follows dx = −x dt + g dW with n steps from x = 2 to t = 1 for rows and returns mean and variance.
func ornstein(t *testing.T, m solver.Noisy, n, rows int, g float64) (mean, variance float64) {
	t.Helper()
	w := solver.NewWalk(m, rows)
	for i := range w.State() {
		w.State()[i] = 2
	}
	drift := func(_ context.Context, dst, x []float32, _ float32) error {
		for i, v := range x {
			dst[i] = -v
		}
		return nil
	}
	c := solver.Chance{
		Variance: func(int) float64 { return g * g / float64(n) },
		Draw:     func(dst []float32, k int) { noise.New(3, noise.SDE).Sub(uint32(k)).Rows(dst, 0, 1) },
	}
	if err := w.Run(t.Context(), drift, c, solver.Grid(n), nil); err != nil {
		t.Fatal(err)
	}
	for _, x := range w.State() {
		mean += float64(x) / float64(rows)
	}
	for _, x := range w.State() {
		variance += (float64(x) - mean) * (float64(x) - mean) / float64(rows-1)
	}
	return mean, variance
}

// The mean and variance of an Ornstein–Uhlenbeck process have closed forms; the means have the methods' weak orders, and so have those without noise.
func TestNoisyMethods(t *testing.T) {
	const rows = 40_000
	for _, m := range solver.NoisyMethods {
		mean, variance := ornstein(t, m, 64, rows, 0.5)
		wantMean, wantVariance := 2*math.Exp(-1), 0.25*(1-math.Exp(-2))/2
		bias := 2 * math.Pow(1./64, float64(m.Order))
		if s := math.Sqrt(wantVariance / rows); math.Abs(mean-wantMean) > 4*s+bias {
			t.Errorf("%s: mean %g, want %g ± %g", m.Name, mean, wantMean, s)
		}
		if s := wantVariance * math.Sqrt(2./rows); math.Abs(variance-wantVariance) > 4*s+bias {
			t.Errorf("%s: variance %g, want %g ± %g", m.Name, variance, wantVariance, s)
		}
		at := func(n int) float64 {
			mean, _ := ornstein(t, m, n, 1, 0)
			return math.Abs(mean - wantMean)
		}
		if order := math.Log2(at(8) / at(16)); math.Abs(order-float64(m.Order)) > 0.2 {
			t.Errorf("%s: order %.2f without noise, want %d", m.Name, order, m.Order)
		}
	}
}

// A walk wants a rising grid, and stops when its context does.
func TestWalkRefuses(t *testing.T) {
	w := solver.NewWalk(solver.EulerMaruyama, 1)
	still := func(_ context.Context, dst, _ []float32, _ float32) error { clear(dst); return nil }
	c := solver.Chance{Variance: func(int) float64 { return 0 }}
	for _, grid := range [][]float64{nil, {0}, {0, 0}, {1, 0}, {0, math.NaN()}, {0, math.Inf(1)}} {
		if err := w.Run(t.Context(), still, c, grid, nil); err == nil || !strings.HasPrefix(err.Error(), "solver: ") {
			t.Errorf("grid %v: %v", grid, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Run(ctx, still, c, solver.Grid(2), nil); err == nil {
		t.Error("a cancelled walk ended well")
	}
	if _, err := solver.ParseNoisy("euler-maruyma"); err == nil || !strings.Contains(err.Error(), `did you mean "euler-maruyama"`) {
		t.Error(err)
	}
}
