package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fmtool/models"
)

// A training step of a run is exported with the run's state beside it, verified and inspected; an imported run has one too, from its first step.
func TestTrainStepCommand(t *testing.T) {
	dir, _ := small(t)
	source, step := filepath.Join(dir, "run"), filepath.Join(dir, "step.onnx")
	must := func(args ...string) (out, talk string) {
		t.Helper()
		out, talk, failure := run(args...)
		if failure != "" {
			t.Fatalf("%v: %s", args, failure)
		}
		return out, talk
	}
	_, talk := must("export", step, "--graph", "train_step", "--run", source, "--parity", "native")
	if !strings.Contains(talk, "onnxruntime ≥ 1.12") {
		t.Errorf("got %q, want the oldest onnxruntime", talk)
	}
	if out, _ := must("verify", step, "--parity", "native"); !strings.Contains(out, "3 steps: averages") || strings.Contains(out, "FAIL") {
		t.Errorf("verify says\n%s", out)
	}
	if out, _ := must("inspect", step); !strings.Contains(out, "adamw.v.net.out.bias float32[1 2]") {
		t.Errorf("inspect says\n%s", out)
	}
	state := steps(t, statePath(step), 20)

	tuned, again := filepath.Join(dir, "tuned"), filepath.Join(dir, "again.onnx")
	must("import-weights", source, statePath(step), "-o", tuned)
	must("export", again, "--graph", "train_step", "--run", tuned, "--parity", "native")
	if !bytes.Equal(state["net.out.weight"], steps(t, statePath(again), 0)["net.out.weight"]) {
		t.Error("the weights changed on the way out and back")
	}
}

// steps reads a state, the bytes of its tensors by name, and compares the steps taken.
func steps(t *testing.T, path string, want int64) map[string][]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tensors, _, err := models.ReadWeights(b)
	if err != nil {
		t.Fatal(err)
	}
	if got := tensors["step"].Int64()[0]; got != want {
		t.Errorf("%s: step %d, want %d", filepath.Base(path), got, want)
	}
	bytes := map[string][]byte{}
	for name, v := range tensors {
		bytes[name] = v.Bytes()
	}
	return bytes
}

// trainStep is the training step of the run in dir.
func trainStep(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "trainstep.onnx")
	if _, _, err := run("export", path, "--graph", "train_step", "--run", filepath.Join(dir, "run"), "--parity", "native"); err != "" {
		t.Fatal(err)
	}
	return path
}
