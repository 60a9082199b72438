package export_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"fmtool/export"
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/ort/orttest"
	"fmtool/runtime/solver"
	"fmtool/train"
)

// smaller are one model of each kind of condition, quick to verify.
func smaller(t testing.TB) map[string]*models.Model {
	return map[string]*models.Model{
		"none":   model(t, spec(flow.Condition{Kind: flow.Unconditional}, 2), &models.MLP{Width: 32, Depth: 2}),
		"labels": model(t, spec(flow.Condition{Kind: flow.Labels, Classes: 3}, 1, 2, 2), &models.MLP{Width: 8, Depth: 1, Inject: true}),
		"vector": model(t, spec(flow.Condition{Kind: flow.Vector, Width: 3}, 3), &models.MLP{Width: 8, Depth: 1, Activation: "tanh"}),
	}
}

// stateOf is a state before the first step.
func stateOf(m *models.Model) map[string]tensor.Tensor {
	state := map[string]tensor.Tensor{"step": tensor.Full(int64(0))}
	for name, w := range m.Weights {
		state[name], state["ema."+name] = w, w
		state["adamw.m."+name], state["adamw.v."+name] = tensor.New(tensor.Float32, w.Shape()...), tensor.New(tensor.Float32, w.Shape()...)
	}
	return state
}

// bundleOf is the bundle of a model, by names of files.
func bundleOf(t *testing.T, m *models.Model, o export.Options, apart bool) fstest.MapFS {
	t.Helper()
	if o.Engines == nil {
		o.Checks = checks()
	}
	o.Batches = []int{1, 5}
	files := fstest.MapFS{}
	_, report, err := export.Bundle(t.Context(), m, o, apart, func(name string, b []byte) error {
		if files[name] != nil {
			t.Errorf("%s is written twice", name)
		}
		files[name] = &fstest.MapFile{Data: b}
		return nil
	})
	if err == nil {
		err = report.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func withStep(t *testing.T, m *models.Model) export.Options {
	step := stepOf(t, m, train.Default())
	step.State = stateOf(m)
	return export.Options{Step: step, Facts: map[string]string{"io.fmtool.train.steps": "100"}}
}

// verified is what verifying the files says.
func verified(t *testing.T, files fs.FS, c export.Checks) (export.Report, error) {
	t.Helper()
	b, err := export.OpenBundle(files)
	if err != nil {
		return export.Report{}, err
	}
	return b.Verify(t.Context(), c)
}

// A bundle of each kind of model has the same bytes every time, all graphs with test data, and verifies on every engine; its weights file is the model.
func TestBundle(t *testing.T) {
	c := checks(export.Engine{Name: "onnxruntime", Engine: orttest.Engine(t)})
	c.Batches = []int{3}
	for name, m := range smaller(t) {
		t.Run(name, func(t *testing.T) {
			o := withStep(t, m)
			o.Checks, o.Solver, o.Guidance = c, solver.Heun, name == "vector"
			files := bundleOf(t, m, o, name == "none")
			if name == "none" && !maps.EqualFunc(files, bundleOf(t, m, o, true), func(a, b *fstest.MapFile) bool { return bytes.Equal(a.Data, b.Data) }) {
				t.Error("the same model gave other bytes")
			}
			for _, kind := range export.Graphs() {
				if files[kind+".onnx"] == nil || files[kind+"/test_data_set_0/input_0.pb"] == nil || files[kind+"/test_data_set_0/output_0.pb"] == nil {
					t.Errorf("%s is missing or has no test data", kind)
				}
				if (files[kind+".onnx.data"] != nil) != (name == "none" && kind != "train_step") {
					t.Errorf("%s: weights apart: %v", kind, files[kind+".onnx.data"] != nil)
				}
			}
			report, err := verified(t, files, c)
			if err == nil {
				err = report.Err()
			}
			if err != nil {
				t.Fatal(err)
			}
			rows := 0
			for _, row := range report.Rows {
				if strings.HasSuffix(row.Graph, ".onnx: test data") {
					rows++
				}
			}
			if want := len(c.Engines) * len(export.Graphs()); rows != want {
				t.Errorf("%d rows of test data, want %d", rows, want)
			}
			t.Logf("%d rows, worst %+v", len(report.Rows), report.Worst())
			back, meta, err := models.Decode(files["weights.safetensors"].Data, false)
			if err != nil || meta["io.fmtool.train.steps"] != "100" || !slices.Equal(slices.Sorted(maps.Keys(back.Weights)), slices.Sorted(maps.Keys(m.Weights))) {
				t.Errorf("the weights file: %v, %v", meta, err)
			}
		})
	}
}

// Weights have the names of the initialisers of every graph that has them inside.
func TestBundleWeightsAreTheInitialisers(t *testing.T) {
	m := smaller(t)["vector"]
	files := bundleOf(t, m, export.Options{}, false)
	for _, kind := range []flow.Kind{flow.VelocityKind, flow.SamplerKind, flow.SampleKind, flow.LogProbKind} {
		file, err := onnx.Unmarshal(files[string(kind)+".onnx"].Data)
		if err != nil {
			t.Fatal(err)
		}
		have := map[string][]byte{}
		for _, v := range file.Main.Initializer {
			have[v.Name] = v.RawData
		}
		for name, w := range m.Weights {
			if !bytes.Equal(have[name], w.Bytes()) {
				t.Errorf("%s: %s differs or is missing", kind, name)
			}
		}
	}
}

// What a model does not have is left out with its reason, and its other graphs are there.
func TestBundleOfASource(t *testing.T) {
	m := smaller(t)["none"]
	m.Spec.Source = flow.DataSource
	files := bundleOf(t, m, export.Options{}, false)
	b, err := export.OpenBundle(files)
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]string{"sample": "rows of a data set", "logprob": "rows of a data set", "train_step": "not given"} {
		if files[kind+".onnx"] != nil || !strings.Contains(b.Absent[kind], want) {
			t.Errorf("%s is there, or its reason is %q", kind, b.Absent[kind])
		}
	}
	report, err := b.Verify(t.Context(), checks())
	if err != nil || report.Err() != nil || files["sampler.onnx"] == nil {
		t.Errorf("%v, %v", err, report.Err())
	}
}

// A file that was changed or is gone is named, each of them, and so is a manifest that says other things than the graphs; other files are nobody's concern.
func TestTamperedBundle(t *testing.T) {
	m := smaller(t)["labels"]
	good := bundleOf(t, m, withStep(t, m), false)
	good["notes.txt"] = &fstest.MapFile{Data: []byte("mine")}
	try := func(change func(fstest.MapFS)) string {
		files := maps.Clone(good)
		change(files)
		c := checks()
		c.Batches = []int{1}
		report, err := verified(t, files, c)
		if err == nil {
			err = report.Err()
		}
		if err == nil {
			return ""
		}
		return err.Error()
	}
	if got := try(func(fstest.MapFS) {}); got != "" {
		t.Fatalf("an unknown file beside: %s", got)
	}
	for name := range good {
		if name == "notes.txt" || name == "manifest.json" || strings.HasPrefix(name, "train_step/") {
			continue
		}
		if got := try(func(f fstest.MapFS) { delete(f, name) }); !strings.Contains(got, name) {
			t.Errorf("without %s: %q", name, got)
		}
		b := bytes.Clone(good[name].Data)
		b[len(b)/2] ^= 1
		if got := try(func(f fstest.MapFS) { f[name] = &fstest.MapFile{Data: b} }); !strings.Contains(got, name+" is not what the manifest promises") {
			t.Errorf("with a bit of %s flipped: %q", name, got)
		}
	}
	both := try(func(f fstest.MapFS) { delete(f, "sample.onnx"); delete(f, "verify.json") })
	if !strings.Contains(both, "sample.onnx") || !strings.Contains(both, "verify.json") {
		t.Errorf("two files gone: %q", both)
	}
	for _, c := range []struct{ from, to, want string }{
		{`"kind": "global"`, `"kind": "column"`, "other things of velocity.onnx"},
		{`"name": "steps"`, `"name": "stops"`, "other things of sampler.onnx"},
		{`"onnxruntime": "1.14"`, `"onnxruntime": "1.12"`, "other things of sample.onnx"},
		{"log-densities in nats", "log-densities in bits", "other things of logprob.onnx"},
		{"learning rate", "rate of learning", "other things of train_step.onnx"},
	} {
		text := strings.ReplaceAll(string(good["manifest.json"].Data), c.from, c.to)
		if got := try(func(f fstest.MapFS) { f["manifest.json"] = &fstest.MapFile{Data: []byte(text)} }); !strings.Contains(got, c.want) {
			t.Errorf("with %s for %s: %q, want %q", c.to, c.from, got, c.want)
		}
	}
}

// Test data that are not the graph's show, by the name of the graph, whatever the manifest says of their SHA-256.
func TestWrongTestData(t *testing.T) {
	m := smaller(t)["none"]
	files := bundleOf(t, m, export.Options{}, false)
	for _, kind := range []string{"velocity", "sampler", "sample", "logprob"} {
		own := maps.Clone(files)
		name := kind + "/test_data_set_0/output_0.pb"
		want, err := onnx.UnmarshalTensor(files[name].Data)
		if err != nil {
			t.Fatal(err)
		}
		off := want.Clone()
		off.Float32()[0] += 0.1
		b := onnx.TensorOf("", off).Marshal()
		own[name] = &fstest.MapFile{Data: b}
		reseal(t, own, name)
		c := checks()
		c.Batches = []int{1}
		report, err := verified(t, own, c)
		if err != nil {
			t.Fatal(err)
		}
		if got := report.Err(); got == nil || !strings.Contains(got.Error(), kind+".onnx: test data on native") {
			t.Errorf("%s: %v", kind, got)
		}
	}
}

// A manifest whose normaliser is not the graphs' is refused, without a velocity field too.
func TestForeignNormaliser(t *testing.T) {
	files := bundleOf(t, smaller(t)["none"], export.Options{}, false)
	var m export.Manifest
	if err := json.Unmarshal(files["manifest.json"].Data, &m); err != nil {
		t.Fatal(err)
	}
	m.Model.Normaliser.Scale, m.Graphs = nil, slices.DeleteFunc(m.Graphs, func(g export.GraphEntry) bool { return g.Name != "sampler" })
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	files["manifest.json"] = &fstest.MapFile{Data: b}
	if _, err := verified(t, files, checks()); err == nil || !strings.Contains(err.Error(), "other things of sampler.onnx") {
		t.Errorf("got %v", err)
	}
}

// reseal puts the sum of a file into the manifest.
func reseal(t *testing.T, files fstest.MapFS, name string) {
	t.Helper()
	var m export.Manifest
	if err := json.Unmarshal(files["manifest.json"].Data, &m); err != nil {
		t.Fatal(err)
	}
	m.Files[name] = export.SumOf(files[name].Data)
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	files["manifest.json"] = &fstest.MapFile{Data: b}
}

// Hostile manifests are errors.
func TestHostileManifests(t *testing.T) {
	m := smaller(t)["none"]
	files := bundleOf(t, m, export.Options{}, false)
	good := string(files["manifest.json"].Data)
	for name, c := range map[string]struct{ from, to, want string }{
		"no JSON":          {"{", "[", "manifest.json"},
		"another format":   {"fmtool bundle 1", "fmtool bundle 9", "format"},
		"a path outside":   {`"MODEL_CARD.md": {`, `"../MODEL_CARD.md": {`, "want a name in the folder"},
		"an absolute path": {`"MODEL_CARD.md": {`, `"/etc/passwd": {`, "want a name in the folder"},
		"no SHA-256":       {`"sha256": "`, `"sha256": "0`, "64 digits"},
		"a negative size":  {`"bytes": `, `"bytes": -`, "a size"},
		"a graph twice":    {`"name": "sampler"`, `"name": "velocity"`, "twice"},
		"no such file":     {`"file": "sampler.onnx"`, `"file": "other.onnx"`, "no file"},
		"no tolerance":     {`"tolerance": `, `"tolerance": 1000`, "tolerance"},
		"a negative scale": {`"scales": [`, `"scales": [-1, `, "scales"},
		"no files at all":  {good, `{"format": "fmtool bundle 1"}`, "no graphs"},
		"a number too big": {`"bytes": `, `"bytes": 99999999999999999999`, "manifest.json"},
	} {
		own := maps.Clone(files)
		own["manifest.json"] = &fstest.MapFile{Data: []byte(strings.Replace(good, c.from, c.to, 1))}
		if _, err := export.OpenBundle(own); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := export.OpenBundle(fstest.MapFS{}); err == nil || !strings.Contains(err.Error(), "fmtool export FOLDER/") {
		t.Errorf("an empty folder: %v", err)
	}
}

// No manifest makes the reader panic or read a file that is not in the folder.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"format": "fmtool bundle 1", "files": {"a.onnx": {"bytes": 3, "sha256": "` + strings.Repeat("0", 64) + `"}}, "graphs": [{"name": "velocity", "file": "a.onnx", "weights": "inside the file"}]}`))
	f.Add([]byte(`{"format": "fmtool bundle 1", "graphs": [{"test": {"folder": "../..", "tolerance": 0.1, "scales": []}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		files := fstest.MapFS{"manifest.json": {Data: b}, "a.onnx": {Data: []byte("abc")}}
		o, err := export.OpenBundle(files)
		if err != nil {
			return
		}
		if _, err := o.Verify(t.Context(), checks()); err == nil {
			t.Error("a bundle of no model verifies")
		}
	})
}

// The program in bundles is one file that imports onnxruntime and numpy alone, and has all that it takes from fine_tune.py.
func TestPythonLoadIsOneFile(t *testing.T) {
	text := export.PythonLoad()
	var imports []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "import ") || strings.HasPrefix(line, "from ") {
			imports = append(imports, strings.TrimSpace(line))
		}
	}
	want := []string{"import hashlib", "import json", "import math", "import os", "import sys", "import numpy as np", "import onnxruntime"}
	if !slices.Equal(imports, want) {
		t.Errorf("it imports %q, want %q", imports, want)
	}
	for _, name := range []string{"TYPES = ", "def begin(", "def draw(", "def fine_tune(", "def read_safetensors(", "def times(", "def write_safetensors(", "class Bundle:"} {
		if strings.Count(text, "\n"+name) != 1 {
			t.Errorf("%q stands there %d times", name, strings.Count(text, "\n"+name))
		}
	}
}

// A meaning is the same however often it is asked for.
func TestMeaningsStay(t *testing.T) {
	m := smaller(t)["none"]
	m.Spec.Columns = []string{"left", "right"}
	file, _, err := export.Sampler(t.Context(), m, export.Options{Checks: checks()})
	if err != nil {
		t.Fatal(err)
	}
	message, err := onnx.Unmarshal(file)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, want := export.ManualOf(message, "m").Outputs[0].Meaning, "samples: left, right, in data units"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
