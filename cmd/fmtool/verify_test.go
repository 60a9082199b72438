package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fmtool/export"
	"fmtool/models/onnx"
	"fmtool/runtime/ort/orttest"
)

// Verify has a row for each graph, engine, number of rows and of threads, and says what it was asked for beside: layers, distributions, the run.
func TestVerifyRows(t *testing.T) {
	dir, model := small(t)
	unrolled := filepath.Join(dir, "unrolled.onnx")
	if _, _, err := run("export", unrolled, "--run", filepath.Join(dir, "run"), "--graph", "sampler", "--unroll", "3", "--parity", "native"); err != "" {
		t.Fatal(err)
	}
	out, _, failure := run("verify", model, unrolled, "--parity", "native", "--batches", "2,5", "--threads", "1,2", "--bisect", "--statistical", "--run", filepath.Join(dir, "run"), "--json")
	var r export.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || failure != "" {
		t.Fatalf("%v, %s: %s", err, failure, out)
	}
	// of each number of threads: two batches, Euler steps, a distribution; two batches, a distribution
	if len(r.Rows) != 2*(4+3) || len(r.Faults) > 0 {
		t.Errorf("%d rows, want 14; faults %v", len(r.Rows), r.Faults)
	}
	for _, row := range r.Rows {
		deep := strings.Contains(row.Graph, "distribution")
		if !row.Pass() || row.Ulps == (export.Ulps{}) || !deep && !strings.Contains(row.Layer, "within their shares") || !strings.Contains(row.Graph, ".onnx: ") {
			t.Errorf("%+v", row)
		}
	}
}

// A file whose bits were flipped prints its report, fails with the place in one line, and passes as edited.
func TestVerifyAltered(t *testing.T) {
	dir, model := small(t)
	file, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Unmarshal(bytes.Clone(file))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range m.Main.Initializer {
		if w.Name == "net.in.x.weight" {
			w.RawData[3] ^= 1 << 7
		}
	}
	altered := filepath.Join(dir, "altered.onnx")
	if err := os.WriteFile(altered, m.Marshal(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, failure := run("verify", altered, "--parity", "native")
	if want := "tensor net.in.x.weight is not what was exported"; !strings.Contains(out, "FAIL digests: "+want) || !strings.Contains(failure, want) || strings.Contains(failure, "\n") {
		t.Errorf("%q, table\n%s", failure, out)
	}
	if out, _, failure := run("verify", altered, "--parity", "native", "--edited"); failure != "" || !strings.Contains(out, "note: edited: tensor net.in.x.weight") {
		t.Errorf("edited: %q, table\n%s", failure, out)
	}
	of := filepath.Join(dir, "run")
	if out, _, failure := run("verify", altered, "--parity", "native", "--run", of); !strings.Contains(out, "FAIL run: initialiser net.in.x.weight is not the run's") || !strings.Contains(failure, "parity") {
		t.Errorf("against the run: %q, table\n%s", failure, out)
	}
	if out, _, failure := run("verify", altered, "--parity", "native", "--edited", "--run", of); strings.Contains(failure, "digests") || !strings.Contains(failure, "parity") {
		t.Errorf("edited, against the run: %q, table\n%s", failure, out)
	}
	if out, _, failure := run("verify", altered, "--parity", "native", "--edited", "--run", of, "--tolerance", "1"); failure != "" || !strings.Contains(out, "note: edited: initialiser net.in.x.weight") {
		t.Errorf("edited, near the run: %q, table\n%s", failure, out)
	}
}

// Several libraries are checked in a process each; one that cannot be opened has a row with the reason, and fails.
func TestVerifyLibraries(t *testing.T) {
	dir, model := small(t)
	library := orttest.Engine(t).Library().Path
	none := filepath.Join(dir, "libonnxruntime.so.0.1")
	if err := os.WriteFile(none, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := filepath.Join(dir, "libonnxruntime.so")
	if err := os.Symlink(library, again); err != nil {
		t.Fatal(err)
	}
	count := func(out string) (native, ort int) {
		for line := range strings.Lines(out) {
			if strings.Contains(line, "PASS") && strings.Contains(line, "native") {
				native++
			} else if strings.Contains(line, "PASS") && strings.Contains(line, "onnxruntime") {
				ort++
			}
		}
		return native, ort
	}
	out, _, failure := run("verify", model, "--ort-lib", library+","+again, "--batches", "3")
	if native, ort := count(out); native != 2 || ort != 4 || failure != "" {
		t.Errorf("%d native rows and %d of onnxruntime, want 2 and 4 (%s):\n%s", native, ort, failure, out)
	}
	out, _, failure = run("verify", model, "--ort-lib", none+","+library, "--batches", "3")
	if native, ort := count(out); native != 2 || ort != 2 || !strings.Contains(out, "FAIL") || !strings.Contains(failure, "libonnxruntime.so.0.1") {
		t.Errorf("%d native rows and %d of onnxruntime, want 2 and 2; %s:\n%s", native, ort, failure, out)
	}
}
