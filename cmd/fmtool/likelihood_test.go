package main

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// columnsOf are the columns of a CSV by name.
func columnsOf(t *testing.T, text string) map[string][]float64 {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]float64{}
	for _, r := range records[1:] {
		for j, field := range r {
			v, err := strconv.ParseFloat(field, 64)
			if err != nil {
				t.Fatal(err)
			}
			out[records[0][j]] = append(out[records[0][j]], v)
		}
	}
	return out
}

func must(t *testing.T, args ...string) string {
	t.Helper()
	out, _, failure := run(args...)
	if failure != "" {
		t.Fatalf("fmtool %v: %s", args, failure)
	}
	return out
}

// The log-densities that sample gives its samples are those that likelihood gives the same rows as data, class by class, to 1e-3 nats.
func TestLogDensitiesForwardAndReverse(t *testing.T) {
	dir, model := small(t)
	samples, logs := filepath.Join(dir, "s.csv"), filepath.Join(dir, "l.csv")
	must(t, "sample", model, "--per-class", "10", "--log-prob", "--solver", "rk4", "--engine", "native", "-o", samples)
	text, err := os.ReadFile(samples)
	if err != nil {
		t.Fatal(err)
	}
	forward := columnsOf(t, string(text))
	if len(forward["x"]) != 20 || len(forward["log_density"]) != 20 {
		t.Fatalf("columns of %s", text)
	}
	report := must(t, "likelihood", model, samples, "--label", "label", "--engine", "native", "-o", logs, "--json")
	text, err = os.ReadFile(logs)
	if err != nil {
		t.Fatal(err)
	}
	reverse, mean := columnsOf(t, string(text))["log_density"], 0.0
	for i, v := range reverse {
		if mean += v / 20; math.Abs(v-forward["log_density"][i]) > 1e-3 {
			t.Errorf("row %d: %g forward, %g in reverse", i, forward["log_density"][i], v)
		}
	}
	var r struct {
		Rows int     `json:"rows"`
		Mean float64 `json:"mean_log_density"`
	}
	if err := json.Unmarshal([]byte(report), &r); err != nil || r.Rows != 20 || math.Abs(r.Mean-mean) > 1e-9 {
		t.Errorf("%v, %+v, want the mean %g", err, r, mean)
	}
	adaptive := columnsOf(t, must(t, "sample", model, "--per-class", "10", "--log-prob", "--solver", "dopri5", "--engine", "native"))
	for i, v := range adaptive["log_density"] {
		if math.Abs(v-forward["log_density"][i]) > 1e-3 {
			t.Errorf("sample %d: %g by dopri5, %g by rk4", i, v, forward["log_density"][i])
		}
	}
	other := columnsOf(t, must(t, "sample", model, "--per-class", "10", "--solver", "rk4", "--engine", "native"))
	for i, x := range other["x"] {
		if math.Abs(x-forward["x"][i]) > 1e-5 {
			t.Errorf("sample %d is %g with --log-prob, %g without", i, forward["x"][i], x)
		}
	}
}

// Probes and bins are reported; one row has no standard error, and its report is JSON all the same.
func TestLikelihoodReports(t *testing.T) {
	dir, model := small(t, "--unconditional")
	text := must(t, "likelihood", model, "moons:n=30", "--engine", "native", "--probes", "4", "--dequantise", "0.1", "--steps", "10", "-o", filepath.Join(dir, "d.npy"))
	for _, part := range []string{"of 30 rows", "from the probes", "4 probes, rademacher", "40 evaluations", "bits per number"} {
		if !strings.Contains(text, part) {
			t.Errorf("no word about %q in %q", part, text)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "d.npy")); err != nil || !strings.Contains(string(b), "(30, 2)") {
		t.Errorf("densities and errors: %v", err)
	}
	if text := must(t, "likelihood", model, "moons:n=30", "--engine", "native", "--solver", "dopri5", "--rtol", "1e-3"); strings.Contains(text, "400 evaluations") {
		t.Errorf("dopri5 by tolerance takes the steps of rk4: %q", text)
	}
	var r map[string]any
	one := must(t, "likelihood", model, "moons:n=1", "--engine", "native", "--probes", "1", "--steps", "5", "--json")
	if err := json.Unmarshal([]byte(one), &r); err != nil || r["rows"] != 1.0 || r["standard_error"] != nil {
		t.Errorf("%v: %s", err, one)
	}
}
