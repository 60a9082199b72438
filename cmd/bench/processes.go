package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"fmtool/train/data"
)

// starts are whole processes that draw 16 samples in 100 steps and write them as CSV.
func (b *bench) starts() []block {
	path, _, err := b.velocityFile(2, 64)
	run := func(name string, args ...string) func() (work, error) {
		return func() (work, error) {
			if err != nil {
				return nil, err
			}
			p := process{b, append([]string{name}, args...)}
			_, err := p.slice(0) // fills the page cache
			return p, err
		}
	}
	c := benchCase{table: "start", name: "D=2 H=64, 16 samples", threads: 1, unit: "run", per: 1, wall: true, candidates: []candidate{
		{key: "fmtool", open: run(b.fmtool, "sample", path, "-n", "16", "--engine", "native")},
		{key: "ort", open: run(b.fmtool, "sample", path, "-n", "16", "--engine", "ort")},
		{key: "ort-python", open: run(b.python, b.settings.sampler, path, "16")},
	}}
	return []block{{c}}
}

// process is a command, from its start to its end.
type process struct {
	b    *bench
	args []string
}

func (p process) slice(seconds float64) (s sample, err error) {
	for s.Units == 0 || s.Wall < seconds {
		begun := time.Now()
		state, err := p.b.command(p.args)
		if err != nil {
			return sample{}, err
		}
		s.Units++
		s.Wall += time.Since(begun).Seconds()
		s.CPU += (state.UserTime() + state.SystemTime()).Seconds()
	}
	return s, nil
}

func (process) close() {}

// command runs a command to its end, its output dropped.
func (b *bench) command(args []string) (*os.ProcessState, error) {
	if _, err := exec.LookPath(args[0]); err != nil {
		return nil, fmt.Errorf("%w: %s is missing", errAbsent, filepath.Base(args[0]))
	}
	c := exec.CommandContext(b.ctx, args[0], args[1:]...)
	c.Env = append(os.Environ(), "ORT_DISABLE_TELEMETRY=1", "OMP_NUM_THREADS=1")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	if err := c.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		return nil, fmt.Errorf("%s: %v: %s", filepath.Base(args[0]), err, lines[len(lines)-1])
	}
	return c.ProcessState, nil
}

// Memory is the peak of a training process beside what its memory should be on paper.
type Memory struct {
	Name   string  `json:"name"`
	Peak   float64 `json:"peak"`            // bytes
	Paper  float64 `json:"paper,omitempty"` // bytes, as fmtool train --dry-run says; 0: it does not
	Status string  `json:"status,omitempty"`
}

// paper is the line of fmtool train --dry-run that says how many bytes training takes.
var paper = regexp.MustCompile(`(?m)^memory.*?(\d+) bytes`)

// memory trains an MLP 4×1024 at batch 4096 for a few steps and notes the largest resident memory of the process.
func (b *bench) memory() error {
	m := &Memory{Name: "training MLP 4×1024, D=64, batch 4096"}
	if !b.run.MatchString("memory/" + m.Name) {
		return nil
	}
	b.report.Memory = m
	const rows, dim = 8192, 64
	var npy bytes.Buffer
	if err := data.WriteNPY(&npy, normalSlice(rows*dim), rows, dim); err != nil {
		return err
	}
	path := filepath.Join(b.temp, "rows.npy")
	if err := os.WriteFile(path, npy.Bytes(), 0o644); err != nil {
		return err
	}
	args := []string{b.fmtool, "train", path, "--width", "1024", "--depth", "4", "--batch", "4096", "--held-out", "0", "--steps", "5"}
	state, err := b.command(append(args, "-o", filepath.Join(b.temp, "run")))
	if err != nil {
		m.Status = err.Error()
		return nil
	}
	m.Peak = peakBytes(state)
	text, err := exec.CommandContext(b.ctx, b.fmtool, append(args[1:], "--dry-run")...).CombinedOutput()
	if found := paper.FindSubmatch(text); err == nil && found != nil {
		m.Paper, _ = strconv.ParseFloat(string(found[1]), 64)
	}
	return nil
}
