package main

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

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
		if out, _, err := run(args...); err != "" || strings.Contains(out, "FAIL") {
			t.Errorf("%s: %s", args[0], err)
		}
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
