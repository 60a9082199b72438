package train_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"fmtool/models"
	"fmtool/train"
	"fmtool/train/data"
)

// The losses of Steps are those of Run, step by step.
func TestStepsAreThoseOfRun(t *testing.T) {
	set, err := data.Digits()
	if err != nil {
		t.Fatal(err)
	}
	c := train.Default()
	c.Steps, c.Log, c.HeldOut = 5, 1, 0
	c.Model = train.Network{Architecture: &models.MLP{Width: 16, Depth: 2}}
	dir := filepath.Join(t.TempDir(), "run")
	if err := train.Run(t.Context(), c, set, dir, train.Options{}); err != nil {
		t.Fatal(err)
	}
	s, err := train.NewSteps(c, set)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	log, err := os.Open(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	lines := 0
	for r := bufio.NewScanner(log); r.Scan(); lines++ {
		var want train.Line
		if err := json.Unmarshal(r.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Take(1); err != nil || got != want.Loss {
			t.Errorf("step %d: loss %v (%v), want %v", want.Step, got, err, want.Loss)
		}
	}
	if lines != c.Steps {
		t.Errorf("%d lines, want %d", lines, c.Steps)
	}
}
