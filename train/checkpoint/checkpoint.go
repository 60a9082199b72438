package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"fmtool/models"
	"fmtool/models/tensor"
)

// State is a training run after Step steps: everything the next step depends on.
type State struct {
	Step    int
	Tensors map[string]tensor.Tensor // weights, averages, moments
	Facts   map[string]string        // what the run must agree with to go on, such as the checksum of its data
}

// ErrNone says that a folder holds no checkpoint.
var ErrNone = errors.New("checkpoint: none yet")

const (
	first   = "fmtool checkpoint 1 sha256 " // begins the first line; the sum in hexadecimal ends it
	suffix  = ".ckpt"
	stepKey = "step"
	keep    = 2 // the newest and the one before
)

// Marshal is the state as the bytes of a checkpoint file.
func (s State) Marshal() ([]byte, error) {
	var b bytes.Buffer
	err := s.write(&b)
	return b.Bytes(), err
}

// write goes through the tensors twice, for their sum and for their bytes, and copies none: a checkpoint is as large as all weights and moments.
func (s State) write(w io.Writer) error {
	meta := map[string]string{stepKey: strconv.Itoa(s.Step)}
	for k, v := range s.Facts {
		meta["fact."+k] = v
	}
	sum := sha256.New()
	if err := models.WriteWeights(sum, s.Tensors, meta); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s%x\n", first, sum.Sum(nil)); err != nil {
		return err
	}
	return models.WriteWeights(w, s.Tensors, meta)
}

// Unmarshal reads what Marshal wrote. Any change of the bytes is an error.
func Unmarshal(b []byte) (State, error) {
	line, payload, ok := bytes.Cut(b, []byte("\n"))
	sum, mark := strings.CutPrefix(string(line), first)
	if !ok || !mark {
		return State{}, errors.New("checkpoint: not a checkpoint file")
	}
	if have := fmt.Sprintf("%x", sha256.Sum256(payload)); have != sum {
		return State{}, fmt.Errorf("checkpoint: damaged: its checksum is %.8s…, the line says %.8s…", have, sum)
	}
	tensors, meta, err := models.ReadWeights(payload)
	if err != nil {
		return State{}, fmt.Errorf("checkpoint: %w", err)
	}
	s := State{Tensors: tensors, Facts: map[string]string{}}
	if s.Step, err = strconv.Atoi(meta[stepKey]); err != nil || s.Step < 0 {
		return State{}, fmt.Errorf("checkpoint: step %.20q", meta[stepKey])
	}
	for k, v := range meta {
		if k, ok := strings.CutPrefix(k, "fact."); ok {
			s.Facts[k] = v
		}
	}
	return s, nil
}

// Save writes the state into dir, which is made if need be, and removes all but it and the one before. Files of later steps are removed too: they
// are what a run that was taken up at an earlier step could not read.
func Save(fs FS, dir string, s State) error {
	if err := fs.MkdirAll(dir); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if err := Write(fs, filepath.Join(dir, name(s.Step)), s.write); err != nil {
		return err
	}
	list, err := files(fs, dir)
	if err != nil {
		return err
	}
	kept := 0
	for _, old := range list {
		if old <= name(s.Step) && kept < keep {
			kept++
			continue
		}
		if err := fs.Remove(filepath.Join(dir, old)); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
	}
	return nil
}

// name sorts by step.
func name(step int) string { return fmt.Sprintf("step-%012d%s", step, suffix) }

// files are the checkpoints of a folder, newest first; half-written ones are not among them.
func files(f FS, dir string) ([]string, error) {
	names, err := f.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	var list []string
	for i := len(names) - 1; i >= 0; i-- {
		if n := names[i]; strings.HasPrefix(n, "step-") && strings.HasSuffix(n, suffix) {
			list = append(list, n)
		}
	}
	return list, nil
}

// Load returns the newest intact state of dir. Without any file it is ErrNone; when no file is intact the error says of each why.
func Load(fs FS, dir string) (State, error) {
	list, err := files(fs, dir)
	if err != nil {
		return State{}, err
	}
	if len(list) == 0 {
		return State{}, ErrNone
	}
	var why []error
	for _, n := range list {
		b, err := fs.ReadFile(filepath.Join(dir, n))
		if err == nil {
			var s State
			if s, err = Unmarshal(b); err == nil {
				return s, nil
			}
		}
		why = append(why, fmt.Errorf("%s: %w", filepath.Join(dir, n), err))
	}
	return State{}, errors.Join(why...)
}
