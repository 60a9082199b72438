package main

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/train/checkpoint"
)

type denoiseFlags struct {
	modelFlags
	given givenFlags
	d     runtime.Denoiser
	noise bool
	seed  uint64
	out   string
	force bool
}

func denoiseCommand() *cobra.Command {
	f := &denoiseFlags{}
	cmd := &cobra.Command{
		Use:   "denoise MODEL.onnx DATA",
		Short: "Estimate the data behind given noisy points",
		Long: `Take each row of DATA for a point x_t of the model's path at --time, and write the data that it is expected to come from, E[x1 | x_t], in one
evaluation. Rows are in data units: at time t a row holds α_t of the data, measured from the model's mean, and noise of β_t times the model's scale
(t and 1 − t on the linear path). With --noise the rows are clean, and the noise of that time is added first. A conditional model is given the classes
or numbers of the data where they have them.`,
		Example: `  fmtool denoise digits.onnx noisy.npy --time 0.6 -o clean.npy
  fmtool denoise digits.onnx digits --time 0.3 --noise --unconditional -o digits.png`,
		Args: cobra.ExactArgs(2),
		RunE: f.guard(func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0], args[1]) }),
	}
	s := cmd.Flags()
	s.Float64Var(&f.d.Time, "time", 0, "time t of the rows, from 0, noise, to 1, data")
	s.BoolVar(&f.noise, "noise", false, "add the noise of that time to the rows first")
	s.Uint64Var(&f.seed, "seed", 0, "seed of the noise")
	s.IntVar(&f.d.Batch, "batch", 1024, "rows at a time; changes no result")
	s.StringVarP(&f.out, "out", "o", "", "file to write: .csv, .npy or .png (default: CSV on standard output)")
	s.BoolVar(&f.force, "force", false, "replace an existing file")
	f.given.add(cmd)
	f.modelFlags.add(cmd)
	return cmd
}

func (f *denoiseFlags) run(cmd *cobra.Command, path, source string) error {
	switch changed := cmd.Flags().Changed; {
	case !changed("time"):
		return errors.New("--time says how noisy the rows are; give it, from 0, noise, to 1, data")
	case changed("seed") && !f.noise:
		return errors.New("--seed draws the noise of --noise; add it or leave both out")
	case f.d.Batch < 1:
		return fmt.Errorf("%d rows at a time: want a positive number", f.d.Batch)
	}
	if f.out != "" {
		if err := absent(f.out, f.force); err != nil {
			return err
		}
	}
	file, spec, err := f.read(path)
	if err != nil {
		return err
	}
	write, err := (&sampleFlags{out: f.out}).writer(spec)
	if err != nil {
		return err
	}
	set, y, err := f.given.load(spec, source)
	if err == nil {
		err = checkNone(spec, y)
	}
	if err != nil {
		return err
	}
	m, err := f.open(path, file)
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // it only frees
	f.d.Field = m
	rows := tensor.Of(set.Rows, set.Len(), set.Dim())
	if f.noise {
		if err := f.d.Noise(rows, f.seed); err != nil {
			return err
		}
	}
	if err := f.d.Denoise(cmd.Context(), rows, y); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := write(&b, set); err != nil {
		return err
	}
	if f.out == "" {
		_, err := cmd.OutOrStdout().Write(b.Bytes())
		return err
	}
	return checkpoint.WriteFile(checkpoint.Disk, f.out, b.Bytes())
}
