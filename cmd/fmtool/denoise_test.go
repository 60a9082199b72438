package main

import (
	"math"
	"path/filepath"
	"testing"
)

// At t = 1 rows come back as they are; noise is added and its seed matters; the file is refused a second time.
func TestDenoise(t *testing.T) {
	dir, model := small(t)
	clean := columnsOf(t, must(t, "denoise", model, "moons:n=20", "--time", "1", "--engine", "native"))
	rows := columnsOf(t, must(t, "denoise", model, "moons:n=20", "--time", "0.5", "--noise", "--engine", "native"))
	other := columnsOf(t, must(t, "denoise", model, "moons:n=20", "--time", "0.5", "--noise", "--seed", "1", "--engine", "native"))
	if len(clean["x"]) != 20 || len(clean["label"]) != 20 || rows["x"][0] == clean["x"][0] || rows["x"][0] == other["x"][0] {
		t.Errorf("clean %v, denoised %v, of another seed %v", clean["x"][:3], rows["x"][:3], other["x"][:3])
	}
	file := filepath.Join(dir, "clean.csv")
	must(t, "denoise", model, "moons:n=20", "--time", "1", "--engine", "native", "-o", file)
	again := columnsOf(t, must(t, "denoise", model, file, "--label", "label", "--time", "1", "--engine", "native"))
	for i, x := range again["x"] {
		if math.Abs(x-clean["x"][i]) > 1e-6 {
			t.Errorf("row %d: %g at t = 1, was %g", i, x, clean["x"][i])
		}
	}
	if _, _, failure := run("denoise", model, "moons:n=20", "--time", "1", "--engine", "native", "-o", file); failure == "" {
		t.Error("an existing file was replaced")
	}
}
