package metric

import (
	"fmt"
	"math"
)

// Path is the states of n points at rising times: X[k] [n, Dim] at T[k].
type Path struct {
	Dim int
	T   []float64
	X   [][]float32
}

// check refuses paths of fewer than two states and states of different sizes.
func (p Path) check() error {
	if p.Dim < 1 || len(p.T) < 2 || len(p.X) != len(p.T) {
		return fmt.Errorf("metric: a path of %d states at %d times in %d dimensions: want at least two of both", len(p.X), len(p.T), p.Dim)
	}
	for k, x := range p.X {
		if len(x) == 0 || len(x) != len(p.X[0]) || len(x)%p.Dim != 0 {
			return fmt.Errorf("metric: state %d of a path has %d numbers, the first %d, in %d dimensions", k, len(x), len(p.X[0]), p.Dim)
		}
		if k > 0 && !(p.T[k] > p.T[k-1]) {
			return fmt.Errorf("metric: time %d of a path is %g after %g: want rising times", k, p.T[k], p.T[k-1])
		}
	}
	return nil
}

// PathMetric measures trajectories.
type PathMetric struct {
	Name    string
	Formula string
	Better  Direction
	Source  string
	Of      func(p Path) (float64, error)
}

// Paths is the table of metrics of trajectories. Sampling has no floor here: a straight path has straightness 0 whatever the number of points.
var Paths = []PathMetric{
	{"path energy", "E ∫|ẋ|² dt", Lower, "TO24", Energies},
	{"straightness", "E ∫|x1 − x0 − ẋ|² dt", Lower, "LIU23", Straightness},
	{"curvature", "straightness over E|x1 − x0|²", Lower, "LEE23", Curvature},
	{"detour", "mean length of the path over mean |x1 − x0|", One, "LIU23", Detour},
}

// Energies is the path energy E ∫|ẋ|² dt [TO24], a mean over points; between two states the velocity is taken as constant, (x_{k+1} − x_k)/(t_{k+1} − t_k),
// which is exact for Euler steps.
func Energies(p Path) (float64, error) {
	return p.sum(func(d2, h float64) float64 { return d2 / h })
}

// NPE is the normalised path energy |E ∫|ẋ|² dt − W2²|/W2², W2² the squared distance of source and target [TO24]: 0 for optimal transport.
func NPE(energy, squaredW2 float64) float64 { return math.Abs(energy-squaredW2) / squaredW2 }

// Straightness is E ∫₀¹|x1 − x0 − ẋ|² dt [LIU23] = path energy − E|x1 − x0|² on [0, 1], with ends x0 and x1: 0 for straight paths at constant speed,
// which one Euler step follows.
func Straightness(p Path) (float64, error) {
	e, err := Energies(p)
	if err != nil {
		return 0, err
	}
	c, err := p.chord(func(d2 float64) float64 { return d2 / (p.T[len(p.T)-1] - p.T[0]) })
	return max(e-c, 0), err // rounding may leave less than 0
}

// Curvature is the straightness over E|x1 − x0|², the mean trajectory curvature of [LEE23] in units of the paths' own size.
func Curvature(p Path) (float64, error) {
	s, err := Straightness(p)
	if err != nil {
		return 0, err
	}
	c, err := p.chord(func(d2 float64) float64 { return d2 })
	return s / c, err
}

// Detour is the mean length of the paths over the mean distance of their ends: 1 for straight paths, at whatever speed.
func Detour(p Path) (float64, error) {
	length, err := p.sum(func(d2, _ float64) float64 { return math.Sqrt(d2) })
	if err != nil {
		return 0, err
	}
	c, err := p.chord(math.Sqrt)
	return length / c, err
}

// sum is the mean over points of Σ f(|x_{k+1} − x_k|², t_{k+1} − t_k).
func (p Path) sum(f func(d2, h float64) float64) (float64, error) {
	if err := p.check(); err != nil {
		return 0, err
	}
	total := 0.0
	for k := range len(p.T) - 1 {
		h := p.T[k+1] - p.T[k]
		for i := 0; i < len(p.X[k]); i += p.Dim {
			total += f(square(p.X[k+1][i:i+p.Dim], p.X[k][i:i+p.Dim]), h)
		}
	}
	return total / float64(len(p.X[0])/p.Dim), nil
}

// chord is the mean of f(|x1 − x0|²) over the ends.
func (p Path) chord(f func(d2 float64) float64) (float64, error) {
	ends := Path{p.Dim, []float64{0, 1}, [][]float32{p.X[0], p.X[len(p.X)-1]}}
	return ends.sum(func(d2, _ float64) float64 { return f(d2) })
}
