package solver

import (
	"context"
	"fmt"
	"math"

	"fmtool/models/flow"
)

// Noisy is a method for stochastic equations dx = f(x, t) dt + g(t) dW, whose noise does not depend on x [KP92]. With ΔW ~ N(0, ∫g² dt · I) over a step,
//
//	euler-maruyama   x + h f(x, t) + ΔW
//	stochastic-heun  x + h/2 (f(x, t) + f(x', t + h)) + ΔW,  x' = x + h f(x, t) + ΔW
//
// Their weak order, that of the error of expectations, is 1 and 2. Without noise they are Euler and Heun.
type Noisy struct {
	Name  string
	Order int // weak
	heun  bool
}

// The methods for stochastic equations.
var (
	EulerMaruyama  = Noisy{Name: "euler-maruyama", Order: 1}
	StochasticHeun = Noisy{Name: "stochastic-heun", Order: 2, heun: true}
)

// NoisyMethods is the table.
var NoisyMethods = []Noisy{EulerMaruyama, StochasticHeun}

// ParseNoisy returns the method of a name.
func ParseNoisy(name string) (Noisy, error) {
	var names []string
	for _, m := range NoisyMethods {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return Noisy{}, fmt.Errorf("solver: %w", flow.Unknown("method", name, names))
}

// Stages is the number of evaluations of a step.
func (m Noisy) Stages() int {
	if m.heun {
		return 2
	}
	return 1
}

// Walk follows a stochastic equation in float32 along a grid of times, allocating nothing once made.
type Walk struct {
	m     Noisy
	x, y  []float32
	k     [][]float32
	noise []float32
}

// NewWalk makes room for states of size numbers.
func NewWalk(m Noisy, size int) *Walk {
	w := &Walk{m: m, x: make([]float32, size), y: make([]float32, size), noise: make([]float32, size)}
	for range m.Stages() {
		w.k = append(w.k, make([]float32, size))
	}
	return w
}

// State is the current x, to be set before Run and read after it.
func (w *Walk) State() []float32 { return w.x }

// Buffers are the slices that the drift is given, as those of Stepper.
func (w *Walk) Buffers() (x, later []float32, dst [][]float32) { return w.x, w.y, w.k }

// Chance is the random part of an equation.
type Chance struct {
	Variance func(step int) float64        // ∫g² dt over a step, 0 for none
	Draw     func(dst []float32, step int) // standard normals, a pure function of row and step
}

// Run takes a step between each two times of the rising grid, with drift f. each, if not nil, sees every step done. The context is looked at before each
// step.
func (w *Walk) Run(ctx context.Context, f Field32, c Chance, grid []float64, each func(step int)) error {
	if len(grid) < 2 {
		return fmt.Errorf("solver: %d steps, want at least 1", len(grid)-1)
	}
	for k, t := range grid[:len(grid)-1] {
		h := grid[k+1] - t
		if !(h > 0) || math.IsInf(h, 0) {
			return fmt.Errorf("solver: %s: time %d of the grid is %g after %g: want finite times that rise", w.m.Name, k+1, grid[k+1], t)
		}
		err := ctx.Err()
		if err == nil {
			err = w.step(ctx, f, c, k, t, h)
		}
		if err != nil {
			return fmt.Errorf("solver: %s: step %d of %d: %w", w.m.Name, k, len(grid)-1, err)
		}
		if each != nil {
			each(k)
		}
	}
	return nil
}

func (w *Walk) step(ctx context.Context, f Field32, c Chance, k int, t, h float64) error {
	if err := f(ctx, w.k[0], w.x, float32(t)); err != nil {
		return err
	}
	noise := w.noise
	if v := c.Variance(k); v > 0 {
		c.Draw(noise, k)
		scale(noise, float32(math.Sqrt(v)))
	} else {
		clear(noise)
	}
	if !w.m.heun {
		advance(w.x, w.x, float32(h), w.k[0], noise)
		return nil
	}
	advance(w.y, w.x, float32(h), w.k[0], noise)
	if err := f(ctx, w.k[1], w.y, float32(t+h)); err != nil {
		return err
	}
	advance(w.x, w.x, float32(h/2), w.k[0], noise)
	for d, v := range w.k[1] {
		w.x[d] += float32(h/2) * v
	}
	return nil
}

func scale(x []float32, a float32) {
	for d := range x {
		x[d] *= a
	}
}

// advance writes x + h·k + noise; dst may be x.
func advance(dst, x []float32, h float32, k, noise []float32) {
	for d := range dst {
		dst[d] = x[d] + h*k[d] + noise[d]
	}
}
