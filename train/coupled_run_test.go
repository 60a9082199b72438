package train_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"fmtool/train"
)

// Runs with a coupling over two batches and a source end with the same bytes on one thread and on three, and when they are stopped in the middle of a pool and resumed;
// the log tells the share of the coupling.
func TestCoupledRunsResume(t *testing.T) {
	c := small()
	c.Data, c.Source, c.Coupling, c.OT.Pool, c.OT.Block, c.Sigma = "moons:n=500", "8gaussians:n=400", "ot", 96, 32, 0.05
	set, err := c.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Threads = 1
	want := run(t, c, set)
	c.Threads = 3
	if !bytes.Equal(weights(t, want), weights(t, run(t, c, set))) {
		t.Error("1 and 3 threads give different weights")
	}
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	err = train.Run(ctx, c, set, dir, train.Options{Progress: func(p train.Progress) {
		if p.Step == 10 {
			cancel()
		}
	}})
	if !errors.Is(err, train.ErrStopped) {
		t.Fatal(err)
	}
	if err := train.Resume(context.Background(), set, dir, train.Options{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(weights(t, dir), weights(t, want)) {
		t.Error("the resumed run ends with other weights than the straight one")
	}
	lines, err := train.ReadLog(dir)
	if err != nil || lines[2].Coupling <= 0 {
		t.Errorf("the log's third line is %+v, %v", lines[2], err)
	}
	m, facts, err := train.LoadRun(dir, false)
	if facts["io.fmtool.train.ot.block"] != "32" || facts["io.fmtool.train.ot.pool"] != "96" {
		t.Errorf("facts %v", facts)
	}
	if err != nil || m.Spec.Source != "data" || m.Spec.Coupling != "c2ot" || m.Spec.Sigma != 0.05 {
		t.Errorf("the model says %+v, %v", m.Spec, err)
	}
	other := c
	other.Source = "8gaussians:n=401"
	if set, err = other.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := train.Resume(context.Background(), set, dir, train.Options{}); err == nil {
		t.Error("resumed with another source")
	}
}
