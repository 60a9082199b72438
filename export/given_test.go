package export_test

import (
	"context"
	"testing"

	"fmtool/export"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/ort/orttest"
)

// A declared network leaves as the graphs that our own models leave as, checked like them: its whole way from noise to samples in one file.
func TestGraphsOfGiven(t *testing.T) {
	checks := export.Checks{Reference: native.Engine{}, Engines: []export.Engine{{Name: "native", Engine: native.Engine{}}, {Name: "onnxruntime", Engine: orttest.Engine(t)}},
		Batches: []int{1, 5}}
	for _, f := range fields {
		if f.exporter == "torchscript" {
			continue
		}
		file := declare(t, foreignFile(t, f.name+"_"+f.exporter+".onnx"), f.declared)
		m, facts, err := export.Given(file)
		if err != nil {
			t.Fatal(f.name, err)
		}
		for _, name := range []string{"velocity", "sampler", "sample", "logprob"} {
			t.Run(f.name+"/"+name, func(t *testing.T) {
				o := export.Options{Checks: checks, Facts: facts}
				if name == "logprob" { // derivatives of LayerNormalization
					o.Profile = onnx.Seeded
				}
				made, report, err := export.File(context.Background(), name, m, o)
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("worst %.1e of %.1e", report.Worst().Worst, report.Worst().Tolerance)
				if name != "velocity" {
					return
				}
				a, b := sampled(t, file, f.class), sampled(t, made, f.class)
				for i := range a {
					if d := a[i] - b[i]; d > 1e-5 || d < -1e-5 {
						t.Fatalf("sample %d: %g, of the file it was made of %g", i, b[i], a[i])
					}
				}
			})
		}
	}
}

// sampled are a few samples on the native engine.
func sampled(t *testing.T, file []byte, class int) []float32 {
	t.Helper()
	m, err := runtime.Open(native.Engine{}, file, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	x, y := tensor.New(tensor.Float32, 4, 2), tensor.Tensor{}
	if class >= 0 {
		y = tensor.Full(int64(class), 4)
	}
	if _, err := (runtime.Sampler{Field: m, Steps: 10, Seed: 3}).Sample(context.Background(), x, y); err != nil {
		t.Fatal(err)
	}
	return x.Float32()
}
