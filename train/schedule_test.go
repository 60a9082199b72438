package train_test

import (
	"math"
	"testing"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/solver"
	"fmtool/train"
)

// opened is a model as a field.
func opened(t *testing.T, m *models.Model) *runtime.Model {
	t.Helper()
	g, err := models.VelocityGraph(m)
	if err != nil {
		t.Fatal(err)
	}
	f, err := onnx.FromGraph(g, onnx.Wide, m.VelocitySpec().Metadata())
	if err != nil {
		t.Fatal(err)
	}
	r, err := runtime.Open(native.Engine{}, f.Marshal(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// ends are samples in model space.
func ends(t *testing.T, f runtime.VelocityField, steps int) []float64 {
	t.Helper()
	dst := tensor.New(tensor.Float32, 200, 2)
	if _, err := (runtime.Sampler{Field: f, Method: solver.Heun, Steps: steps, Seed: 5}).Sample(t.Context(), dst, tensor.Tensor{}); err != nil {
		t.Fatal(err)
	}
	n := f.Spec().Normaliser
	n.Encode(dst.Float32(), dst.Float32())
	out := make([]float64, dst.Len())
	for i, v := range dst.Float32() {
		out[i] = float64(v)
	}
	return out
}

func rootMeanSquare(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += (a[i] - b[i]) * (a[i] - b[i])
	}
	return math.Sqrt(sum / float64(len(a)))
}

// A field that was trained on the linear schedule, sampled along others from the same noise, ends at the same points: the distance falls with the
// square of the step, as Heun's error does, to nothing on schedules that are whole, and to their defects on those that are not.
func TestTrainedFieldOnOtherSchedules(t *testing.T) {
	c := small()
	c.Steps, c.Unconditional, c.Rate.Peak, c.HeldOut = 800, true, 5e-3, 0
	m, _, err := train.LoadRun(run(t, c, load(t, "8gaussians:n=2000")), false)
	if err != nil {
		t.Fatal(err)
	}
	field := opened(t, m)
	exact := ends(t, field, 1600)
	for _, other := range []struct {
		schedule string
		defect   float64
	}{{"linear", 0}, {"cosine", 0}, {"cosmap", 0}, {"polynomial:2", 0},
		{"points:0,0,1;0.4,0.5,0.7;1,1,0", 0}, {"vp", 0.05}, {"linear-vp", 0.05}, {"sqrt", 0.05}} {
		s, err := flow.ParseSchedule(other.schedule)
		if err != nil {
			t.Fatal(err)
		}
		f, err := runtime.Reschedule(field, s)
		if err != nil {
			t.Fatal(err)
		}
		var e []float64
		for _, steps := range []int{25, 100, 400} {
			e = append(e, rootMeanSquare(ends(t, f, steps), exact))
		}
		t.Logf("%-30s %.1e %.1e %.1e from the endpoints, with 25, 100, 400 steps", other.schedule, e[0], e[1], e[2])
		if e[2] > max(0.002, other.defect) || other.defect == 0 && (e[1] > e[0]/4 || e[2] > e[1]/4) {
			t.Errorf("%s: %.1e, %.1e, %.1e from the endpoints, with 25, 100, 400 steps", other.schedule, e[0], e[1], e[2])
		}
	}
}

// A network that predicts x1, noise or score learns the data as one that predicts the velocity does: samples by 100 steps have the mean and the
// spread of the data.
func TestEveryPredictionLearns(t *testing.T) {
	set := load(t, "8gaussians:n=2000")
	for _, prediction := range []string{"velocity", "x1", "noise", "score"} {
		c := small()
		c.Steps, c.Unconditional, c.Rate.Peak, c.HeldOut, c.Batch = 800, true, 5e-3, 0, 128
		c.Prediction = prediction
		m, _, err := train.LoadRun(run(t, c, set), false)
		if err != nil {
			t.Fatal(err)
		}
		var mean, square, radius float64
		x := ends(t, opened(t, m), 100)
		for i, v := range x {
			mean, square = mean+v/float64(len(x)), square+v*v/float64(len(x))
			if i%2 == 1 {
				radius += math.Hypot(v, x[i-1]) / float64(len(x)/2)
			}
		}
		t.Logf("%-8s mean %.3f, mean square %.3f, mean radius %.3f", prediction, mean, square, radius)
		if math.Abs(mean) > 0.25 || math.Abs(square-1) > 0.25 || math.Abs(radius-1.4) > 0.15 {
			t.Errorf("%s: mean %.3f, mean square %.3f, mean radius %.3f; the data have 0, 1 and 1.4", prediction, mean, square, radius)
		}
	}
}
