package main

import (
	"errors"
	"io"
	"strings"

	"fmtool/export"
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/train"
	"fmtool/train/checkpoint"
)

// statePath is where the state of the training step in path lies.
func statePath(path string) string { return strings.TrimSuffix(path, ".onnx") + ".safetensors" }

// loadStep is the training step of the run in dir, if a training step is what graph asks for, to be written to path.
func loadStep(graph, path, dir string, raw, sidecar, force bool) (*export.Step, error) {
	switch {
	case graph != string(flow.TrainStepKind):
		return nil, nil
	case raw:
		return nil, errors.New("a train_step goes on with the weights of the last step and with their average; leave --raw out")
	case sidecar:
		return nil, errors.New("a train_step holds no weights, which lie beside it as its state; leave --sidecar out")
	}
	if err := absent(statePath(path), force); err != nil {
		return nil, err
	}
	g, state, settings, err := train.LoadStep(dir)
	return &export.Step{Graph: g, State: state, Settings: settings}, err
}

// writeState puts the state of a training step beside it.
func writeState(path string, s *export.Step) error {
	if s == nil {
		return nil
	}
	write := func(w io.Writer) error { return models.WriteWeights(w, s.State, s.Settings) }
	return checkpoint.Write(checkpoint.Disk, statePath(path), write)
}
