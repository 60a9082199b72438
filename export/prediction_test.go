package export_test

import (
	"math"
	"testing"

	"fmtool/export"
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/ort/orttest"
	"fmtool/runtime/solver"
)

// predicting is a model of a quantity on a schedule, trained at the times where it gives a velocity.
func predicting(t *testing.T, schedule string, q flow.Quantity) *models.Model {
	t.Helper()
	s := spec(flow.Condition{Kind: flow.Unconditional}, 2)
	var err error
	if s.Schedule, err = flow.ParseSchedule(schedule); err != nil {
		t.Fatal(err)
	}
	s.Prediction = q
	s.TimeMin, s.TimeMax = flow.Interval(s.Schedule, q, q)
	return model(t, s, &models.MLP{Width: 16, Depth: 2})
}

// Whatever a network predicts, on every schedule, the file gives its velocity: parity holds, it says so, and it is sampled by a method that ends at
// t = 1.
func TestEveryPredictionIsExported(t *testing.T) {
	for _, schedule := range append(flow.Schedules(), "points:0,0,1;0.4,0.5,0.7;1,1,0") {
		for _, q := range []flow.Quantity{flow.Velocity, flow.X1, flow.Noise, flow.Score} {
			c := checks()
			c.Batches = []int{5}
			file, report, err := export.Velocity(t.Context(), predicting(t, schedule, q), export.Options{Checks: c})
			if err != nil {
				t.Errorf("%s, %v: %v %+v", schedule, q, err, report)
				continue
			}
			m, err := runtime.Open(native.Engine{}, file, engine.Options{})
			if err != nil {
				t.Fatal(err)
			}
			network, ok := m.Metadata()["io.fmtool.network"]
			if m.Spec().Prediction != flow.Velocity || ok != (q != flow.Velocity) || ok && network != q.String() {
				t.Errorf("%s, %v: the file says prediction %v, network %q", schedule, q, m.Spec().Prediction, network)
			}
			dst := tensor.New(tensor.Float32, 8, 2)
			if _, err := (runtime.Sampler{Field: m, Method: solver.Heun, Steps: 10}).Sample(t.Context(), dst, tensor.Tensor{}); err != nil {
				t.Fatal(err)
			}
			for _, v := range dst.Float32() {
				if !(math.Abs(float64(v)) < 1e6) {
					t.Errorf("%s, %v: sample %g", schedule, q, v)
				}
			}
			_ = m.Close()
		}
	}
}

// A sampler with the solver inside holds the conversion too.
func TestPredictionInSampler(t *testing.T) {
	c := checks()
	c.Batches = []int{5}
	o := export.Options{Checks: c, Solver: solver.Heun}
	if _, report, err := export.File(t.Context(), "sampler", predicting(t, "cosine", flow.Noise), o); err != nil {
		t.Errorf("%v %+v", err, report)
	}
}

// onnxruntime agrees on the conversions.
func TestPredictionsOnOnnxruntime(t *testing.T) {
	onnxruntime := export.Engine{Name: "onnxruntime", Engine: orttest.Engine(t)}
	for _, schedule := range append(flow.Schedules(), "points:0,0,1;0.4,0.5,0.7;1,1,0") {
		for _, q := range []flow.Quantity{flow.X1, flow.Noise, flow.Score} {
			c := checks(onnxruntime)
			c.Batches = []int{5}
			if _, report, err := export.Velocity(t.Context(), predicting(t, schedule, q), export.Options{Checks: c}); err != nil {
				t.Errorf("%s, %v: %v %+v", schedule, q, err, report)
			}
		}
	}
}
