package runtime_test

import (
	"math"
	"strings"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime"
)

// Score, posterior mean and noise of a closed-form field are the closed form's at every time, ends included, with one time and with a time a row; the
// score alone has no limit at t = 1.
func TestScoreAndPosteriorMean(t *testing.T) {
	for schedule := range coefficients {
		file, s := mixed.field(t, schedule, flow.Velocity)
		m := openFile(t, file)
		truth, err := flow.NewMixture(s.Schedule, 2, mixed.means, mixed.sigmas, mixed.weights)
		if err != nil {
			t.Fatal(err)
		}
		x := tensor.Of([]float32{0.3, -0.8, 1.2, 0.1, -1, 0.7}, 3, 2)
		for _, times := range [][]float32{{0}, {0.01}, {0.4}, {0.9}, {0.99}, {1}, {0, 0.5, 0.95}} {
			at := tensor.Of(times, len(times), 1)
			for _, q := range []flow.Quantity{flow.X1, flow.Score, flow.Noise} {
				got := tensor.New(tensor.Float32, 3, 2)
				err := runtime.Predict(t.Context(), m, q, got, x, at, tensor.Tensor{})
				if q == flow.Score && times[0] == 1 {
					if err == nil || !strings.Contains(err.Error(), "tells no score") {
						t.Errorf("%s: score at t = 1: %v, %v", schedule, err, got.Float32())
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				for i := range 3 {
					now := float64(times[min(i, len(times)-1)])
					p := truth.At([]float64{float64(x.Float32()[2*i]), float64(x.Float32()[2*i+1])}, now)
					for j := range 2 {
						want := map[flow.Quantity]float64{flow.X1: p.X1[j], flow.Score: p.Score[j], flow.Noise: -s.Schedule.At(now).Beta * p.Score[j]}[q]
						if g := float64(got.Float32()[2*i+j]); !(math.Abs(g-want) <= 2e-4*(1+math.Abs(want))) {
							t.Errorf("%s: %v of row %d at t = %g: %g, want %g", schedule, q, i, now, g, want)
						}
					}
				}
			}
		}
	}
}

// Where the velocity tells nothing there is an error, and x tells what it can: on a polynomial schedule at t = 0, x is the noise.
func TestPredictAtDegenerateEnds(t *testing.T) {
	s := spec(flow.Condition{Kind: flow.Unconditional}, 1)
	var err error
	if s.Schedule, err = flow.ParseSchedule("polynomial:3"); err != nil {
		t.Fatal(err)
	}
	m := openGraph(t, half(t), s)
	x, at, dst := tensor.Full(float32(1.5), 1, 1), tensor.New(tensor.Float32, 1, 1), tensor.New(tensor.Float32, 1, 1)
	if err := runtime.PosteriorMean(t.Context(), m, dst, x, at, tensor.Tensor{}); err == nil || !strings.Contains(err.Error(), "tells no x1") {
		t.Errorf("posterior mean at t = 0: %v, %v", err, dst.Float32())
	}
	if err := runtime.Score(t.Context(), m, dst, x, at, tensor.Tensor{}); err != nil || dst.Float32()[0] != -1.5 {
		t.Errorf("score at t = 0: %v, %v, want −x", err, dst.Float32())
	}
}

// A model whose training broke the relation between velocity and score is refused.
func TestPredictRefuses(t *testing.T) {
	x, at, dst := tensor.Full(float32(1.5), 1, 1), tensor.Full(float32(0.5), 1, 1), tensor.New(tensor.Float32, 1, 1)
	for name, c := range map[string]struct {
		change func(*flow.Spec)
		q      flow.Quantity
		want   string
	}{
		"score of a coupling":   {func(s *flow.Spec) { s.Coupling = flow.OT }, flow.Score, "coupling ot"},
		"score from data":       {func(s *flow.Spec) { s.Source = flow.DataSource }, flow.Score, "not at noise"},
		"data under path noise": {func(s *flow.Spec) { s.Sigma = 0.1 }, flow.X1, "sigma 0.1"},
	} {
		s := spec(flow.Condition{Kind: flow.Unconditional}, 1)
		c.change(&s)
		if err := runtime.Predict(t.Context(), openGraph(t, half(t), s), c.q, dst, x, at, tensor.Tensor{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want a word about %q", name, err, c.want)
		}
	}
}

// Denoised rows of a mixture miss the truth by the posterior's variance, in data units, which is less than the noise; noising is a function of seed
// and row.
func TestDenoise(t *testing.T) {
	const n, at = 3000, 0.7
	file, s := mixed.field(t, "linear", flow.Velocity)
	truth, err := flow.NewMixture(s.Schedule, 2, mixed.means, mixed.sigmas, mixed.weights)
	if err != nil {
		t.Fatal(err)
	}
	clean := tensor.New(tensor.Float32, n, 2)
	noise.New(4, noise.Sampling).Rows(clean.Float32(), 0, 2)
	pick := noise.New(4, noise.Data)
	for i := range n {
		k := []int{0, 1, 1, 2, 2, 2}[pick.Intn(uint64(i), 6)]
		for j := range 2 {
			v := &clean.Float32()[2*i+j]
			*v = float32(mixed.means[2*k+j]+mixed.sigmas[k]*float64(*v))*s.Normaliser.Scale[j] + s.Normaliser.Mean[j]
		}
	}
	rows := clean.Clone()
	d := runtime.Denoiser{Field: openFile(t, file), Time: at, Batch: 700}
	if err := d.Noise(rows, 9); err != nil {
		t.Fatal(err)
	}
	var missed, noisy, expected, square float64
	for i := range n {
		x := make([]float64, 2)
		for j := range x {
			x[j] = (float64(rows.Float32()[2*i+j]) - float64(s.Normaliser.Mean[j])) / float64(s.Normaliser.Scale[j])
		}
		expected += truth.At(x, at).TraceX1 / n
	}
	again := clean.Clone()
	if err := d.Noise(again, 9); err != nil || worst32(again.Float32(), rows.Float32()) != 0 {
		t.Errorf("the same seed, another noise (%v)", err)
	}
	if err := d.Denoise(t.Context(), rows, tensor.Tensor{}); err != nil {
		t.Fatal(err)
	}
	for i, v := range rows.Float32() {
		scale := float64(s.Normaliser.Scale[i%2])
		e := (float64(v) - float64(clean.Float32()[i])) / scale
		z := float64(again.Float32()[i]-clean.Float32()[i]) / scale
		missed, square, noisy = missed+e*e/n, square+e*e*e*e/n, noisy+z*z/n
	}
	if err := 4 * math.Sqrt(2*square/n); math.Abs(missed-expected) > err || missed > 0.8*noisy {
		t.Errorf("squared error %.4f, posterior variance %.4f ± %.4f, of noisy rows %.4f", missed, expected, err, noisy)
	}
	end := clean.Clone()
	d.Time = 1
	if err := d.Denoise(t.Context(), end, tensor.Tensor{}); err != nil || worst32(end.Float32(), clean.Float32()) > 1e-5 {
		t.Errorf("at t = 1 rows change by %g (%v)", worst32(end.Float32(), clean.Float32()), err)
	}
	d.Time = 1.5
	if err := d.Denoise(t.Context(), end, tensor.Tensor{}); err == nil {
		t.Error("time 1.5 accepted")
	}
}

func worst32(got, want []float32) float64 {
	d := 0.0
	for i := range got {
		d = max(d, math.Abs(float64(got[i]-want[i])))
	}
	return d
}

// Each row is denoised under its own condition, whatever the batch.
func TestDenoiseConditions(t *testing.T) {
	m := open(t, spec(flow.Condition{Kind: flow.Labels, Classes: 3, Drop: 0.1}, 2))
	denoise := func(batch int, y tensor.Tensor) []float32 {
		rows := tensor.Of([]float32{10, 11, 9, 8, 12, 10}, 3, 2)
		if err := (runtime.Denoiser{Field: m, Time: 0.5, Batch: batch}).Denoise(t.Context(), rows, y); err != nil {
			t.Fatal(err)
		}
		return rows.Float32()
	}
	y := tensor.Of([]int64{0, 1, 3}, 3)
	with, none := denoise(3, y), denoise(3, tensor.Tensor{})
	if worst32(with, denoise(2, y)) != 0 || with[0] == none[0] || with[2] == none[2] || with[4] != none[4] {
		t.Errorf("%v with classes 0, 1 and none, %v without, %v in twos", with, none, denoise(2, y))
	}
}
