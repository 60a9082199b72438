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

// evaluate draws as sample does: with guidance, noise on the way, another path, another grid; it says so, and the samples differ.
func TestEvaluateOtherWays(t *testing.T) {
	_, model := small(t)
	seen := map[float64]string{}
	for want, args := range map[string][]string{
		"":                                nil,
		"--guidance 3":                    {"--guidance", "3"},
		"--cfg-zero --guidance 3":         {"--guidance", "3", "--cfg-zero"},
		"--guidance 3 --guidance-rescale": {"--guidance", "3", "--guidance-rescale", "0.7"},
		"--guidance-interval 0.2:0.6":     {"--guidance", "3", "--guidance-interval", "0.2:0.6"},
		"--sde beta:2":                    {"--sde", "beta:2"},
		"--schedule cosine":               {"--schedule", "cosine"},
		"--shift 3":                       {"--shift", "3"},
		"--grid u-shaped":                 {"--grid", "u-shaped"},
	} {
		text, _, failure := run(append([]string{"evaluate", model, "moons:n=100", "--seeds", "1", "--steps", "4", "--evaluations", "4", "--engine", "native", "--json",
			"--metrics", "energy"}, args...)...)
		var r quality.Report
		if err := json.Unmarshal([]byte(text), &r); err != nil || failure != "" {
			t.Fatal(want, err, failure)
		}
		if !strings.Contains(r.Drawn, want) || (r.Drawn == "") != (want == "") {
			t.Errorf("%v: says it was drawn with %q", args, r.Drawn)
		}
		if other, ok := seen[r.Distances[0].Samples.Mean]; ok {
			t.Errorf("%q and %q: the same distance", want, other)
		}
		seen[r.Distances[0].Samples.Mean] = want
		if want == "--guidance 3" && (r.Evaluations != 8 || r.Curve.Points[0].Evaluations != 8) {
			t.Errorf("guided: %d evaluations, %+v", r.Evaluations, r.Curve.Points[0])
		}
		if sde := want == "--sde beta:2"; sde != (r.Paths == nil) || sde != (r.Solver == "euler-maruyama") {
			t.Errorf("%q by %s with paths %v", want, r.Solver, r.Paths)
		}
	}
}

// --nll puts the likelihood of the data beside its floor, and the paths' energies have theirs; evaluations that a solver cannot spend are named.
func TestEvaluateFloors(t *testing.T) {
	_, model := small(t)
	args := []string{"evaluate", model, "moons:n=100", "--seeds", "2", "--steps", "4", "--evaluations", "3,4", "--engine", "native", "--nll", "--metrics", "energy"}
	text, talk, failure := run(args...)
	if failure != "" || !strings.Contains(text, "nll") || !strings.Contains(talk, "heun takes 2 evaluations a step and cannot spend 3") {
		t.Errorf("%s\n%q %q", text, talk, failure)
	}
	text, _, failure = run(append(args, "--json", "--probes", "4")...)
	var r quality.Report
	if err := json.Unmarshal([]byte(text), &r); err != nil || failure != "" {
		t.Fatal(err, failure)
	}
	if d := r.Likelihood; d.Probes != 4 || d.Data.Of != 2 || d.Floor.Of != 5 || !(d.Floor.Mean > 0 && d.Floor.Mean < 1) {
		t.Errorf("%+v", d)
	}
	for _, p := range r.Paths {
		if energy := strings.Contains(p.Metric, "energy"); energy != (p.Floor != nil) || energy && !(p.Floor.Mean > 0 && p.Floor.Mean < p.Samples.Mean+1) {
			t.Errorf("%s: %v, floor %v", p.Metric, p.Samples, p.Floor)
		}
	}
}
