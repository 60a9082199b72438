package train_test

import (
	"math"
	"testing"

	"fmtool/models"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/train"
	"fmtool/train/data"
)

// boardDensity is the log-density of the checkerboard on its squares: 8 of side 1, divided by 0.45 like their points.
var boardDensity = -math.Log(8 / (0.45 * 0.45))

// divergent opens a trained model with its divergence.
func divergent(t *testing.T, m *models.Model, d runtime.Divergence) runtime.DivergenceField {
	t.Helper()
	g, err := models.VelocityGraph(m)
	if err != nil {
		t.Fatal(err)
	}
	f, err := onnx.FromGraph(g, onnx.Wide, m.VelocitySpec().Metadata())
	if err != nil {
		t.Fatal(err)
	}
	field, err := runtime.OpenDivergence(native.Engine{}, f.Marshal(), engine.Options{}, d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = field.Close() })
	return field
}

// boardRows are n fresh points.
func boardRows(t *testing.T, n int, seed uint64) *data.Set {
	t.Helper()
	set, err := data.Load("checkerboard", data.Options{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	index := make([]int, n)
	for i := range index {
		index[i] = i
	}
	return set.Take(index)
}

// checkBoard trains on points of the checkerboard, whose own density is the closed form, and checks the log-density of n fresh points: its mean is
// within gap of the truth, and not above it by more than three standard errors, for no density is better than the true one.
func checkBoard(t *testing.T, c train.Config, source string, gap float64, n, steps int) {
	t.Helper()
	set, err := data.Load(source, data.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := train.LoadRun(run(t, c, set), false)
	if err != nil {
		t.Fatal(err)
	}
	exact := runtime.Likelihood{Field: divergent(t, m, runtime.Divergence{}), Steps: steps}
	test := boardRows(t, n, 100).Rows
	points := tensor.Of(test, n, 2)
	found, err := exact.Data(t.Context(), points, tensor.Tensor{})
	if err != nil {
		t.Fatal(err)
	}
	mean, spread := found.Mean()
	t.Logf("mean log-density of %d points: %.4f ± %.4f, the board's own %.4f", n, mean, spread, boardDensity)
	if mean < boardDensity-gap || mean > boardDensity+3*spread {
		t.Errorf("mean log-density %.4f ± %.4f, want at most %.4f and at least %.2f less", mean, spread, boardDensity, gap)
	}
	checkProbes(t, m, points, found, steps)
	checkBothWays(t, exact, n/4)
}

// checkProbes holds an estimate by 16 probes to the exact log-densities, within the error it reports.
func checkProbes(t *testing.T, m *models.Model, points tensor.Tensor, exact runtime.Densities, steps int) {
	t.Helper()
	probed := runtime.Likelihood{Field: divergent(t, m, runtime.Divergence{Probes: 16, Seed: 5}), Steps: steps}
	found, err := probed.Data(t.Context(), points, tensor.Tensor{})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := found.Mean()
	want, _ := exact.Mean()
	t.Logf("by 16 probes: %.4f, ± %.4f of the probes", got, found.ProbeErr())
	if math.Abs(got-want) > 3*found.ProbeErr() {
		t.Errorf("by probes %.4f ± %.4f, exactly %.4f", got, found.ProbeErr(), want)
	}
}

// checkBothWays holds the log-densities of n samples on the way out to those of the same rows on the way back.
func checkBothWays(t *testing.T, l runtime.Likelihood, n int) {
	t.Helper()
	samples := tensor.New(tensor.Float32, n, 2)
	forward, err := l.Sample(t.Context(), samples, tensor.Tensor{}, 3, 0)
	if err != nil {
		t.Fatal(err)
	}
	reverse, err := l.Data(t.Context(), samples, tensor.Tensor{})
	if err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	for i, v := range forward.Log {
		worst = max(worst, math.Abs(v-reverse.Log[i]))
	}
	if t.Logf("forward against reverse: %.1e nats at most", worst); !(worst <= 1e-3) {
		t.Errorf("forward and reverse differ by %g nats", worst)
	}
}

// A small network has learned much of the board after a few seconds: a Gaussian of the same spread is 1.05 nats below the truth.
func TestCheckerboardDensity(t *testing.T) {
	c := train.Default()
	c.Seed, c.Steps, c.Checkpoint, c.Rate.Peak = 2, 2500, 2500, 5e-3
	checkBoard(t, c, "checkerboard", 0.6, 400, 40)
}
