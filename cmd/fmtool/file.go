package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"fmtool/export"
	"fmtool/models/flow"
	"fmtool/models/onnx"
)

// fileFlags say how far a model file is trusted. Every model file enters through read.
type fileFlags struct {
	external   bool
	untrusted  bool
	memory     int // MiB
	time       time.Duration
	foreign    bool // the file is only looked at
	outside    bool // and its numbers are not: those in other files are left there unless asked for
	undeclared bool // the file is taken as it is, a network from elsewhere too
	declared   declaredFlags
}

func (f *fileFlags) add(cmd *cobra.Command) {
	s := cmd.Flags()
	s.BoolVar(&f.external, "external-data", false, "take in data that lie in other files of the model's folder; never from outside it")
	s.BoolVar(&f.untrusted, "untrusted", false, "work on the file in a process of its own, with the limits below and stricter ones on the file")
	s.IntVar(&f.memory, "memory-limit", 2048, "memory of an --untrusted file's process, in MiB")
	s.DurationVar(&f.time, "time-limit", time.Minute, "processor time of an --untrusted file's process")
	if !f.foreign && !f.undeclared {
		f.declared.add(cmd, "of a network from elsewhere: ")
	}
}

// read is a model file whose bytes are validated, and are what the engines get: the path is not read again.
func (f *fileFlags) read(path string) ([]byte, error) {
	limits := onnx.Default
	if f.untrusted {
		limits = onnx.Untrusted
	}
	limits.Foreign, limits.Outside = f.foreign, f.outside && !f.external
	b, err := readUpTo(path, limits.Bytes)
	if err != nil {
		return nil, err
	}
	m, err := onnx.Validate(b, limits)
	switch {
	case errors.Is(err, onnx.ErrExternal) && f.external:
		b, err = embed(b, path, limits)
	case errors.Is(err, onnx.ErrExternal) && m.Metadata()[flow.Prefix+"data.sha256"] != "": // our own, held against its SHA-256
		if b, err = export.Joined(b, func(name string) ([]byte, error) { return onnx.ReadBeside(filepath.Dir(path), name, limits.Bytes) }); err == nil {
			_, err = onnx.Validate(b, limits)
		}
	case errors.Is(err, onnx.ErrExternal):
		err = fmt.Errorf("%w, or add --external-data to take in files of the model's folder", err)
	}
	if err == nil && !f.foreign && !f.undeclared {
		b, err = export.Adopt(b, f.declared.settings())
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// embed is the file with the data from beside it inside.
func embed(b []byte, path string, limits onnx.Limits) ([]byte, error) {
	m, err := onnx.Unmarshal(b)
	if err != nil {
		return nil, err
	}
	if err := m.Embed(filepath.Dir(path), limits.Bytes-len(b)); err != nil {
		return nil, err
	}
	b = m.Marshal()
	_, err = onnx.Validate(b, limits)
	return b, err
}

// readUpTo reads a plain file of at most limit bytes, whatever size it claims.
func readUpTo(path string, limit int) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	if info, err := file.Stat(); err != nil {
		return nil, err
	} else if info.IsDir() {
		return nil, fmt.Errorf("%s is a folder; want a file.onnx", path)
	} else if info.Size() > int64(limit) {
		return nil, fmt.Errorf("%s has %d bytes, more than the %d allowed", path, info.Size(), limit)
	}
	b, err := io.ReadAll(io.LimitReader(file, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(b) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	return b, nil
}
