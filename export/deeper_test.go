package export_test

import (
	"bytes"
	"strings"
	"testing"

	"fmtool/export"
	"fmtool/models/onnx"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/ort/orttest"
)

// forgetful is an engine that opens a file with the sign of a number of one weight changed, or all of that weight's numbers 0.
type forgetful struct {
	native.Engine
	weight string
	all    bool
}

func (f forgetful) Open(file []byte, o engine.Options) (engine.Program, error) {
	m, err := onnx.Unmarshal(bytes.Clone(file))
	if err != nil {
		return nil, err
	}
	for _, w := range m.Main.Initializer {
		if w.Name == f.weight {
			w.RawData[3] ^= 1 << 7
			if f.all {
				clear(w.RawData)
			}
		}
	}
	return f.Engine.Open(m.Marshal(), o)
}

// Bisect names the layer where an engine goes wrong first, by the trainer's name, in files with a Loop and without; and says how near the nearest is
// where none does.
func TestBisect(t *testing.T) {
	m := kinds(t)["labels"]
	for graph, o := range map[string]export.Options{"velocity": {}, "sampler": {}, "sample": {Unroll: 2}, "logprob": {Divergence: export.ProbesDivergence}} {
		o.Checks = checks()
		file, _, err := export.File(t.Context(), graph, m, o)
		if err != nil {
			t.Fatal(err)
		}
		c := checks(export.Engine{Name: "wrong", Engine: forgetful{weight: "net.hidden.1.h.weight"}})
		c.Bisect, c.Batches = true, []int{3}
		r, err := export.Verify(t.Context(), file, c)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range r.Rows {
			want := "all layers within their shares, nearest net/"
			if row.Engine == "wrong" {
				want = "first beyond its share: net/hidden.1/h/matmul, "
			}
			if !strings.HasPrefix(row.Layer, want) || row.Pass() != (row.Engine == "native") {
				t.Errorf("%s: %+v, want %q", graph, row, want)
			}
		}
	}
}

// With the trained model at hand a file is held to it: a bit of a weight fails with the weight's name, the rows differ, and bisect names its layer,
// whether or not the digests are still there.
func TestVerifyAgainstTheRun(t *testing.T) {
	trained := kinds(t)["none"]
	for _, graph := range []string{"velocity", "sampler", "sample", "logprob"} {
		for _, o := range []export.Options{{}, {Unroll: 3}} {
			if graph == "velocity" && o.Unroll > 0 {
				continue
			}
			o.Checks, o.Facts = checks(), map[string]string{"io.fmtool.train.steps": "100"}
			file, _, err := export.File(t.Context(), graph, trained, o)
			if err != nil {
				t.Fatal(err)
			}
			c := checks()
			c.Model, c.Facts, c.Bisect, c.Batches = trained, o.Facts, true, []int{5}
			if got := lines(t, file, c); strings.Contains(got, "FAIL") || strings.Contains(got, "error") {
				t.Errorf("%s unroll %d as exported:\n%s", graph, o.Unroll, got)
			}
			m, err := onnx.Unmarshal(bytes.Clone(file))
			if err != nil {
				t.Fatal(err)
			}
			tensorOf(t, m, "net.hidden.0.h.weight").RawData[3] ^= 1 << 7
			got := lines(t, unsealed(m), c)
			for _, want := range []string{"FAIL run: initialiser net.hidden.0.h.weight is not the run's: largest difference", "  FAIL  first beyond its share: net/hidden.0/h/matmul, "} {
				if graph == "logprob" && o.Unroll > 0 && want[0] == ' ' {
					continue // without a function there is no field to look into
				}
				if !strings.Contains(got, want) {
					t.Errorf("%s unroll %d, altered:\n%swant %q", graph, o.Unroll, got, want)
				}
			}
		}
	}
}

// An engine whose samples are of another distribution fails; one whose samples differ from the reference's no more than those of other noise do
// passes.
func TestDistributions(t *testing.T) {
	for graph, o := range map[string]export.Options{"velocity": {}, "sampler": {}, "sample": {Unroll: 4}} {
		o.Checks = checks()
		file, _, err := export.File(t.Context(), graph, kinds(t)["none"], o)
		if err != nil {
			t.Fatal(err)
		}
		c := checks(export.Engine{Name: "wrong", Engine: forgetful{weight: "net.out.weight", all: true}})
		c.Sampled, c.Batches = 200, []int{1}
		r, err := export.Verify(t.Context(), file, c)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, row := range r.Rows {
			if !strings.HasPrefix(row.Graph, "distribution of 200") {
				continue
			}
			found++
			if row.Pass() != (row.Engine == "native") {
				t.Errorf("%s: %+v", graph, row)
			}
		}
		if found != 2 {
			t.Errorf("%s: %d rows of distributions, want 2", graph, found)
		}
	}
}

// A file that was quantised, with operators that the native engine lacks, is verified on onnxruntime against the run; without it the error says how.
func TestQuantisedFilesAreVerified(t *testing.T) {
	onnxruntime := export.Engine{Name: "onnxruntime", Engine: orttest.Engine(t)}
	trained := kinds(t)["none"]
	file, _, err := export.Velocity(t.Context(), trained, export.Options{Checks: checks()})
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Unmarshal(bytes.Clone(file))
	if err != nil {
		t.Fatal(err)
	}
	last := m.Main.Node[len(m.Main.Node)-1]
	last.Output[0] = "whole"
	m.Main.Node = append(m.Main.Node,
		&onnx.Node{Name: "q", OpType: "DynamicQuantizeLinear", Input: []string{"whole"}, Output: []string{"bytes", "scale", "zero"}},
		&onnx.Node{Name: "dq", OpType: "DequantizeLinear", Input: []string{"bytes", "scale", "zero"}, Output: []string{"velocity"}})
	c := export.Checks{Reference: checks().Reference, Engines: []export.Engine{onnxruntime}, Edited: true, Tolerance: 0.02}
	if got, want := lines(t, m.Marshal(), c), "--run RUN --edited --parity onnxruntime"; !strings.Contains(got, want) {
		t.Errorf("without the run:\n%swant %q", got, want)
	}
	c.Model = trained
	got := lines(t, m.Marshal(), c)
	if strings.Contains(got, "FAIL") || strings.Contains(got, "error") || !strings.Contains(got, "note: edited: node ") || strings.Count(got, "PASS") != 4 {
		t.Errorf("against the run:\n%s", got)
	}
	if c.Tolerance = 1e-4; !strings.Contains(lines(t, m.Marshal(), c), "FAIL") {
		t.Error("rounding to 8 bits is within 1e-4")
	}
}
