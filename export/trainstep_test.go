package export_test

import (
	"bytes"
	"strings"
	"testing"

	"fmtool/export"
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/onnx"
	"fmtool/runtime/ort/orttest"
	"fmtool/train"
)

// stepOf is the training step of a model by a configuration.
func stepOf(t testing.TB, m *models.Model, c train.Config) *export.Step {
	t.Helper()
	g, err := train.PortableStep(m, c)
	if err != nil {
		t.Fatal(err)
	}
	return &export.Step{Graph: g, Settings: map[string]string{flow.Prefix + "step.clip": "10"}}
}

// Native, onnxruntime and float64 take the same training steps, with each kind of condition, prediction, schedule, loss and weight; from the bytes alone
// too, where the weights are not known.
func TestTrainStepParity(t *testing.T) {
	c := checks(export.Engine{Name: "onnxruntime", Engine: orttest.Engine(t)})
	c.Batches = []int{1, 7}
	var worst export.Row
	note := func(r export.Report, err error) {
		if err == nil {
			err = r.Err()
		}
		if err != nil {
			t.Error(err)
		}
		if w := r.Worst(); worst.Tolerance == 0 || w.Worst/w.Tolerance > worst.Worst/worst.Tolerance {
			worst = w
		}
	}
	models := kinds(t)
	for k, what := range []string{"none", "labels", "vector"} {
		m := models[what]
		for i, schedule := range flow.Schedules() {
			q := flow.Quantity((i + k) % 4)
			config := train.Default()
			config.Prediction, config.Schedule = q.String(), schedule
			config.Loss, config.Weight = train.LossNames()[i%2], flow.WeightNames()[(i+2*k)%4]
			s, err := flow.ParseSchedule(schedule)
			if err != nil {
				t.Fatal(err)
			}
			m.Spec.Schedule, m.Spec.Prediction = s, q
			m.Spec.TimeMin, m.Spec.TimeMax = flow.Interval(s, q, q)
			file, report, err := export.TrainStep(t.Context(), m, export.Options{Checks: c, Step: stepOf(t, m, config)})
			note(report, err)
			if i == k {
				note(export.Verify(t.Context(), file, c))
			}
			if t.Failed() {
				report.Print(t.Output()) //nolint:errcheck // the test fails already
				t.Fatalf("%s: %s, %v", what, schedule, q)
			}
		}
	}
	t.Logf("closest to its tolerance: %+v", worst)
}

// A training step is to the contract: the same bytes each time, ordinary operators without control flow, each part of the state in and out, no default that
// could hide what is fed, and metadata that say which training it is.
func TestTrainStepFile(t *testing.T) {
	m := kinds(t)["labels"]
	o := export.Options{Checks: checks(), Step: stepOf(t, m, train.Default())}
	file, _, err := export.TrainStep(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	if again, _, err := export.TrainStep(t.Context(), m, o); err != nil || !bytes.Equal(file, again) {
		t.Errorf("the bytes change: %v", err)
	}
	p, err := onnx.Unmarshal(file)
	if err != nil {
		t.Fatal(err)
	}
	if p.IRVersion != 8 || len(p.OpsetImport) != 1 || p.OpsetImport[0].Version != 17 || len(p.Functions) != 0 {
		t.Errorf("IR %d, opsets %v, %d functions; want 8, 17 alone, none", p.IRVersion, p.OpsetImport, len(p.Functions))
	}
	for _, n := range p.Main.Node {
		if n.Domain != "" || n.OpType == "Loop" || n.OpType == "If" {
			t.Errorf("operator %s %s", n.Domain, n.OpType)
		}
	}
	var in, out []string
	for _, v := range p.Main.Input {
		in = append(in, v.Name)
	}
	for _, v := range p.Main.Output {
		out = append(out, v.Name)
	}
	if got, want := strings.Join(in[:6], " "), "x1 x0 t y rate step"; got != want {
		t.Errorf("inputs %s, want %s", got, want)
	}
	if want := 4*len(m.Weights) + 6; len(in) != want || len(out) != want-3 {
		t.Errorf("%d inputs and %d outputs, want %d and %d", len(in), len(out), want, want-3)
	}
	for _, v := range p.Main.Initializer {
		for _, name := range in {
			if v.Name == name {
				t.Errorf("input %s has a default", name)
			}
		}
	}
	meta := p.Metadata()
	for key, want := range map[string]string{"kind": "train_step", "prediction": "velocity", "step.clip": "10", "onnxruntime.min": "1.12"} {
		if got := meta[flow.Prefix+key]; got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

// What is no training step is refused by a line that says why.
func TestTrainStepRefuses(t *testing.T) {
	m := kinds(t)["none"]
	step := stepOf(t, m, train.Default())
	for want, o := range map[string]export.Options{
		"needs the training": {},
		"has no guidance":    {Step: step, Guidance: true},
		"has no solver":      {Step: step, Unroll: 3},
	} {
		o.Checks = checks()
		if _, _, err := export.TrainStep(t.Context(), m, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	file, _, err := export.TrainStep(t.Context(), m, export.Options{Checks: checks(), Step: step})
	if err != nil {
		t.Fatal(err)
	}
	huge := int64(1 << 40)
	last := func(g *onnx.Graph, change func(*onnx.ValueInfo)) { // of the state, on both sides
		in := g.Input[len(g.Input)-1]
		change(in)
		for _, v := range g.Output {
			if v.Name == "next."+in.Name {
				v.Type = in.Type
			}
		}
	}
	for want, change := range map[string]func(*onnx.Graph){
		"its metadata promise": func(g *onnx.Graph) { g.Input[0].Name = "x" },
		"outputs in all":       func(g *onnx.Graph) { g.Output[3].Name = "next.other" },
		"of a fixed size":      func(g *onnx.Graph) { last(g, func(v *onnx.ValueInfo) { v.Type.Tensor.Shape.Dim[0].Value = &huge }) },
		"numbers in all":       func(g *onnx.Graph) { last(g, func(v *onnx.ValueInfo) { v.Type.Tensor.Shape = nil }) },
	} {
		p, err := onnx.Unmarshal(file)
		if err != nil {
			t.Fatal(err)
		}
		change(p.Main)
		if _, err := export.Verify(t.Context(), p.Marshal(), checks()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
