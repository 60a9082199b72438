package onnx_test

import (
	"testing"

	"fmtool/export"
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/onnx"
	"fmtool/runtime/native"
	"fmtool/runtime/solver"
	"fmtool/train"
)

// exports are files of every kind that leaves this toolkit, small.
func exports(t testing.TB) (files [][]byte) {
	t.Helper()
	conditions := []flow.Condition{{Kind: flow.Unconditional}, {Kind: flow.Labels, Classes: 2, Names: []string{"a", "b"}, Drop: 0.1}, {Kind: flow.Vector, Width: 2, Drop: 0.1}}
	checks := export.Checks{Reference: native.Engine{}, Engines: []export.Engine{{Name: "native", Engine: native.Engine{}}}}
	checks.Batches = []int{1}
	for _, c := range conditions {
		spec := flow.Spec{Dims: []int{2}, Schedule: flow.Linear, TimeMax: 1, Condition: c, Columns: []string{"x", "y"},
			Normaliser: flow.Normaliser{Kind: "column", Mean: []float32{1, 2}, Scale: []float32{3, 4}}}
		m, err := models.New(spec, &models.MLP{Width: 4, Depth: 2, Features: 4}, noise.New(1, noise.Weights))
		if err != nil {
			t.Fatal(err)
		}
		step, err := train.PortableStep(m, train.Default())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range []struct {
			graph string
			o     export.Options
		}{
			{"velocity", export.Options{}}, {"velocity", export.Options{Profile: onnx.Modern}}, {"sampler", export.Options{Solver: solver.Heun}},
			{"sampler", export.Options{Unroll: 2}}, {"sampler", export.Options{Adaptive: true}}, {"sample", export.Options{}},
			{"sampler", export.Options{Guidance: true}}, {"velocity", export.Options{Guidance: true}}, {"train_step", export.Options{Step: &export.Step{Graph: step}}},
			{"logprob", export.Options{}}, {"logprob", export.Options{Divergence: export.ProbesDivergence, Adaptive: true}},
		} {
			if e.o.Guidance && c.Kind == flow.Unconditional {
				continue
			}
			e.o.Checks = checks
			file, _, err := export.File(t.Context(), e.graph, m, e.o)
			if err != nil {
				t.Fatalf("%s: %v", e.graph, err)
			}
			files = append(files, file)
		}
	}
	return files
}

// What Inspect says of our own exports: nothing is unknown but counts that a run decides, the runtime is the profile's, and no warning but of control flow.
func TestInspectExports(t *testing.T) {
	files := exports(t)
	for _, file := range files {
		m, err := onnx.Validate(file, onnx.Untrusted)
		if err != nil {
			t.Fatal(err)
		}
		in := onnx.Inspect(m, nil)
		meta := m.Metadata()
		if want := meta[flow.Prefix+"onnxruntime.min"]; in.Runtime != want {
			t.Errorf("%s: onnxruntime %s for %s, the profile says %s", meta[flow.Prefix+"kind"], in.Runtime, in.Reason, want)
		}
		if in.Cost.Once == 0 && len(in.Cost.Loops) == 0 || len(in.Cost.Unknown) > 2 {
			t.Errorf("%s: %+v", meta[flow.Prefix+"kind"], in.Cost)
		}
		man := export.ManualOf(m, "model.onnx")
		for _, p := range append(man.Inputs, man.Outputs...) {
			if p.Meaning == "" || p.Guess {
				t.Errorf("%s: no meaning of %s", man.Kind, p)
			}
		}
		if _, err := man.Python(nil); err != nil {
			t.Error(err)
		}
		if _, err := man.Go(nil); err != nil {
			t.Error(err)
		}
	}
	if len(files) < 20 {
		t.Errorf("%d files", len(files))
	}
}
