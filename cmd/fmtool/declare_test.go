package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"fmtool/models/onnx"
	"fmtool/runtime/ort/orttest"
)

const foreignFields = "../../testdata/foreign/"

// A network from elsewhere samples by flags as NumPy does, and its declared copy without flags gives the very same numbers, through every command.
func TestDeclare(t *testing.T) {
	orttest.Engine(t)
	model := filepath.Join(t.TempDir(), "model.onnx")
	said := []string{"--input-x", "sample", "--input-t", "timestep", "--time-range", "1000:0"}
	table, _, err := run(append([]string{"declare", foreignFields + "blocks_dynamo.onnx", "-o", model}, said...)...)
	if err != "" || strings.Count(table, "PASS") != 8 {
		t.Fatalf("declare: %s\n%s", err, table)
	}
	draw := []string{"-n", "64", "--steps", "50", "--seed", "7"}
	byFlags, _, err1 := run(append(append([]string{"sample", foreignFields + "blocks_dynamo.onnx"}, said...), draw...)...)
	byCopy, _, err2 := run(append([]string{"sample", model}, draw...)...)
	if err1+err2 != "" || byFlags != byCopy {
		t.Errorf("by flags %s, by copy %s; other samples", err1, err2)
	}
	golden, failed := os.ReadFile(foreignFields + "blocks.csv")
	if failed != nil {
		t.Fatal(failed)
	}
	worst, want := 0.0, cells(t, string(golden))
	for i, v := range cells(t, strings.TrimPrefix(byCopy, "x1,x2\n")) {
		worst = max(worst, math.Abs(v-want[i]))
	}
	if !(worst <= 1e-4) {
		t.Errorf("samples deviate from NumPy's by %.1e, want at most 1e-4", worst)
	}
	for _, args := range [][]string{
		{"evaluate", model, "moons:n=64", "--n", "32", "--seeds", "1", "--steps", "5", "--solvers", "none", "--tolerances", "0"},
		{"likelihood", model, "moons:n=8", "--steps", "4"},
		{"denoise", model, "moons:n=8", "--time", "0.5", "--engine", "native"},
		{"inspect", model},
		{"verify", model, "--parity", "native"},
		{"plot", model, "-o", filepath.Join(t.TempDir(), "p.png"), "--engine", "native"},
	} {
		if out, _, err := run(args...); err != "" || strings.Contains(out, "FAIL") || args[0] == "verify" && strings.Contains(out, "no digests") {
			t.Errorf("%s: %s", args[0], err)
		}
	}
}

// The whole way from noise leaves as one file, made of a network from elsewhere or of a declared copy; a setting that the graph has not is refused.
func TestDeclareGraphs(t *testing.T) {
	orttest.Engine(t)
	dir := t.TempDir()
	said := []string{"--input-t", "timestep", "--time-range", "999:0", "--prediction", "noise", "--path", "vp"}
	network, model := foreignFields+"noise_dynamo.onnx", filepath.Join(dir, "model.onnx")
	if _, _, err := run(append([]string{"declare", network, "-o", model}, said...)...); err != "" {
		t.Fatal(err)
	}
	direct, copied := filepath.Join(dir, "a.onnx"), filepath.Join(dir, "b.onnx")
	_, _, err1 := run(append([]string{"declare", network, "-o", direct, "--graph", "sample", "--solver", "heun"}, said...)...)
	table, _, err2 := run("declare", model, "-o", copied, "--graph", "sample", "--solver", "heun")
	a, failed1 := os.ReadFile(direct)
	b, failed2 := os.ReadFile(copied)
	if err1+err2 != "" || failed1 != nil || failed2 != nil || !bytes.Equal(a, b) || !strings.Contains(table, "PASS") || strings.Contains(table, "FAIL") {
		t.Errorf("%s %s %v %v\n%s", err1, err2, failed1, failed2, table)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{append([]string{network, "--solver", "heun"}, said...), "--graph sampler"},
		{[]string{model}, "needs no declaration"},
		{[]string{model, "--graph", "sampel"}, `did you mean "sample"`},
		{[]string{model, "--graph", "train_step"}, "train"},
		{[]string{foreignFields + "score_jax.onnx", "--input-x", "in_0", "--input-t", "in_1", "--time-range", "1:0", "--prediction", "score", "--path", "vp"}, "differs from float64"},
	} {
		out := filepath.Join(dir, "none.onnx")
		_, _, err := run(append([]string{"declare", "-o", out}, c.args...)...)
		if _, failed := os.Stat(out); !strings.Contains(err, c.want) || failed == nil {
			t.Errorf("%v: %q, want a word of %q, and no file", c.args[1:], err, c.want)
		}
	}
}

// Classes that were only counted are those that data number.
func TestDeclaredClasses(t *testing.T) {
	said := []string{"--input-y", "label", "--classes", "8", "--null", "0.1", "--prediction", "x1", "--engine", "native"}
	_, _, err := run(append([]string{"evaluate", foreignFields + "classes_torchscript.onnx", "8gaussians:n=400", "--seeds", "1", "--solvers", "none",
		"--tolerances", "0", "--metrics", "w2", "--steps", "5", "--per-class"}, said...)...)
	if err != "" {
		t.Error(err)
	}
}

// A network with an operator that the native engine lacks is tried on onnxruntime, and sampled there; the native engine names the operator.
func TestDeclareForOnnxruntimeAlone(t *testing.T) {
	orttest.Engine(t)
	file, failed := os.ReadFile(foreignFields + "silu_torchscript.onnx")
	if failed != nil {
		t.Fatal(failed)
	}
	m, failed := onnx.Unmarshal(file)
	if failed != nil {
		t.Fatal(failed)
	}
	for _, n := range m.Main.Node {
		if n.OpType == "Sigmoid" {
			n.OpType = "Atan"
		}
	}
	dir := t.TempDir()
	network, model := filepath.Join(dir, "atan.onnx"), filepath.Join(dir, "model.onnx")
	if err := os.WriteFile(network, m.Marshal(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, talk, err := run("declare", network, "-o", model); err != "" || !strings.Contains(talk, "not compared with float64") || !strings.Contains(talk, "Atan") {
		t.Errorf("declare: %q %s", talk, err)
	}
	if out, _, err := run("sample", model, "-n", "2"); err != "" || len(out) < 20 {
		t.Errorf("on onnxruntime: %q %s", out, err)
	}
	if _, _, err := run("sample", model, "-n", "2", "--engine", "native"); !strings.Contains(err, "operator Atan is not in the table") {
		t.Errorf("on the native engine: %q", err)
	}
}

func cells(t *testing.T, text string) (v []float64) {
	t.Helper()
	for _, field := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' }) {
		x, err := strconv.ParseFloat(field, 64)
		if err != nil {
			t.Fatal(err)
		}
		v = append(v, x)
	}
	return v
}
