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

// settings are those that were given; none: the file tells.
func (f *declaredFlags) settings() map[string]string {
	given := map[string]string{}
	for _, s := range export.Settings {
		if f.flags != nil && f.flags.Changed(s.Name) {
			given[s.Name] = f.flags.Lookup(s.Name).Value.String()
		}
	}
	return given
}

func declareCommand() *cobra.Command {
	var engines engineFlags
	var declared declaredFlags
	var out, parity string
	var force bool
	trust := fileFlags{undeclared: true}
	cmd := &cobra.Command{
		Use:   "declare NETWORK.onnx -o MODEL.onnx",
		Short: "Make a model of a network that somebody else trained and exported",
		Long: `Write a copy of a network exported by PyTorch, JAX or others as a velocity field that all commands read: inputs x, t and the condition,
output velocity, time from 0 at noise to 1 at data, and the metadata that say so. The network's nodes and numbers stay as they are. sample, evaluate,
likelihood, denoise, plot and verify take the same flags and do without the copy; a program that exports can leave them in the file, as metadata
` + export.DeclaredPrefix + `time-range and so on.

Where the native engine has all its operators, the copy is compared with float64 on both engines before it is written; otherwise a few samples are
drawn on onnxruntime.`,
		Example: `  fmtool declare field.onnx -o model.onnx --input-x sample --input-t timestep --time-range 1000:0
  fmtool declare eps.onnx -o model.onnx --input-t timestep --time-range 999:0 --prediction noise --path vp`,
		Args: cobra.ExactArgs(1),
		RunE: trust.guard(func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return errors.New("give the copy a name: -o MODEL.onnx")
			}
			if err := absent(out, force); err != nil {
				return err
			}
			file, err := trust.read(args[0])
			if err != nil {
				return err
			}
			d, err := export.NewDeclaration(declared.settings())
			if err == nil {
				file, err = export.Declare(file, d)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if err := tryDeclared(cmd, file, &engines, parity); err != nil {
				return err
			}
			return checkpoint.WriteFile(checkpoint.Disk, out, file)
		}),
	}
	s := cmd.Flags()
	s.StringVarP(&out, "out", "o", "", "file to write")
	s.BoolVar(&force, "force", false, "replace an existing file")
	s.StringVar(&parity, "parity", "ort", "engines to check on: ort (and native) or native alone")
	engines.addLibrary(cmd)
	declared.add(cmd, "")
	trust.add(cmd)
	return cmd
}

// tryDeclared compares the file with float64 on the engines, or, if there is no float64 for it, draws a few samples from it.
func tryDeclared(cmd *cobra.Command, file []byte, engines *engineFlags, parity string) error {
	checks, err := engines.checks(parity)
	if err != nil {
		return err
	}
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
