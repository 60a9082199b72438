package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fmtool/models/flow"
	"fmtool/runtime"
)

// modelFlags say which engine runs a model, and how far its file is trusted: the flags of every command that evaluates one.
type modelFlags struct {
	engines engineFlags
	file    fileFlags
}

func (f *modelFlags) add(cmd *cobra.Command) {
	f.engines.add(cmd)
	f.file.add(cmd)
}

// guard is fileFlags.guard.
func (f *modelFlags) guard(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return f.file.guard(run)
}

// read is a validated model file and what it says of itself.
func (f *modelFlags) read(path string) ([]byte, flow.Spec, error) {
	file, err := f.file.read(path)
	if err != nil {
		return nil, flow.Spec{}, err
	}
	spec, _, err := runtime.Describe(file)
	if err != nil {
		return nil, spec, fmt.Errorf("%s: %w", path, err)
	}
	return file, spec, nil
}

// open is the model of a file that was read, on the engine that is asked for.
func (f *modelFlags) open(path string, file []byte) (*runtime.Model, error) {
	e, err := f.engines.open()
	if err != nil {
		return nil, err
	}
	m, err := runtime.Open(e, file, f.engines.options)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// divergence is the model with its divergence.
func (f *modelFlags) divergence(path string, file []byte, d runtime.Divergence) (*runtime.DivergentModel, error) {
	e, err := f.engines.open()
	if err != nil {
		return nil, err
	}
	m, err := runtime.OpenDivergence(e, file, f.engines.options, d)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}
