package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fmtool/train/checkpoint"
)

// Line is a line of log.jsonl. Losses are sums over dimensions, means over rows.
type Line struct {
	Step     int       `json:"step"`
	Loss     float64   `json:"loss"`                // mean over the steps since the line before
	Norm     float64   `json:"grad_norm"`           // of the last step's gradient, before clipping
	Rate     float64   `json:"rate"`                // of the last step
	Rows     float64   `json:"rows_per_second"`     // training rows a second since the line before
	Seconds  float64   `json:"seconds"`             // since this process began to train
	Coupling float64   `json:"coupling,omitempty"`  // time that pairing took, on goroutines of its own, over the time of the steps
	HeldOut  *float64  `json:"held_out,omitempty"`  // loss of the averaged weights on held-out rows, at fixed times and noise
	Bins     []float64 `json:"time_bins,omitempty"` // the same by tenths of [TimeMin, TimeMax]
}

const logName = "log.jsonl"

// journal is the open log.jsonl.
type journal struct{ f *os.File }

// openJournal opens the log of a run and cuts off what lies after a step: those steps will be taken again.
func openJournal(dir string, step int) (*journal, error) {
	path := filepath.Join(dir, logName)
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("train: %w", err)
	}
	if err := checkpoint.WriteFile(checkpoint.Disk, path, upTo(old, step)); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return &journal{f}, nil
}

// upTo keeps the whole lines of steps up to a step. A line that a crash has cut short ends the log.
func upTo(log []byte, step int) []byte {
	end := 0
	for line := range bytes.Lines(log) {
		var l Line
		if !bytes.HasSuffix(line, []byte("\n")) || json.Unmarshal(line, &l) != nil || l.Step > step {
			break
		}
		end += len(line)
	}
	return log[:end]
}

func (j *journal) add(l Line) error {
	text, err := json.Marshal(l)
	if err == nil {
		_, err = j.f.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("train: %s: %w", j.f.Name(), err)
	}
	return nil
}

// sync puts the lines on disk, before the checkpoint that they lead up to.
func (j *journal) sync() error {
	if err := j.f.Sync(); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	return nil
}

// ReadLog returns the lines of a run's log.jsonl.
func ReadLog(dir string) ([]Line, error) {
	f, err := os.Open(filepath.Join(dir, logName))
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	defer f.Close()
	var lines []Line
	s := bufio.NewScanner(f)
	for s.Scan() {
		var l Line
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("train: %s: line %d: %w", f.Name(), len(lines)+1, err)
		}
		lines = append(lines, l)
	}
	return lines, s.Err()
}
