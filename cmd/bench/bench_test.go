package main

import (
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// README's section is what the recorded result makes: whoever records a run or changes the tables runs go run ./cmd/bench -readme.
func TestReadmeShowsTheRecord(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	r, err := readReport("../../testdata/bench.json")
	if err != nil {
		t.Fatal(err)
	}
	held, err := readHeld("../../testdata/bench.json")
	if err != nil {
		t.Fatal(err)
	}
	want, err := withSection(text, r, held)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != string(want) {
		t.Error("README.md and testdata/bench.json differ; run go run ./cmd/bench -readme")
	}
}

// A figure is the median and the 10th and 90th percentile, interpolated; one number is all three, none is no figure.
func TestFigure(t *testing.T) {
	for _, c := range []struct {
		x    []float64
		want Figure
	}{
		{[]float64{3, 1, 2}, Figure{2, 1.2, 2.8}},
		{[]float64{4, 1, 2, 3}, Figure{2.5, 1.3, 3.7}},
		{[]float64{7}, Figure{7, 7, 7}},
	} {
		if got := figure(c.x); *got != c.want {
			t.Errorf("figure(%v) = %v, want %v", c.x, *got, c.want)
		}
	}
	if f := figure(nil); f != nil {
		t.Errorf("a figure of nothing: %v", f)
	}
	if v := round(0.00123456789, 5); math.Abs(v-0.0012346) > 1e-12 {
		t.Errorf("rounded to %g", v)
	}
}

// Ratios are taken within a round, of processor time at one thread and of wall time otherwise; rounds that one side missed count for neither.
func TestRatiosWithinRounds(t *testing.T) {
	c := benchCase{table: "step", name: "x", per: 1, flops: 10, threads: 1}
	ours := &turn{c: &c, key: "fmtool", samples: map[int]sample{0: {2, 4, 2}, 1: {1, 2, 4}, 2: {1, 1, 1}}}
	peer := &turn{c: &c, key: "torch", samples: map[int]sample{0: {1, 10, 3}, 1: {1, 6, 12}}}
	lost := &turn{c: &c, key: "numpy", status: errAbsent}
	row := newRow(c, []*turn{ours, peer, lost}, []float64{20, 5, 10})
	if got, want := *row.Entries[1].Ratio, (Figure{3, 3, 3}); got != want {
		t.Errorf("processor time: %v, want %v", got, want)
	}
	if got, want := row.Entries[0].Peak.Median, 0.5; got != want { // 10 per 1 s of 20, per 4 s of 5, per 1 s of 10
		t.Errorf("share of the peak: %v, want %v", got, want)
	}
	if e := row.Entries[2]; e.Ratio != nil || row.cell(e) != "not installed" {
		t.Errorf("an absent peer: %q, %v", row.cell(e), e.Ratio)
	}
	c.wall = true
	if got, want := newRow(c, []*turn{ours, peer}, []float64{20, 5, 10}).Entries[1].Ratio.Median, 4.0; got != want {
		t.Errorf("wall time: %v, want %v", got, want)
	}
}

// What is not installed says so, whether the Python is missing or a module; a program that dies says its last line.
func TestAbsentPeers(t *testing.T) {
	if _, err := startPeer(t.Context(), filepath.Join(t.TempDir(), "python"), "x.py", 1); !errors.Is(err, errAbsent) {
		t.Errorf("no Python: %v", err)
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	for script, want := range map[string]string{
		"import protocol\ndef load():\n import no_such_module\nprotocol.serve(load)": "not installed: No module named 'no_such_module'",
		"raise SystemExit('it is broken')":                                           "it is broken",
	} {
		if _, err := startPeer(t.Context(), python, peerScript(t, script), 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// peerScript is a program beside the protocol.
func peerScript(t *testing.T, text string) string {
	dir := t.TempDir()
	protocol, err := os.ReadFile("../../testdata/peers/protocol.py")
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"protocol.py": protocol, "peer.py": []byte(text)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "peer.py")
}

// A peer opens a case, works at least as long as it is asked, counts its units and its time, and tells what goes wrong; what
// it prints does not disturb.
func TestPeerMeasures(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	script := "import protocol, time\ndef prepare(case):\n print('hello')\n return lambda: time.sleep(case['sleep'])\n" +
		"protocol.serve(lambda: ({'x': '1'}, prepare))"
	p, err := startPeer(context.Background(), python, peerScript(t, script), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	w, err := p.open(map[string]float64{"sleep": 0.01})
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.slice(0.05)
	if err != nil || s.Units < 1 || s.Wall < 0.05 || s.CPU > s.Wall || s.Wall < 0.01*s.Units {
		t.Errorf("slice: %+v, %v", s, err)
	}
	w.close()
	if _, err := w.slice(0.01); err == nil {
		t.Error("a closed case was measured")
	}
	if _, err := p.open(map[string]float64{"sloop": 1}); err == nil || !strings.Contains(err.Error(), "KeyError") {
		t.Errorf("a broken case: %v", err)
	}
}

// A run held to an instruction set says so, with what onnxruntime does, and adds its training steps to the README's section.
func TestHeldToInstructions(t *testing.T) {
	r := newReport(settings{ISA: "avx2"})
	r.Rows = []Row{{Table: "step", Name: "D=2 H=64", Threads: 1, Entries: []Entry{{Key: "fmtool", CPU: &Figure{1e-3, 1e-3, 1e-3}}}}}
	for name, text := range map[string]string{"bench.md": r.Markdown(), "README": r.Held()} {
		flat := strings.Join(strings.Fields(text), " ")
		for _, want := range []string{"held to AVX2 (FMTOOL_CPU=avx2,", "onnxruntime cannot be", "| D=2 H=64 |"} {
			if !strings.Contains(flat, want) {
				t.Errorf("%s lacks %q: %s", name, want, text)
			}
		}
	}
	if text := newReport(settings{}).Markdown(); strings.Contains(text, "held to") {
		t.Errorf("a free run is said to be held: %s", text)
	}
	if _, err := restartWith(t.Context(), "sse"); err == nil || !strings.Contains(err.Error(), "want avx2") {
		t.Errorf("an unknown set: %v", err)
	}
}
