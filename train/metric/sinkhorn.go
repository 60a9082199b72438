package metric

import (
	"fmt"
	"math"

	"fmtool/train/ot"
)

// Settings of the Sinkhorn divergence: the regularisation over the mean squared distance of two data points, the mean change of the potentials over the
// regularisation at which iterations end, and the most of them.
const (
	sinkhornBlur       = 0.05
	sinkhornTolerance  = 1e-5
	sinkhornIterations = 5000
)

// Sinkhorn is the Sinkhorn divergence of two sets of equally many points [n, dim] [FE19]:
//
//	S(x, y) = T(x, y) − ½ T(x, x) − ½ T(y, y)
//
// T the entropic transport cost for |x − y|² at ε = 0.05 E|y − y′|², by Sinkhorn's iterations on the logarithms [CU13]. It tends to the squared W2 as ε
// falls, is at least 0, 0 for equal sets, and costs O(n²) an iteration; at most AssignmentLimit points.
func Sinkhorn(x, y []float32, dim int) (float64, error) {
	if err := paired("Sinkhorn divergence", x, y, dim); err != nil {
		return 0, err
	}
	n := len(x) / dim
	if n > AssignmentLimit {
		return 0, fmt.Errorf("metric: Sinkhorn divergence of %d points: want at most %d; draw a subset, or use the sliced distance", n, AssignmentLimit)
	}
	e := entropic{n: n, epsilon: sinkhornBlur * 2 * within(y, dim, func(d2 float64) float64 { return d2 }) / float64(n*n), cost: make([]float64, n*n)}
	if e.epsilon == 0 {
		return 0, fmt.Errorf("metric: Sinkhorn divergence: all data points are equal, which gives no scale")
	}
	sum := 0.0
	for _, t := range []struct {
		a, b   []float32
		weight float64
	}{{x, y, 1}, {x, x, -0.5}, {y, y, -0.5}} {
		ot.SquaredDistances(e.cost, t.a, t.b, dim)
		v, err := e.transport()
		if err != nil {
			return 0, err
		}
		sum += t.weight * v
	}
	return sum, nil
}

// entropic is a transport problem of uniform weights with costs [n, n].
type entropic struct {
	n       int
	epsilon float64
	cost    []float64
}

// transport is the value of the dual, mean f + mean g at f_i = −ε log mean_j exp((g_j − c_ij)/ε) and likewise g. Each round averages old and new
// potentials, which converges fast for symmetric costs, and one last update makes the pair exact in its rows.
func (e *entropic) transport() (float64, error) {
	f, g := make([]float64, e.n), make([]float64, e.n)
	nf, ng := make([]float64, e.n), make([]float64, e.n)
	symmetric := e.symmetric()
	for range sinkhornIterations {
		e.softmin(nf, g, e.n, 1)
		if symmetric {
			copy(ng, nf)
		} else {
			e.softmin(ng, nf, 1, e.n)
		}
		change := 0.0
		for i := range f {
			if symmetric {
				nf[i], ng[i] = (f[i]+nf[i])/2, (g[i]+ng[i])/2
			}
			change += (math.Abs(nf[i]-f[i]) + math.Abs(ng[i]-g[i])) / float64(2*e.n)
		}
		f, nf, g, ng = nf, f, ng, g
		if change < sinkhornTolerance*e.epsilon {
			e.softmin(f, g, e.n, 1)
			return mean(f) + mean(g), nil
		}
	}
	return 0, fmt.Errorf("metric: Sinkhorn's iterations do not settle in %d rounds; the sets lie too far apart for an entropic distance", sinkhornIterations)
}

func (e *entropic) symmetric() bool {
	for i := range e.n {
		for j := range i {
			if e.cost[i*e.n+j] != e.cost[j*e.n+i] {
				return false
			}
		}
	}
	return true
}

// softmin writes −ε log mean_j exp((g_j − c)/ε), c = cost[i·row + j·column].
func (e *entropic) softmin(dst, g []float64, row, column int) {
	for i := range dst {
		top := math.Inf(-1)
		for j, gj := range g {
			top = max(top, gj-e.cost[i*row+j*column])
		}
		sum := 0.0
		for j, gj := range g {
			sum += math.Exp((gj - e.cost[i*row+j*column] - top) / e.epsilon)
		}
		dst[i] = -top - e.epsilon*math.Log(sum/float64(e.n))
	}
}

func mean(v []float64) float64 {
	m, _ := MeanStd(v)
	return m
}
