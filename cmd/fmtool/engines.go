package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"fmtool/export"
	"fmtool/models/flow"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/ort"
)

// engineFlags choose an engine; this file is the one place that does.
type engineFlags struct {
	name    string
	ortLib  string
	options engine.Options
}

func (f *engineFlags) add(cmd *cobra.Command) {
	s := cmd.Flags()
	s.StringVar(&f.name, "engine", "ort", "what runs the model: ort (onnxruntime) or native (pure Go)")
	f.addLibrary(cmd)
	s.StringVar(&f.options.Provider, "provider", "cpu", "execution provider of onnxruntime: cpu or cuda")
	s.IntVar(&f.options.Device, "device", 0, "CUDA device")
	s.Int64Var(&f.options.MemoryCap, "gpu-memory", 0, "limit of CUDA memory in bytes (0: none)")
	s.BoolVar(&f.options.TF32, "tf32", false, "let CUDA round matrix products to TF32")
	s.IntVar(&f.options.Threads, "threads", 1, "threads inside one evaluation")
	s.StringVar(&f.options.Profile, "profile", "", "prefix of a profile that onnxruntime writes")
}

// addLibrary is the flag of commands that use onnxruntime whatever else.
func (f *engineFlags) addLibrary(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.ortLib, "ort-lib", "", "path of onnxruntime's shared library (default: found, see fmtool doctor)")
}

// open returns the engine asked for; there is no silent fall-back.
func (f *engineFlags) open() (engine.Engine, error) {
	o := f.options
	if o.Threads < 0 {
		return nil, fmt.Errorf("%d threads: want a positive number", o.Threads)
	}
	if o.Provider != "cuda" && (o.Device != 0 || o.MemoryCap != 0 || o.TF32) {
		return nil, errors.New("--device, --gpu-memory and --tf32 are for --provider cuda; add it or leave them out")
	}
	switch f.name {
	case "native":
		if o.Profile != "" {
			return nil, errors.New("--profile is onnxruntime's; use --engine ort or leave it out")
		}
		return native.Engine{}, nil
	case "ort":
		e, err := ort.New(f.ortLib)
		if err != nil {
			return nil, err
		}
		return e, nil
	}
	return nil, flow.Unknown("engine", f.name, []string{"ort", "native"})
}

// checks are the engines that files are compared on: the native one, and onnxruntime unless only native is asked for.
func (f *engineFlags) checks(parity string) (export.Checks, error) {
	c := export.Checks{Reference: native.Engine{}, Engines: []export.Engine{{Name: "native", Engine: native.Engine{}}}}
	switch parity {
	case "native":
		return c, nil
	case "ort":
	default:
		return c, flow.Unknown("parity", parity, []string{"ort", "native"})
	}
	e, err := ort.New(f.ortLib)
	if err != nil {
		return c, fmt.Errorf("%w (or check on the native engine alone: --parity native)", err)
	}
	c.Engines = append(c.Engines, export.Engine{Name: "onnxruntime", Library: e.Version(), Engine: e})
	return c, nil
}
