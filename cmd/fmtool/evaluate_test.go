package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fmtool/train/quality"
)

// evaluate prints every table, says the same as JSON, and draws the curve in the form that the name asks for.
func TestEvaluate(t *testing.T) {
	dir, model := small(t)
	args := []string{"evaluate", model, "moons:n=400", "--data-seed", "3", "--seeds", "2", "--steps", "4", "--evaluations", "1,2,4", "--tolerances", "0.01", "--per-class", "--engine", "native"}
	for ext, magic := range map[string]string{".png": "\x89PNG", ".svg": "<svg"} {
		picture := filepath.Join(dir, "q"+ext)
		out, _, failure := run(append(args, "--plot", picture)...)
		if failure != "" {
			t.Fatal(failure)
		}
		for _, want := range []string{"floor", "coverage", "curvature", "class", "midpoint", "against evaluations"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		if b, err := os.ReadFile(picture); err != nil || !bytes.Contains(b[:min(len(b), 500)], []byte(magic)) {
			t.Errorf("%s: %v, begins with %.20q", picture, err, b)
		}
	}
	text, _, failure := run(append(args, "--json")...)
	var r quality.Report
	if err := json.Unmarshal([]byte(text), &r); err != nil || failure != "" {
		t.Fatal(err, failure)
	}
	if r.N != 200 || r.Seeds != 2 || len(r.Distances) != 7 || len(r.Classes) != 2 || len(r.Curve.Points) != 9 || r.Distances[0].Floor.Of != 5 {
		t.Errorf("%+v", r)
	}
	again, _, _ := run(append(args, "--json")...)
	if again != text {
		t.Error("a second evaluation says otherwise")
	}
}
