package train_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"fmtool/models"
	"fmtool/train"
	"fmtool/train/data"
)

// parent is a run of moments whose paths are curved.
func parent(t *testing.T, source string, change func(*train.Config)) string {
	t.Helper()
	c := small()
	c.Data, c.Steps, c.Batch, c.Rate.Peak = source, 500, 128, 5e-3
	change(&c)
	set, err := c.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return run(t, c, set)
}

func reflow(t *testing.T, dir string, change func(*train.Config)) (train.Config, *data.Set) {
	t.Helper()
	c, err := train.ReflowConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	c.Steps, c.Reflow.Pairs, c.Reflow.Steps = 300, 1500, 20
	change(&c)
	set, err := c.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c, set
}

// A reflow makes the paths straighter and says so; it begins with the model's weights and keeps its normaliser; stopped and resumed, with its pairs drawn anew, it ends with
// the same bytes.
func TestReflow(t *testing.T) {
	before := parent(t, "8gaussians:n=2000", func(c *train.Config) { c.Unconditional = true })
	c, set := reflow(t, before, func(*train.Config) {})
	if set.Len() != 1500 || !set.Noise || len(set.Paired) != len(set.Rows) {
		t.Fatalf("%d pairs, noise %v", set.Len(), set.Noise)
	}
	dir := run(t, c, set)
	m, facts, err := train.LoadRun(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	old, _, err := train.LoadRun(before, false)
	if err != nil {
		t.Fatal(err)
	}
	was, is, ok := facts.Straightness()
	t.Logf("straightness %.3f before, %.3f after", was, is)
	if !ok || is > was/2 || was < 0.1 {
		t.Errorf("straightness %g before, %g after", was, is)
	}
	if m.Spec.Coupling != "pairs" || m.Spec.Source != "" || m.Spec.Normaliser.Mean[0] != old.Spec.Normaliser.Mean[0] || m.Spec.CheckBase() != nil || m.Spec.CheckScore() == nil {
		t.Errorf("the model says %+v", m.Spec)
	}
	begin, _, _, err := train.NewModel(c, set)
	if err != nil || !bytes.Equal(begin.Weights["net.out.weight"].Bytes(), old.Weights["net.out.weight"].Bytes()) {
		t.Errorf("it does not begin with the model's weights: %v", err)
	}
	c.Reflow.Fresh = true
	if fresh, _, _, err := train.NewModel(c, set); err != nil || bytes.Equal(fresh.Weights["net.out.weight"].Bytes(), old.Weights["net.out.weight"].Bytes()) {
		t.Errorf("fresh weights are the model's: %v", err)
	}
	c.Reflow.Fresh = false
	ctx, cancel := context.WithCancel(context.Background())
	again := filepath.Join(t.TempDir(), "again")
	err = train.Run(ctx, c, set, again, train.Options{Progress: func(p train.Progress) {
		if p.Step == 100 {
			cancel()
		}
	}})
	if !errors.Is(err, train.ErrStopped) {
		t.Fatal(err)
	}
	stored, err := train.ReadConfig(again)
	if err != nil {
		t.Fatal(err)
	}
	if set, err = stored.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := train.Resume(context.Background(), set, again, train.Options{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(weights(t, dir), weights(t, again)) {
		t.Error("the resumed reflow ends with other weights than the straight one")
	}
}

// Conditions and sources are kept: each x1 lies where its class does, and x0 are rows of the source.
func TestReflowKeepsConditionsAndSources(t *testing.T) {
	_, set := reflow(t, parent(t, "8gaussians:n=2000,std=0.1", func(c *train.Config) { c.Drop = 0 }), func(*train.Config) {})
	var sum [8][3]float64
	for i := range set.Len() {
		s := &sum[set.Labels[i]]
		s[0], s[1], s[2] = s[0]+float64(set.Row(i)[0]), s[1]+float64(set.Row(i)[1]), s[2]+1
	}
	if right, left := sum[0], sum[4]; right[0]/right[2] < 2 || left[0]/left[2] > -2 || len(set.Classes) != 8 {
		t.Errorf("class 0 has mean x %.2f, class 4 %.2f; classes %v", right[0]/right[2], left[0]/left[2], set.Classes)
	}
	c, set := reflow(t, parent(t, "8gaussians:n=1000", func(c *train.Config) {
		c.Source, c.Unconditional, c.Steps = "moons:n=300,shift=50", true, 60
	}), func(c *train.Config) { c.Steps = 20 })
	if set.Noise || set.Paired[0] < 40 {
		t.Errorf("noise %v, x0 %v", set.Noise, set.Paired[:2])
	}
	if m, _, err := train.LoadRun(run(t, c, set), false); err != nil || m.Spec.Source != "data" {
		t.Errorf("source %q, %v", m.Spec.Source, err)
	}
}

// What makes no sense with a reflow is refused.
func TestReflowRefuses(t *testing.T) {
	dir := parent(t, "moons:n=500", func(c *train.Config) { c.Steps = 5 })
	for want, change := range map[string]func(*train.Config){
		"leave data, source":      func(c *train.Config) { c.Data = "moons" },
		"label and condition out": func(c *train.Config) { c.Label = "species" },
		"leave columns":           func(c *train.Config) { c.Columns = []string{"x"} },
		"coupling out":            func(c *train.Config) { c.Coupling = "ot" },
		"1 pairs":                 func(c *train.Config) { c.Reflow.Pairs = 1 },
		`did you mean "midpoint"`: func(c *train.Config) { c.Reflow.Solver = "midpont" },
		"without a model":         func(c *train.Config) { c.Reflow.Model, c.Reflow.Pairs = "", 7 },
	} {
		c, err := train.ReflowConfig(dir)
		if err != nil {
			t.Fatal(err)
		}
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := train.ReflowConfig(t.TempDir()); err == nil || !strings.Contains(err.Error(), "holds no run") {
		t.Errorf("an empty folder: %v", err)
	}
	c, set := reflow(t, dir, func(*train.Config) {})
	c.Normaliser = "none"
	if _, _, _, err := train.NewModel(c, set); err == nil || !strings.Contains(err.Error(), "leave normaliser none out") {
		t.Errorf("another normaliser: %v", err)
	}
	c.Normaliser = ""
	c.Model.Architecture = &models.MLP{Width: 32, Depth: 2, Features: 4}
	if _, _, _, err := train.NewModel(c, set); err == nil || !strings.Contains(err.Error(), "--reflow-fresh") {
		t.Errorf("another network: %v", err)
	}
}
