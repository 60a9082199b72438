package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// A graph of log-densities is exported, verified and told of like any other; it is no field to sample.
func TestLogProbGraph(t *testing.T) {
	dir, _ := small(t)
	path := filepath.Join(dir, "logprob.onnx")
	must := func(args ...string) string {
		t.Helper()
		out, _, err := run(args...)
		if err != "" {
			t.Fatal(err)
		}
		return out
	}
	must("export", path, "--run", filepath.Join(dir, "run"), "--graph", "logprob", "--divergence", "probes", "--guidance", "--solver", "heun", "--parity", "native")
	if out := must("verify", path, "--parity", "native"); strings.Count(out, "logprob") != 3 || strings.Count(out, "PASS") != 3 {
		t.Errorf("verify: %s", out)
	}
	out := must("inspect", path)
	for _, want := range []string{"float32[P batch 2]", "guidance float32[W]", "log_prob float32[batch]", "nfe int64[]", "io.fmtool.divergence = probes"} {
		if !strings.Contains(out, want) {
			t.Errorf("inspect does not tell %q: %s", want, out)
		}
	}
	if _, _, err := run("sample", path, "--engine", "native"); !strings.Contains(err, "a logprob, not a velocity field") {
		t.Errorf("sampled: %q", err)
	}
}
