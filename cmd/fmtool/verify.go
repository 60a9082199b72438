package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"fmtool/export"
	"fmtool/train"
)

// verifyFlags are the settings of verify.
type verifyFlags struct {
	trust                       fileFlags
	libraries                   []string
	parity, run                 string
	batches, threads            []int
	bisect, statistical, edited bool
	raw, asJSON                 bool
	tolerance                   float64
}

// sampledRows are those of --statistical.
const sampledRows = 500

func verifyCommand() *cobra.Command {
	var v verifyFlags
	cmd := &cobra.Command{
		Use:   "verify MODEL.onnx | FOLDER ...",
		Short: "Compare an exported model on every engine with a float64 forward pass",
		Long: `Run files on the native engine and on onnxruntime and compare with a float64 forward pass: random x, t at 0, at 1 and between, every
condition, several numbers of rows, and 100 Euler steps; graphs that sample, with Go's own solver, noise and normaliser. A row for each
graph, engine, library, number of rows and of threads tells the largest difference and how many numbers lie within 1, 4, 16 and 256 units of
the last place. What in a file is not what was exported is named, by the digests in its metadata or, with --run, by the model that was
trained. Of a bundle, a folder that export wrote, every file is also compared with its SHA-256 in the manifest, every graph with what the
manifest says of it, and run on its test data. The exit status is 1 if anything fails.`,
		Example: `  fmtool verify model.onnx
  fmtool verify bundle
  fmtool verify model.onnx sampler.onnx --batches 1,64,1000 --threads 1,2 --bisect --statistical
  fmtool verify model.onnx --run runs/moons
  fmtool verify model.onnx --ort-lib old/libonnxruntime.so,new/libonnxruntime.so`,
		Args: cobra.MinimumNArgs(1),
		RunE: v.trust.guard(v.verify),
	}
	v.trust.add(cmd)
	s := cmd.Flags()
	s.StringSliceVar(&v.libraries, "ort-lib", nil,
		"paths of onnxruntime's shared libraries, each in a process of its own (default: one that is found, see fmtool doctor)")
	s.StringVar(&v.parity, "parity", "ort", "engines to check on: ort (and native), or native or onnxruntime alone")
	s.IntSliceVar(&v.batches, "batches", nil, "numbers of rows to try (default 1,7,64, or 16 where 50 steps are taken)")
	s.IntSliceVar(&v.threads, "threads", []int{1}, "threads inside one evaluation, a row for each number")
	s.Float64Var(&v.tolerance, "tolerance", 0, "of one evaluation, and of samples where it is the larger (default: from the model, and 1e-4)")
	s.BoolVar(&v.bisect, "bisect", false, "name the first layer that deviates by more than its share of the tolerance, by a debug graph")
	s.BoolVar(&v.statistical, "statistical", false, fmt.Sprintf("compare the distribution of %d samples too, by their energy distance", sampledRows))
	s.BoolVar(&v.edited, "edited", false,
		"the file was changed on purpose: what is not as it was exported, or as the run has it, is noted, not a failure")
	s.StringVar(&v.run, "run", "", "folder of the run that the file must be of")
	s.BoolVar(&v.raw, "raw", false, "of --run the weights of the last step instead of their average")
	s.BoolVar(&v.asJSON, "json", false, "print the report as JSON")
	return cmd
}

// check refuses settings that make no sense.
func (v *verifyFlags) check() error {
	for _, f := range []struct {
		name string
		list []int
		most int
	}{{"batches", v.batches, 1 << 20}, {"threads", v.threads, 1 << 10}} {
		if len(f.list) > 0 && (slices.Min(f.list) < 1 || slices.Max(f.list) > f.most) {
			return fmt.Errorf("--%s %v: want positive numbers up to %d, such as --%s 1,2", f.name, f.list, f.most, f.name)
		}
	}
	switch {
	case v.trust.untrusted && len(v.libraries) > 1:
		return errors.New("--untrusted takes one process, and each --ort-lib wants its own; give one --ort-lib")
	case v.parity == "native" && len(v.libraries) > 0:
		return errors.New("--parity native does without onnxruntime; leave --ort-lib or --parity out")
	case v.raw && v.run == "":
		return errors.New("--raw is for the weights of --run; add it or leave --raw out")
	case v.tolerance < 0 || v.tolerance > 1:
		return fmt.Errorf("--tolerance %g: want a share of the largest number, between 0 and 1", v.tolerance)
	}
	return nil
}

// verify checks all files and prints one report.
func (v *verifyFlags) verify(cmd *cobra.Command, args []string) error {
	if err := v.check(); err != nil {
		return err
	}
	var all export.Report
	var failed []error
	for _, path := range args {
		r, err := v.report(cmd, path)
		if len(args) > 1 {
			r = r.Of(path)
			if err != nil {
				err = fmt.Errorf("%s: %w", path, err)
			}
		}
		all.Add(r)
		failed = append(failed, err)
	}
	if err := v.print(cmd, all); err != nil {
		return err
	}
	return errors.Join(append(failed, all.Err())...)
}

func (v *verifyFlags) print(cmd *cobra.Command, r export.Report) error {
	switch {
	case len(r.Rows)+len(r.Faults) == 0: // only an error
		return nil
	case !v.asJSON:
		return r.Print(cmd.OutOrStdout())
	}
	out := json.NewEncoder(cmd.OutOrStdout())
	out.SetIndent("", "  ")
	return out.Encode(r)
}

// report checks a file or a bundle here, or in a process for each library.
func (v *verifyFlags) report(cmd *cobra.Command, path string) (export.Report, error) {
	if len(v.libraries) > 1 {
		return v.processes(cmd, path)
	}
	checks, err := v.checks()
	if err != nil {
		return export.Report{}, err
	}
	if folder(path) {
		if err := v.trust.none(path); err != nil {
			return export.Report{}, err
		}
		return verifyBundle(cmd.Context(), path, checks)
	}
	return v.trust.verify(cmd.Context(), path, checks)
}

// checks are what the flags ask for.
func (v *verifyFlags) checks() (c export.Checks, err error) {
	var engines engineFlags
	if len(v.libraries) > 0 {
		engines.ortLib = v.libraries[0]
	}
	parity, alone := v.parity, v.parity == "onnxruntime"
	if alone {
		parity = "ort"
	}
	if c, err = engines.checks(parity); err != nil {
		return c, err
	}
	if alone {
		c.Engines = c.Engines[1:]
	}
	c.Batches, c.Bisect, c.Edited, c.Tolerance = v.batches, v.bisect, v.edited, v.tolerance
	if v.statistical {
		c.Sampled = sampledRows
	}
	if v.run != "" {
		if c.Model, c.Facts, err = train.LoadRun(v.run, v.raw); err != nil {
			return c, err
		}
	}
	one := c.Engines
	c.Engines = nil
	for _, e := range one {
		for _, e.Options.Threads = range v.threads {
			c.Engines = append(c.Engines, e)
		}
	}
	return c, nil
}

// verify reads a file and checks it.
func (f *fileFlags) verify(ctx context.Context, path string, c export.Checks) (export.Report, error) {
	file, err := f.read(path)
	if err != nil {
		return export.Report{}, err
	}
	return export.Verify(ctx, file, c)
}
