package train_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"fmtool/models"
	"fmtool/models/noise"
	"fmtool/train"
	"fmtool/train/data"
)

// childVar makes the test binary a training process instead: its value is the folder of the run.
const childVar = "FMTOOL_TRAIN_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVar); dir != "" {
		if err := child(dir); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// long is the run that gets killed.
func long() train.Config {
	c := small()
	c.Model = train.Network{Architecture: &models.MLP{Width: 32, Depth: 3}}
	c.Steps, c.Batch, c.Log, c.Evaluate, c.Checkpoint = 2000, 64, 20, 500, 100
	return c
}

func child(dir string) error {
	set, err := moons()
	if err != nil {
		return err
	}
	if _, err := train.ReadConfig(dir); err == nil {
		return train.Resume(context.Background(), set, dir, train.Options{})
	}
	return train.Run(context.Background(), long(), set, dir, train.Options{})
}

// start runs the child on a number of processors.
func start(t *testing.T, dir, processors string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"="+dir, "GOMAXPROCS="+processors)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// lastStep is that of the run's log, 0 before it.
func lastStep(dir string) int {
	lines, err := train.ReadLog(dir)
	if err != nil || len(lines) == 0 {
		return 0
	}
	return lines[len(lines)-1].Step
}

// 2,000 steps straight on two processors and 2,000 steps that are killed without warning at step 700 and at three random moments, resumed on one and on two
// processors in turn, end with the same bytes.
func TestKillAndResume(t *testing.T) {
	set, err := moons()
	if err != nil {
		t.Fatal(err)
	}
	straight := filepath.Join(t.TempDir(), "straight")
	if err := train.Run(context.Background(), long(), set, straight, train.Options{}); err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	moments := noise.New(seed, noise.Probe)
	dir := filepath.Join(t.TempDir(), "killed")
	for i, processors := range []string{"1", "2", "1", "2"} {
		cmd := start(t, dir, processors)
		if i == 0 {
			for lastStep(dir) < 700 {
				time.Sleep(time.Millisecond)
			}
		} else {
			time.Sleep(time.Duration(moments.Intn(uint64(i), 200)) * time.Millisecond)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
	}
	if err := start(t, dir, "2").Wait(); err != nil {
		t.Fatal(err)
	}
	a, b := weights(t, straight), weights(t, dir)
	if !bytes.Equal(a, b) {
		t.Errorf("moments of seed %d: straight %x, killed and resumed %x", seed, sha256.Sum256(a), sha256.Sum256(b))
	}
	lines, err := train.ReadLog(dir)
	if err != nil || len(lines) != 100 {
		t.Errorf("%d lines in the log, %v; want 100", len(lines), err)
	}
	for i, l := range lines {
		if l.Step != 20*(i+1) {
			t.Fatalf("line %d is of step %d", i, l.Step)
		}
	}
}

func moons() (*data.Set, error) { return data.Load("moons:n=500", data.Options{Seed: 1}) }
