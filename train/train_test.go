package train_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/train"
	"fmtool/train/checkpoint"
	"fmtool/train/data"
)

// small is a run of a moment.
func small() train.Config {
	c := train.Default()
	c.Model = train.Network{Architecture: &models.MLP{Width: 16, Depth: 2, Features: 4}}
	c.Steps, c.Batch, c.Log, c.Evaluate, c.Checkpoint = 60, 32, 10, 20, 7
	return c
}

func load(t testing.TB, source string) *data.Set {
	t.Helper()
	set, err := data.Load(source, data.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func run(t testing.TB, c train.Config, set *data.Set) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := train.Run(context.Background(), c, set, dir, train.Options{}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func weights(t testing.TB, dir string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "weights.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A run leaves its configuration, a log with losses that fall, a checkpoint and weights that open; averaged and raw ones differ.
func TestRunLeavesWhatItPromises(t *testing.T) {
	c := small()
	c.Steps = 400
	var reported []train.Progress
	dir := t.TempDir()
	o := train.Options{Progress: func(p train.Progress) { reported = append(reported, p) }}
	if err := train.Run(context.Background(), c, load(t, "moons:n=500"), dir, o); err != nil {
		t.Fatal(err)
	}
	got, err := train.ReadConfig(dir)
	if err != nil || got.Steps != c.Steps || got.Rate != c.Rate {
		t.Errorf("config %+v, %v", got, err)
	}
	if m := *got.Model.Architecture.(*models.MLP); m != (models.MLP{Width: 16, Depth: 2, Features: 4, Activation: "silu"}) {
		t.Errorf("the configuration names the model %+v", m)
	}
	lines, err := train.ReadLog(dir)
	if err != nil || len(lines) != 40 || len(reported) != 40 {
		t.Fatalf("%d lines, %d reports, %v", len(lines), len(reported), err)
	}
	for i, l := range lines {
		if l.Step != (i+1)*10 || (l.HeldOut != nil) != (l.Step%20 == 0) || l.Norm <= 0 || l.Rate != c.Rate.At(l.Step, c.Steps) ||
			reported[i].Step != l.Step || reported[i].Steps != 400 {
			t.Fatalf("line %d is %+v", i, l)
		}
		if l.HeldOut != nil {
			mean := 0.0
			for _, b := range l.Bins {
				mean += b / 10
			}
			if len(l.Bins) != 10 || math.Abs(mean-*l.HeldOut) > 1e-9 {
				t.Errorf("step %d: %d bins of mean %g, loss %g", l.Step, len(l.Bins), mean, *l.HeldOut)
			}
		}
	}
	first, last := *lines[1].HeldOut, *lines[39].HeldOut
	if last > 0.9*first {
		t.Errorf("held-out loss from %.3f to %.3f", first, last)
	}
	averaged, facts, err := train.LoadRun(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	raw, _, err := train.LoadRun(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(averaged.Weights["net.out.weight"].Bytes(), raw.Weights["net.out.weight"].Bytes()) {
		t.Error("averaged and raw weights are the same")
	}
	if facts["io.fmtool.train.steps"] != "400" || facts["io.fmtool.train.rows"] != "450" || facts["io.fmtool.train.held_out.loss"] == "" {
		t.Errorf("facts %v", facts)
	}
	if _, err := checkpoint.Load(checkpoint.Disk, filepath.Join(dir, "checkpoint")); err != nil {
		t.Error(err)
	}
}

// scales counts the different scales of the columns that vary.
func scales(n flow.Normaliser) int {
	seen := map[float32]bool{}
	for i, s := range n.Scale {
		if len(n.Scale) == 1 || !n.Constant[i] {
			seen[s] = true
		}
	}
	return len(seen)
}

// The data decide the model: labels make it conditional, images get one mean and scale, columns one each; constant columns are 0.
func TestModelFollowsData(t *testing.T) {
	for _, c := range []struct {
		source        string
		unconditional bool
		classes       int
		scales        int
	}{{"moons:n=100", false, 2, 2}, {"moons:n=100", true, 0, 2}, {"digits", false, 10, 1}} {
		config := small()
		config.Unconditional = c.unconditional
		m, rows, held, err := train.NewModel(config, load(t, c.source))
		if err != nil {
			t.Fatal(err)
		}
		if m.Spec.Condition.Classes != c.classes || scales(m.Spec.Normaliser) != c.scales {
			t.Errorf("%s: %d classes, scales %v", c.source, m.Spec.Condition.Classes, m.Spec.Normaliser.Scale)
		}
		mean, square, n := 0.0, 0.0, 0.0
		for i, v := range rows.Rows {
			if m.Spec.Normaliser.Constant[i%rows.Dim()] {
				if v != 0 {
					t.Fatalf("%s: a constant column is %g in model space", c.source, v)
				}
				continue
			}
			n++
			mean += float64(v)
			square += float64(v) * float64(v)
		}
		if math.Abs(mean/n) > 1e-3 || math.Abs(square/n-1) > 1e-3 || held.Len() == 0 {
			t.Errorf("%s: model space has mean %g and mean square %g; %d rows held out", c.source, mean/n, square/n, held.Len())
		}
	}
}

// Threads and the averages' absence change what they say they change, and nothing else: threads nothing, the seed everything.
func TestSameSeedSameBytes(t *testing.T) {
	c := small()
	c.Model = train.Network{Architecture: &models.MLP{Width: 64, Depth: 3}} // wide enough for products to be cut among threads
	c.Batch = 256
	set := load(t, "moons:n=500")
	c.Threads = 1
	one := weights(t, run(t, c, set))
	c.Threads = 3
	three := weights(t, run(t, c, set))
	c.Seed = 1
	other := weights(t, run(t, c, set))
	if !bytes.Equal(one, three) {
		t.Error("1 and 3 threads give different weights")
	}
	if bytes.Equal(one, other) {
		t.Error("two seeds give the same weights")
	}
}

// A cancelled run keeps the last step it took and goes on to the same weights.
func TestCancelAndResume(t *testing.T) {
	c, set := small(), load(t, "moons:n=500")
	want := weights(t, run(t, c, set))
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	err := train.Run(ctx, c, set, dir, train.Options{Progress: func(p train.Progress) {
		if p.Step == 30 {
			cancel()
		}
	}})
	if !errors.Is(err, train.ErrStopped) || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "at step 30 of 60") {
		t.Fatalf("cancelled: %v", err)
	}
	if _, _, err := train.LoadRun(dir, false); err == nil || !strings.Contains(err.Error(), "is not complete; resume it first") {
		t.Errorf("an incomplete run: %v", err)
	}
	if s, err := checkpoint.Load(checkpoint.Disk, filepath.Join(dir, "checkpoint")); err != nil || s.Step != 30 {
		t.Errorf("checkpoint of step %d, %v", s.Step, err)
	}
	if err := train.Resume(context.Background(), set, dir, train.Options{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(weights(t, dir), want) {
		t.Error("the resumed run ends with other weights than the straight one")
	}
	lines, err := train.ReadLog(dir)
	if err != nil || len(lines) != 6 {
		t.Errorf("%d lines, %v", len(lines), err)
	}
}

// A run is taken up only with the data it began with.
func TestResumeRefusesOtherData(t *testing.T) {
	dir := run(t, small(), load(t, "moons:n=500"))
	err := train.Resume(context.Background(), load(t, "moons:n=501"), dir, train.Options{})
	if err == nil || !strings.Contains(err.Error(), "was trained on other data") {
		t.Errorf("got %v", err)
	}
}

// Steps after the checkpoint are cut from the log, with a line that a crash cut short.
func TestLogIsCutBack(t *testing.T) {
	c, set := small(), load(t, "moons:n=500")
	c.Steps = 30
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	err := train.Run(ctx, c, set, dir, train.Options{Progress: func(p train.Progress) {
		if p.Step == 20 {
			cancel()
		}
	}})
	if !errors.Is(err, train.ErrStopped) {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "log.jsonl")
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(log, "{\"step\":25,\"loss\":1}\n{\"step\":26,\"lo"...), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := train.Resume(context.Background(), set, dir, train.Options{}); err != nil {
		t.Fatal(err)
	}
	lines, err := train.ReadLog(dir)
	if err != nil || len(lines) != 3 || lines[1].Step != 20 || lines[2].Step != 30 {
		t.Errorf("%+v, %v", lines, err)
	}
}

// A loss that is no number ends the run, which says at which step and which checkpoint is good; that one is still there and finite.
func TestDivergenceKeepsTheLastGoodCheckpoint(t *testing.T) {
	c := small()
	c.Clip, c.Rate.Peak, c.Rate.Warmup, c.Checkpoint = 0, 1e30, 40, 3
	dir := t.TempDir()
	err := train.Run(context.Background(), c, load(t, "moons:n=500"), dir, train.Options{})
	if err == nil || !strings.Contains(err.Error(), "train: step ") || !strings.Contains(err.Error(), "lower rate than 1e+30") {
		t.Fatalf("got %v", err)
	}
	s, loadErr := checkpoint.Load(checkpoint.Disk, filepath.Join(dir, "checkpoint"))
	if loadErr != nil {
		if !errors.Is(loadErr, checkpoint.ErrNone) || !strings.Contains(err.Error(), "there is no checkpoint yet") {
			t.Fatalf("%v after %v", loadErr, err)
		}
	}
	for name, w := range s.Tensors {
		for _, v := range w.Float32() {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("checkpoint of step %d: %s holds %g", s.Step, name, v)
			}
		}
	}
	if _, _, err := train.LoadRun(dir, false); err == nil {
		t.Error("a diverged run has weights")
	}
}

// full is a disk on which nothing can be created after some files.
type full struct {
	checkpoint.FS
	left *int
}

func (f full) Create(name string) (checkpoint.File, error) {
	if *f.left--; *f.left < 0 {
		return nil, syscall.ENOSPC
	}
	return f.FS.Create(name)
}

// A full disk ends the run with an error; the checkpoint before is whole and the run goes on from it.
func TestFullDisk(t *testing.T) {
	c, set := small(), load(t, "moons:n=500")
	want := weights(t, run(t, c, set))
	for left := 0; ; left++ {
		dir, n := t.TempDir(), left
		err := train.Run(context.Background(), c, set, dir, train.Options{FS: full{checkpoint.Disk, &n}})
		if err == nil {
			if left < 5 {
				t.Errorf("only %d files written", left)
			}
			return
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%d files: %v", left, err)
		}
		if left == 0 {
			continue // no config.yaml: there is no run
		}
		if err := train.Resume(context.Background(), set, dir, train.Options{}); err != nil {
			t.Fatalf("%d files: %v", left, err)
		}
		if !bytes.Equal(weights(t, dir), want) {
			t.Errorf("%d files: other weights after the disk had room again", left)
		}
	}
}

// Each mistake is one error that says what to do.
func TestRunRefuses(t *testing.T) {
	with := func(change func(*train.Config)) train.Config {
		c := small()
		change(&c)
		return c
	}
	constant := load(t, "moons:n=100")
	clear(constant.Rows)
	for _, c := range []struct {
		config train.Config
		set    *data.Set
		want   string
	}{
		{with(func(c *train.Config) { c.Steps = 0 }), nil, "steps is 0, want at least 1"},
		{with(func(c *train.Config) { c.Batch = 1000 }), nil, "450 rows are fewer than a batch of 1000; use --batch 450 or less"},
		{with(func(c *train.Config) { c.Schedule = "linaer" }), nil, `unknown schedule "linaer"`},
		{with(func(c *train.Config) { c.Normaliser = "colum" }), nil, `did you mean "column"`},
		{with(func(c *train.Config) { c.EMA = 1 }), nil, "ema is 1"},
		{with(func(c *train.Config) { c.Drop = math.NaN() }), nil, "drop is NaN, want a probability"},
		{with(func(c *train.Config) { c.Rate.Kind = "cosin" }), nil, `did you mean "cosine"`},
		{with(func(c *train.Config) { c.AdamW.Epsilon = 0 }), nil, "epsilon is 0"},
		{with(func(c *train.Config) { c.Model.Architecture = &models.MLP{Activation: "silo"} }), nil, `did you mean "silu"`},
		{with(func(c *train.Config) { c.Model.Architecture = nil }), nil, "no model"},
		{small(), constant, "every column of the data is constant"},
	} {
		dir, set := filepath.Join(t.TempDir(), "run"), c.set
		if set == nil {
			set = load(t, "moons:n=500")
		}
		if err := train.Run(context.Background(), c.config, set, dir, train.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%q: the folder was made", c.want)
		}
	}
	dir := run(t, small(), load(t, "moons:n=500"))
	err := train.Run(context.Background(), small(), load(t, "moons:n=500"), dir, train.Options{})
	if err == nil || !strings.Contains(err.Error(), "holds a run already") {
		t.Errorf("a second run in one folder: %v", err)
	}
	for _, err := range []error{train.Resume(context.Background(), constant, t.TempDir(), train.Options{}), loadError(t.TempDir())} {
		if err == nil || !strings.Contains(err.Error(), "holds no run") {
			t.Errorf("an empty folder: %v", err)
		}
	}
}

func loadError(dir string) error {
	_, _, err := train.LoadRun(dir, false)
	return err
}

// Newest is the complete run finished last, whatever its name.
func TestNewest(t *testing.T) {
	root := t.TempDir()
	if _, err := train.Newest(filepath.Join(root, "none")); err == nil || !strings.Contains(err.Error(), "no complete run under") {
		t.Errorf("without a folder: %v", err)
	}
	for i, name := range []string{"b", "c", "a", "incomplete"} {
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if name == "incomplete" {
			continue
		}
		path := filepath.Join(dir, "weights.safetensors")
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(int64(1000+i), 0)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := train.Newest(root); err != nil || got != filepath.Join(root, "a") {
		t.Errorf("got %s, %v", got, err)
	}
}

// What the path, the times and the loss were is in the model and in the run's configuration.
func TestPathSettingsAreKept(t *testing.T) {
	c := small()
	c.Schedule, c.Prediction, c.LossIn = "points:0,0,1;0.5,0.4,0.7;1,1,0", "x1", "velocity"
	c.Times, c.Grid = "stratified logit-normal:0,1", "beta:1,2 shift:2"
	c.Loss, c.Weight, c.ColumnWeights = "pseudo-huber:0.1", "min-snr:3", map[string]float64{"x": 2}
	dir := run(t, c, load(t, "moons:n=300"))
	m, facts, err := train.LoadRun(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if s := m.Spec; s.Schedule.Name() != c.Schedule || s.Prediction != flow.X1 ||
		s.Times.String() != c.Times || s.Grid.String() != c.Grid || s.TimeMin != 0 || !(s.TimeMax > 0.98 && s.TimeMax < 1) {
		t.Errorf("the model says %+v", s)
	}
	for key, want := range map[string]string{"loss": c.Loss, "loss.in": c.LossIn, "loss.weight": c.Weight, "loss.columns": "x=2"} {
		if got := facts["io.fmtool.train."+key]; got != want {
			t.Errorf("fact %s is %q, want %q", key, got, want)
		}
	}
	again, err := train.ReadConfig(dir)
	if err != nil || again.Schedule != c.Schedule || again.Grid != c.Grid || again.ColumnWeights["x"] != 2 {
		t.Errorf("the configuration says %+v, %v", again, err)
	}
}
