package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fmtool/export"
)

// childKey is the environment variable that tells a process it checks a file on one library for another process.
const childKey = "FMTOOL_CHILD"

// processes puts together what a process for each library finds: one process holds one library. One that is refused, as those older than the Go
// binding takes are, has a row that says so.
func (v *verifyFlags) processes(cmd *cobra.Command, path string) (export.Report, error) {
	var all export.Report
	for _, library := range v.libraries {
		r, err := v.process(cmd, path, library)
		switch {
		case cmd.Context().Err() != nil:
			return all, cmd.Context().Err()
		case err != nil:
			all.Rows = append(all.Rows, export.Row{Graph: filepath.Base(path), Engine: "onnxruntime", Library: filepath.Base(library),
				Refused: reasonOf(err) + " (" + library + ")"})
			continue
		case slices.ContainsFunc(all.Rows, func(r export.Row) bool { return r.Refused == "" }): // the native engine and the file are the same
			r.Rows = slices.DeleteFunc(r.Rows, func(r export.Row) bool { return r.Library == "" })
			r.Faults, r.Notes = nil, nil
		}
		all.Add(r)
	}
	return all, nil
}

// reasonOf is why a library was refused, in short.
func reasonOf(err error) string {
	if strings.Contains(err.Error(), "too old") {
		return "needs onnxruntime ≥ 1.24 from Go; use the Python matrix, make test-matrix"
	}
	return oneLine(err)
}

// process runs this command on one file with one library.
func (v *verifyFlags) process(cmd *cobra.Command, path, library string) (r export.Report, err error) {
	program, err := os.Executable()
	if err != nil {
		return r, err
	}
	line := slices.DeleteFunc(again(cmd, []string{path}), func(arg string) bool {
		return strings.HasPrefix(arg, "--ort-lib=") || strings.HasPrefix(arg, "--json=")
	})
	line = slices.Insert(line, 1, "--json", "--ort-lib="+library)
	c := exec.CommandContext(cmd.Context(), program, line...)
	c.Env = append(os.Environ(), childKey+"=1", "GOTRACEBACK=none")
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err == nil || len(out) > 0 {
		if err := json.Unmarshal(out, &r); err != nil {
			return r, fmt.Errorf("%s: what its process says is no report: %w", library, err)
		}
		return r, nil // failing rows and all
	}
	if words := strings.TrimSpace(said.String()); words != "" {
		return r, errors.New(strings.TrimPrefix(words, "fmtool: "))
	}
	return r, fmt.Errorf("its process died: %w", err)
}
