package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"fmtool/export"
	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/train/checkpoint"
)

// declaredFlags say what a network made elsewhere means: a flag for each of export's settings.
type declaredFlags struct{ flags *pflag.FlagSet }

func (f *declaredFlags) add(cmd *cobra.Command, what string) {
	f.flags = cmd.Flags()
	for _, s := range export.Settings {
		f.flags.String(s.Name, "", what+s.Help)
	}
	f.flags.Lookup("any-batch").NoOptDefVal = "true"
}

// settings are those that were given; nil: none, and the file tells.
func (f *declaredFlags) settings() (given map[string]string) {
	for _, s := range export.Settings {
		if f.flags != nil && f.flags.Changed(s.Name) {
			if given == nil {
				given = map[string]string{}
			}
			given[s.Name] = f.flags.Lookup(s.Name).Value.String()
		}
	}
	return given
}

// declaring is the command's flags.
type declaring struct {
	engines     engineFlags
	declared    declaredFlags
	trust       fileFlags
	settings    exportSettings
	out, parity string
	graph       string
	tolerance   float64
	force       bool
}

func declareCommand() *cobra.Command {
	f := &declaring{trust: fileFlags{undeclared: true}}
	cmd := &cobra.Command{
		Use:   "declare NETWORK.onnx -o MODEL.onnx",
		Short: "Make a model of a network that somebody else trained and exported",
		Long: `Write a copy of a network exported by PyTorch, JAX or others as a velocity field that all commands read: inputs x, t and the condition,
output velocity, time from 0 at noise to 1 at data, and the metadata that say so. The network's nodes and numbers stay as they are. sample, evaluate,
likelihood, denoise, plot and verify take the same flags and do without the copy; a program that exports can leave them in the file, as metadata
` + export.DeclaredPrefix + `time-range and so on. --graph makes the other graphs of fmtool export of it, and of a velocity file of ours.

Where the native engine has all its operators, the copy is compared with float64 on both engines before it is written; otherwise a few samples are
drawn on onnxruntime.`,
		Example: `  fmtool declare field.onnx -o model.onnx --input-x sample --input-t timestep --time-range 1000:0
  fmtool declare eps.onnx -o model.onnx --input-t timestep --time-range 999:0 --prediction noise --path vp
  fmtool declare model.onnx -o sampler.onnx --graph sampler --solver heun`,
		Args: cobra.ExactArgs(1),
		RunE: f.trust.guard(func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) }),
	}
	s := cmd.Flags()
	s.StringVarP(&f.out, "out", "o", "", "file to write")
	s.BoolVar(&f.force, "force", false, "replace an existing file")
	s.StringVar(&f.graph, "graph", string(flow.VelocityKind), "what to write: velocity, sampler, sample or logprob")
	s.StringVar(&f.parity, "parity", "ort", "engines to check on: ort (and native) or native alone")
	s.Float64Var(&f.tolerance, "tolerance", 0, "largest difference of a velocity from float64 (default: 5e-6, more where phases are large or velocities converted)")
	f.settings.add(cmd)
	f.engines.addLibrary(cmd)
	f.declared.add(cmd, "")
	f.trust.add(cmd)
	return cmd
}

func (f *declaring) run(cmd *cobra.Command, path string) error {
	if f.out == "" {
		return errors.New("give the copy a name: -o MODEL.onnx")
	}
	if err := absent(f.out, f.force); err != nil {
		return err
	}
	velocity := f.graph == string(flow.VelocityKind)
	for _, name := range []string{"profile", "solver", "unroll", "adaptive", "divergence", "guidance"} {
		if velocity && cmd.Flags().Changed(name) {
			return fmt.Errorf("--%s shapes another graph than the network's own; add --graph sampler, sample or logprob", name)
		}
	}
	o, err := f.settings.options(cmd)
	if err != nil {
		return err
	}
	file, err := f.trust.read(path)
	if err != nil {
		return err
	}
	settings := f.declared.settings()
	if _, _, unknown := runtime.Describe(file); settings == nil && (unknown != nil || velocity) {
		settings = map[string]string{}
	}
	if file, err = export.Adopt(file, settings); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if o.Checks, err = f.engines.checks(f.parity); err != nil {
		return err
	}
	if o.Tolerance = f.tolerance; velocity {
		if err = tryDeclared(cmd, file, o.Checks); err == nil {
			file, err = export.Sealed(file)
		}
	} else {
		file, err = otherGraph(cmd, file, f.graph, o)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return checkpoint.WriteFile(checkpoint.Disk, f.out, file)
}

// otherGraph is one of export's graphs, made of a velocity file.
func otherGraph(cmd *cobra.Command, file []byte, name string, o export.Options) ([]byte, error) {
	m, facts, err := export.Given(file)
	if err != nil {
		return nil, err
	}
	o.Facts = facts
	file, report, err := export.File(cmd.Context(), name, m, o)
	if err != nil {
		return nil, err
	}
	return file, report.Print(cmd.OutOrStdout())
}

// tryDeclared compares the file with float64 on the engines, or, if there is no float64 for it, draws a few samples from it.
func tryDeclared(cmd *cobra.Command, file []byte, checks export.Checks) error {
	report, err := export.Verify(cmd.Context(), file, checks)
	switch {
	case err == nil:
		if err := report.Print(cmd.OutOrStdout()); err != nil {
			return err
		}
		return report.Err()
	case !errors.Is(err, errors.ErrUnsupported) || len(checks.Engines) < 2:
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "not compared with float64 (%v); drawing samples on onnxruntime\n", err)
	return drawFew(cmd.Context(), file, checks.Engines[1])
}

// drawFew draws a few samples, to see that the file runs with other numbers of rows than its example's.
func drawFew(ctx context.Context, file []byte, e export.Engine) error {
	m, err := runtime.Open(e.Engine, file, e.Options)
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // it only frees
	for _, n := range []int{1, 3} {
		y := tensor.Tensor{}
		switch c := m.Spec().Condition; c.Kind {
		case flow.Labels:
			y = tensor.New(tensor.Int64, n)
		case flow.Vector:
			y = tensor.New(tensor.Float32, n, c.Width)
		}
		if _, err := (runtime.Sampler{Field: m, Steps: 4}).Sample(ctx, tensor.New(tensor.Float32, n, m.Spec().Dim()), y); err != nil {
			return err
		}
	}
	return nil
}
