package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fmtool/train"
	"fmtool/train/metric"
	"fmtool/train/quality"
)

// plot draws a run, a model, and a run that is not finished, in the form that the name asks for; the same call gives the same bytes.
func TestPlot(t *testing.T) {
	dir, model := small(t)
	if err := os.CopyFS(filepath.Join(dir, "part"), os.DirFS(filepath.Join(dir, "run"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "part", "weights.safetensors")); err != nil {
		t.Fatal(err)
	}
	size := map[string]int{}
	for name, args := range map[string][]string{
		"run.png":   {filepath.Join(dir, "run"), "--beside", "moons:n=50"},
		"again.png": {filepath.Join(dir, "run"), "--beside", "moons:n=50"},
		"part.png":  {filepath.Join(dir, "part")},
		"model.svg": {model, "--engine", "native", "--solver", "heun", "--steps", "3"},
	} {
		out := filepath.Join(dir, name)
		if _, _, failure := run(append([]string{"plot", "-n", "40", "-o", out}, args...)...); failure != "" {
			t.Fatal(failure)
		}
		b, err := os.ReadFile(out)
		if err != nil || !bytes.Contains(b[:min(len(b), 300)], []byte(map[string]string{".png": "PNG", ".svg": "<svg"}[filepath.Ext(name)])) {
			t.Errorf("%s: %v, begins with %.20q", name, err, b)
		}
		if name == "model.svg" && strings.Count(string(b), "<path") < 40*2 {
			t.Errorf("%s holds %d paths, want the samples and trajectories of 40", name, strings.Count(string(b), "<path"))
		}
		size[name] = len(b)
	}
	if size["part.png"] >= size["run.png"] {
		t.Errorf("a run without a model gives %d bytes, one with %d: want no samples of the first", size["part.png"], size["run.png"])
	}
	a, _ := os.ReadFile(filepath.Join(dir, "run.png"))
	if b, _ := os.ReadFile(filepath.Join(dir, "again.png")); !bytes.Equal(a, b) {
		t.Error("drawn twice, two pictures")
	}
}

// Ticks of a logarithmic axis lie within it and are labelled more finely the shorter it is; there are always two labels.
func TestLogTicks(t *testing.T) {
	for _, axis := range [][2]float64{{0.01, 10}, {0.08, 0.7}, {1.7, 2.9}, {2.02, 2.98}} {
		labels := 0
		for _, k := range (logTicks{}).Ticks(axis[0], axis[1]) {
			if k.Value < axis[0] || k.Value > axis[1] {
				t.Errorf("tick %g outside %v", k.Value, axis)
			}
			if k.Label != "" {
				labels++
			}
		}
		if labels < 2 || labels > 12 {
			t.Errorf("%v has %d labels", axis, labels)
		}
	}
}

// Losses that are negative or zero, as no log of a velocity has, still make a plot, on a linear axis; an empty log does not.
func TestPlotLossesOfAnySign(t *testing.T) {
	held := -0.5
	if plots, err := plotLosses([]train.Line{{Step: 1, Loss: -1}, {Step: 2, Loss: 0, HeldOut: &held, Bins: []float64{1, 2}}}); err != nil || len(plots) != 2 {
		t.Errorf("%d plots, %v, want 2", len(plots), err)
	} else if err := writePlots(&bytes.Buffer{}, "x.png", plots...); err != nil {
		t.Error(err)
	}
	if _, err := plotLosses(nil); err == nil {
		t.Error("an empty log drawn")
	}
	p, err := plotCurve(quality.Curve{Metric: "mmd", Better: "near 0", Points: []quality.Point{{Solver: "euler", Evaluations: 1}, {Solver: "euler", Evaluations: 2}}}, "x")
	if err != nil || writePlots(&bytes.Buffer{}, "x.svg", p) != nil {
		t.Errorf("a curve at 0: %v", err)
	}
}

// However flat the curves, none passes below the legend.
func TestLegendHidesNoCurve(t *testing.T) {
	for name, at := range map[string]func(n int) float64{"flat": func(int) float64 { return 0.5 }, "rising": func(n int) float64 { return float64(n) }, "falling": func(n int) float64 { return 1 / float64(n) }} {
		for _, better := range []metric.Direction{metric.Lower, metric.Higher} {
			c := quality.Curve{Metric: "w2", Better: better, Floor: metric.Figure{Mean: 0.01, Std: 0.001}}
			for _, solver := range []string{"euler", "midpoint", "heun", "rk4"} {
				for n := 1; n <= 64; n *= 2 {
					c.Points = append(c.Points, quality.Point{Solver: solver, Evaluations: n, Value: metric.Figure{Mean: at(n), Std: at(n) / 10}})
				}
			}
			p, err := plotCurve(c, "test")
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range c.Points {
				x, y := p.X.Norm(float64(v.Evaluations)), p.Y.Norm(v.Value.Mean+v.Value.Std)
				if x > 1-legendWidth && y > 1-5*entryHeight+1e-9 || y > 1 {
					t.Errorf("%s, %s is better: a point at %.2f of x and %.2f of y lies under the legend", name, better, x, y)
				}
			}
		}
	}
}
