package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"fmtool/export"
	"fmtool/models/flow"
	"fmtool/models/onnx"
	"fmtool/runtime/solver"
	"fmtool/train"
	"fmtool/train/checkpoint"
)

func exportCommand() *cobra.Command {
	var engines engineFlags
	var run, parity, graph string
	var raw, force, sidecar bool
	var settings exportSettings
	cmd := &cobra.Command{
		Use:   "export FILE.onnx | FOLDER/",
		Short: "Write a trained model as ONNX, after a parity check",
		Long: `Write the model of a run as one ONNX file that holds all a consumer needs: its velocity field, the whole way from noise (--graph sampler) to
samples, log-densities of data (--graph logprob), or a step of its training (--graph train_step) with the state of the run beside it,
FILE.safetensors. The very bytes are first run on the native engine and on onnxruntime and compared with float64; if they disagree, nothing is written.

Into a folder go all of these graphs, with a manifest, test data, the weights, a model card and fm_load.py, the Python program that loads and verifies them.`,
		Example: `  fmtool export model.onnx
  fmtool export digits.onnx --run runs/digits --graph sampler --solver heun --guidance
  fmtool export digits8.onnx --run runs/digits --graph sampler --unroll 8
  fmtool export logprob.onnx --run runs/moons --graph logprob
  fmtool export bundle/ --run runs/moons`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := free(cmd, args[0], force); err != nil {
				return err
			}
			dir := run
			if dir == "" {
				newest, err := train.Newest("runs")
				if err != nil {
					return err
				}
				dir = newest
			}
			o, err := settings.options(cmd)
			if err != nil {
				return err
			}
			if o.Checks, err = engines.checks(parity); err != nil {
				return err
			}
			m, facts, err := train.LoadRun(dir, raw)
			if err != nil {
				return err
			}
			o.Facts = facts
			if folder(args[0]) {
				return writeBundle(cmd, args[0], dir, m, o, sidecar, force)
			}
			if o.Step, err = loadStep(graph, args[0], dir, raw, sidecar, force); err != nil {
				return err
			}
			file, report, err := export.File(cmd.Context(), graph, m, o)
			if err != nil {
				return err
			}
			if err := writeState(args[0], o.Step); err != nil {
				return err
			}
			if err := writeModel(args[0], file, sidecar || len(file) > onnx.MaxInside, force); err != nil {
				return err
			}
			w, p := report.Worst(), export.ProfileOf(graph, o)
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s, %d bytes from %s; worst difference from float64 %.2g of %.2g allowed (%s on %s)\nprofile %s: %s\n",
				args[0], graph, len(file), dir, w.Worst, w.Tolerance, w.Graph, w.Engine, p.Name, p.Why())
			if p.Warning != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", p.Warning)
			}
			return nil
		},
	}
	s := cmd.Flags()
	engines.addLibrary(cmd)
	s.StringVar(&run, "run", "", "folder of the run (default: the newest complete one under runs/)")
	s.BoolVar(&raw, "raw", false, "the weights of the last step instead of their average")
	s.StringVar(&parity, "parity", "ort", "engines to check on: ort (and native) or native alone")
	s.StringVar(&graph, "graph", string(flow.VelocityKind), "what to write: "+strings.Join(export.Graphs(), ", "))
	settings.add(cmd)
	s.BoolVar(&sidecar, "sidecar", false, "weights in a file of their own, FILE.onnx.data, as models over 1.5 GiB have them whatever else")
	s.BoolVar(&force, "force", false, "replace an existing file, or a folder that holds a bundle and nothing else")
	return cmd
}

// writeModel writes a file, or a model and its weights beside it: the weights first, so that no model is there without them.
func writeModel(path string, file []byte, apart, force bool) error {
	if !apart {
		return checkpoint.WriteFile(checkpoint.Disk, path, file)
	}
	if err := absent(path+".data", force); err != nil {
		return err
	}
	model, data, err := export.Split(file, filepath.Base(path)+".data")
	if err != nil {
		return err
	}
	if err := checkpoint.WriteFile(checkpoint.Disk, path+".data", data); err != nil {
		return err
	}
	return checkpoint.WriteFile(checkpoint.Disk, path, model)
}

// exportSettings are the flags that shape the graph.
type exportSettings struct {
	profile, solver string
	unroll          int
	guidance        bool
	adaptive        bool
	divergence      string
}

func (f *exportSettings) add(cmd *cobra.Command) {
	s := cmd.Flags()
	s.StringVar(&f.profile, "profile", "", "version of the format: wide, seeded or modern (default: the widest that can say the graph)")
	s.StringVar(&f.solver, "solver", "", "method of a graph that solves: "+strings.Join(methods(), ", ")+" (default euler, for logprob rk4)")
	s.IntVar(&f.unroll, "unroll", 0, "fixed number of steps of a graph that solves, without a loop")
	s.BoolVar(&f.adaptive, "adaptive", false, "steps of a graph that solves chosen by a tolerance, with the number of evaluations as an output")
	s.StringVar(&f.divergence, "divergence", "", "of logprob: exact, or by probes as an input (default: exact for samples of up to 16 numbers)")
	s.BoolVar(&f.guidance, "guidance", false, "classifier-free guidance inside, with its weight as an input")
}

func (f *exportSettings) options(cmd *cobra.Command) (o export.Options, err error) {
	if f.profile != "" {
		if o.Profile, err = onnx.ParseProfile(f.profile); err != nil {
			return o, err
		}
	}
	if f.solver != "" {
		if o.Solver, err = solver.Parse(f.solver); err != nil {
			return o, err
		}
	}
	if cmd.Flags().Changed("unroll") && f.unroll < 1 {
		return o, fmt.Errorf("--unroll %d: want at least 1 step, or leave it out for a loop that takes any number", f.unroll)
	}
	o.Unroll, o.Guidance, o.Adaptive, o.Divergence = f.unroll, f.guidance, f.adaptive, f.divergence
	return o, nil
}

// methods are the names of the solvers that a graph can hold: those that do not look back.
func methods() []string {
	var names []string
	for _, m := range solver.Methods {
		if m.Past == 0 {
			names = append(names, m.Name)
		}
	}
	return names
}

// absent refuses to write over a file that exists, and into a folder that does not, before anything is computed.
func absent(path string, force bool) error {
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a folder, want the name of a file", path)
	case err == nil && !force:
		return fmt.Errorf("%s exists; use --force to replace it", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return nil
}
