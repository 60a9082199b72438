package protocol

import (
	"context"
	"math"
	"strconv"
	"time"

	"fmtool/models"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/solver"
	"fmtool/train/metric"
	"fmtool/train/optim"
	"fmtool/train/ot"
	"fmtool/train/quality"
)

// velocity is the field that is sampled.
type velocity = runtime.VelocityField

const ringToMoons = "8gaussians → moons, class condition"

// c2ot is condition-aware optimal transport (ICCV 2025, Fig. 1) with the class as the condition.
var c2ot = Protocol{
	Name:   "c2ot",
	Title:  "condition-aware optimal transport: squared W2 given the class, 4,096 against 4,096 points",
	Source: "CH25",
	Deviations: []string{
		"four hidden layers of width 128 and SiLU, three of them residual; the publication has three residual blocks of width 128 with expansion 4",
		"the rate falls from 1e-3 to 0 by half a cosine; the publication keeps 3e-4",
		"couplings pair blocks of 128 points, the publication's 1,024",
		"4,096 test points instead of 10,000; five seeds instead of ten",
		"angles of the moons are uniform in training, evenly spaced in tests; the publication's are evenly spaced in both",
	},
	Quick: "one seed, 16,000 updates, 2,048 test points",
	tasks: []task{{ringToMoons, []string{"FM", "OT", "C2OT"}}},
	run:   runC2OT,
	rows: []row{
		{w22One, floorW22, map[string]string{ringToMoons + "FM": "2.573 ± 0.112", ringToMoons + "OT": "0.483 ± 0.059", ringToMoons + "C2OT": "0.048 ± 0.010"}},
		{w22Adaptive, floorW22, map[string]string{ringToMoons + "FM": "0.059 ± 0.029", ringToMoons + "OT": "0.462 ± 0.025", ringToMoons + "C2OT": "0.018 ± 0.006"}},
	},
	checks: []check{
		{"squared W2 of C2OT, one Euler step", w22One, []string{ringToMoons}, "C2OT", 0, 0.08},
		{"squared W2 of C2OT, adaptive", w22Adaptive, []string{ringToMoons}, "C2OT", 0, 0.03},
		{"squared W2 of OT, adaptive: it must fail", w22Adaptive, []string{ringToMoons}, "OT", 0.3, 1e9},
	},
}

// The figures.
const (
	w22One      = "W2², 1 Euler step"
	w22Adaptive = "W2², adaptive"
	floorW22    = "W2² floor"
)

func decimal(n int) string { return strconv.Itoa(n) }

// moonsOf are n points of the target, half of them of each class: outer (cos θ, sin θ), inner (1 − cos θ, ½ − sin θ), both coordinates of a point moved by one
// offset, uniform in [0, 0.2]; then 3 x − 1. Angles are evenly spaced over [0, π], as the publication's, or uniform.
func moonsOf(n int, seed uint64, even bool) ([]float32, []int64) {
	x, labels, u := make([]float32, 2*n), make([]int64, n), make([]float32, 2*n)
	noise.New(seed, noise.Data).Uniforms(u, 0)
	half := n / 2
	for i := range n {
		theta := math.Pi * float64(u[2*i])
		if even {
			theta = math.Pi * float64(i%half) / float64(half-1)
		}
		s, c := math.Sincos(theta)
		if labels[i] = int64(i / half); labels[i] == 1 {
			s, c = 0.5-s, 1-c
		}
		shift := 0.2 * float64(u[2*i+1])
		x[2*i], x[2*i+1] = float32(3*(c+shift)-1), float32(3*(s+shift)-1)
	}
	return x, labels
}

// ring are n points of the source, an eighth of them around each centre: radius 5, variance √0.1.
func ring(n int, seed uint64) []float32 {
	x := make([]float32, 2*n)
	noise.New(seed, noise.Training).Normals(x, 0)
	for i := range n {
		s, c := math.Sincos(float64(i%8) * math.Pi / 4)
		x[2*i], x[2*i+1] = float32(5*c+math.Pow(0.1, 0.25)*float64(x[2*i])), float32(5*s+math.Pow(0.1, 0.25)*float64(x[2*i+1]))
	}
	return x
}

// runC2OT does one job.
func runC2OT(ctx context.Context, j Job) (Result, error) {
	begun := time.Now()
	s := setting{arch: models.MLP{Width: 128, Depth: 4, Activation: "silu", Residual: true}, classes: 2, updates: 20_000, batch: 256,
		rate: optim.Rate{Kind: "cosine", Peak: 1e-3}}
	block, points := 128, 4096
	if j.Quick {
		s.updates, points = 16_000, 2048
	}
	var c *coupler
	switch j.Method {
	case "OT":
		c = newCoupler(ot.Exact, block)
	case "C2OT":
		c = newCoupler(ot.Conditional, block)
	}
	f, err := s.field(ctx, uint64(j.Seed), newPool(uint64(j.Seed), s.batch, c).draw)
	if err != nil {
		return Result{}, err
	}
	defer f.Close() //nolint:errcheck // it only frees
	figures, err := c2otFigures(ctx, f, j, points)
	return Result{j, figures, time.Since(begun).Seconds()}, err
}

// poolRows are the rows that are drawn and coupled at once, a number of batches.
const poolRows = 1024

// pool is drawn anew, coupled and shuffled for every few batches.
type pool struct {
	pairs
	seeds, order noise.Stream
	batch        int
	coupler      *coupler // nil: x0 and x1 independent
	perm         []int
}

func newPool(seed uint64, batch int, c *coupler) *pool {
	return &pool{pairs: pairs{x1: make([]float32, 2*poolRows), labels: make([]int64, poolRows)}, seeds: noise.New(seed, noise.Data), order: noise.New(seed, noise.Order), batch: batch, coupler: c, perm: make([]int, poolRows)}
}

// draw gives step k its part of the pool.
func (q *pool) draw(k int, p pairs) error {
	per := poolRows / q.batch
	if k%per == 0 {
		x1, labels := moonsOf(poolRows, q.seeds.Uint64(uint64(2*k+1)), false)
		q.order.Sub(uint32(2 * k)).Perm(q.perm) // blocks of a coupling and pairs of none mix modes and classes
		q.x0 = ring(poolRows, q.seeds.Uint64(uint64(2*k)))
		gather(q.x1, x1, q.perm)
		for i, r := range q.perm {
			q.labels[i] = labels[r]
		}
		if q.coupler != nil {
			q.coupler.couple(q.pairs)
		}
		q.order.Sub(uint32(2*k + 1)).Perm(q.perm)
	}
	part := q.perm[k%per*q.batch : (k%per+1)*q.batch]
	gather(p.x0, q.x0, part)
	gather(p.x1, q.x1, part)
	for i, r := range part {
		p.labels[i] = q.labels[r]
	}
	return nil
}

// c2otFigures samples for the classes of test points and measures.
func c2otFigures(ctx context.Context, f velocity, j Job, points int) (map[string]float64, error) {
	x0 := ring(points, seedsOf(j, 5))
	test, labels := moonsOf(points, seedsOf(j, 6), true)
	again, _ := moonsOf(points, seedsOf(j, 7), true)
	y := tensor.Of(labels, points)
	one, err := quality.Trajectory(ctx, f, x0, y, quality.Rule{Method: solver.Euler, Steps: 1})
	if err != nil {
		return nil, err
	}
	end, err := adaptive(ctx, f, x0, y)
	if err != nil {
		return nil, err
	}
	figures := map[string]float64{}
	for name, x := range map[string][]float32{w22One: one.X[1], w22Adaptive: end, floorW22: again} {
		d, err := metric.W2(x, test, 2)
		if err != nil {
			return nil, err
		}
		figures[name] = d * d
	}
	return figures, nil
}

// adaptive takes the points to t = 1 by Dormand and Prince's method with the publication's tolerance.
func adaptive(ctx context.Context, f velocity, x0 []float32, y tensor.Tensor) ([]float32, error) {
	out := tensor.New(tensor.Float32, len(x0)/2, 2)
	s := quality.Rule{Tolerance: 1e-4}.Sampler(f, 0)
	s.Source = tensor.Of(x0, len(x0)/2, 2)
	_, err := s.Sample(ctx, out, y)
	return out.Float32(), err
}
