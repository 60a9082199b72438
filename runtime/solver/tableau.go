package solver

import (
	"fmt"
	"math"
	"slices"

	"fmtool/models/flow"
)

// Tableau is an explicit method [HNW93]: stage i is k_i = f(x + h Σ A[i][j] k_j, t + C[i] h), the step
//
//	x + h Σ B[i] k_i + Past (h²/h') (k_0 − k_0'),
//
// where h' and k_0' are the step before and its first stage; the last term is left out of the first step. Runge–Kutta methods have Past = 0.
type Tableau struct {
	Name  string
	Order int // of the error at a fixed time: halving the steps divides it by 2^Order
	A     [][]float64
	B, C  []float64 // row i of A has i entries
	E     []float64 // B minus the weights of the embedded method, whose h Σ E[i] k_i estimates the error of a step; nil: none
	EBase int       // order of the embedded method
	Past  float64
}

// The methods.
var (
	// Euler is x ← x + h·f(x, t).
	Euler = Tableau{Name: "euler", Order: 1, A: [][]float64{nil}, B: []float64{1}, C: []float64{0}}
	// Midpoint evaluates at the middle of the step.
	Midpoint = Tableau{Name: "midpoint", Order: 2, A: [][]float64{nil, {1. / 2}}, B: []float64{0, 1}, C: []float64{0, 1. / 2}}
	// Heun is the explicit trapezoidal rule.
	Heun = Tableau{Name: "heun", Order: 2, A: [][]float64{nil, {1}}, B: []float64{1. / 2, 1. / 2}, C: []float64{0, 1}}
	// Ralston has the least bound on the truncation error among the methods of two stages and order 2 [RA62].
	Ralston = Tableau{Name: "ralston", Order: 2, A: [][]float64{nil, {2. / 3}}, B: []float64{1. / 4, 3. / 4}, C: []float64{0, 2. / 3}}
	// RK4 is the classical method of order 4.
	RK4 = Tableau{Name: "rk4", Order: 4, A: [][]float64{nil, {1. / 2}, {0, 1. / 2}, {0, 0, 1}}, B: []float64{1. / 6, 1. / 3, 1. / 3, 1. / 6}, C: []float64{0, 1. / 2, 1. / 2, 1}}
	// AB2 is the method of Adams and Bashforth of two steps, x + h (3/2 k − 1/2 k') for equal steps, one evaluation each. The first step is
	// Euler's, whose single error of order h² leaves the order at 2.
	AB2 = Tableau{Name: "ab2", Order: 2, A: [][]float64{nil}, B: []float64{1}, C: []float64{0}, Past: 1. / 2}
	// Bosh3 is the pair 3(2) of Bogacki and Shampine [BS89]. Its last stage is the next step's first.
	Bosh3 = Tableau{Name: "bosh3", Order: 3, EBase: 2,
		A: [][]float64{nil, {1. / 2}, {0, 3. / 4}, {2. / 9, 1. / 3, 4. / 9}},
		B: []float64{2. / 9, 1. / 3, 4. / 9, 0},
		C: []float64{0, 1. / 2, 3. / 4, 1},
		E: []float64{2./9 - 7./24, 1./3 - 1./4, 4./9 - 1./3, -1. / 8},
	}
	// Dopri5 is the pair 5(4) of Dormand and Prince [DP80]. Its last stage is the next step's first.
	Dopri5 = Tableau{Name: "dopri5", Order: 5, EBase: 4,
		A: [][]float64{
			nil,
			{1. / 5},
			{3. / 40, 9. / 40},
			{44. / 45, -56. / 15, 32. / 9},
			{19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
			{9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
			{35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84},
		},
		B: []float64{35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84, 0},
		C: []float64{0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1},
		E: []float64{71. / 57600, 0, -71. / 16695, 71. / 1920, -17253. / 339200, 22. / 525, -1. / 40},
	}
)

// Methods is the table.
var Methods = []Tableau{Euler, Midpoint, Heun, Ralston, RK4, AB2, Bosh3, Dopri5}

// Parse returns the method of a name.
func Parse(name string) (Tableau, error) {
	for _, m := range Methods {
		if m.Name == name {
			return m, nil
		}
	}
	return Tableau{}, fmt.Errorf("solver: %w", flow.Unknown("solver", name, Names()))
}

// Names are those of the table.
func Names() []string {
	var names []string
	for _, m := range Methods {
		names = append(names, m.Name)
	}
	return names
}

// Stages is the number of evaluations of a step of given length: stages at the end that only an error estimate weighs are left out.
func (m Tableau) Stages() int {
	n := len(m.B)
	for n > 1 && m.B[n-1] == 0 {
		n--
	}
	return n
}

// adaptable reports whether the method estimates its error and ends each step with the next one's first stage.
func (m Tableau) adaptable() bool {
	last := len(m.B) - 1
	return m.E != nil && last > 0 && m.C[last] == 1 && slices.Equal(m.A[last], m.B[:last])
}

// Grid is the times 0, 1/n, …, 1. Each is computed as k/n, so that no error accumulates.
func Grid(n int) []float64 {
	g := make([]float64, n+1)
	for k := range g {
		g[k] = float64(k) / float64(n)
	}
	return g
}

// checkGrid refuses times that do not all go the same way.
func checkGrid(grid []float64) error {
	if len(grid) == 0 {
		return fmt.Errorf("solver: a grid without times")
	}
	for i, t := range grid {
		if math.IsNaN(t) || math.IsInf(t, 0) || i > 0 && (t == grid[i-1] || (t > grid[i-1]) != (grid[1] > grid[0])) {
			return fmt.Errorf("solver: time %d of the grid is %g after %v: want finite times that only rise or only fall", i, t, grid[max(i-1, 0):i])
		}
	}
	return nil
}
