package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"fmtool/export"
	"fmtool/models/flow"
	"fmtool/models/onnx"
	"fmtool/train"
	"fmtool/train/checkpoint"
)

func exportCommand() *cobra.Command {
	var engines engineFlags
	var run, parity, profile string
	var raw, force bool
	cmd := &cobra.Command{
		Use:   "export FILE.onnx",
		Short: "Write a trained velocity field as ONNX, after a parity check",
		Long: `Write the velocity field of a run as one ONNX file that holds all a consumer needs. The very bytes are first run on the
native engine and on onnxruntime and compared with a float64 forward pass; if they disagree, nothing is written.`,
		Example: `  fmtool export model.onnx
  fmtool export digits.onnx --run runs/digits`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := absent(args[0], force); err != nil {
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
			p, err := parseProfile(profile)
			if err != nil {
				return err
			}
			checks, err := engines.checks(parity)
			if err != nil {
				return err
			}
			m, facts, err := train.LoadRun(dir, raw)
			if err != nil {
				return err
			}
			file, report, err := export.Velocity(cmd.Context(), m, export.Options{Checks: checks, Profile: p, Facts: facts})
			if err != nil {
				return err
			}
			if err := checkpoint.WriteFile(checkpoint.Disk, args[0], file); err != nil {
				return err
			}
			w := report.Worst()
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d bytes from %s, profile %s (onnxruntime ≥ %s); worst difference from float64 %.2g of %.2g allowed (%s on %s)\n",
				args[0], len(file), dir, p.Name, p.Runtime, w.Worst, w.Tolerance, w.Graph, w.Engine)
			return nil
		},
	}
	s := cmd.Flags()
	engines.addLibrary(cmd)
	s.StringVar(&run, "run", "", "folder of the run (default: the newest complete one under runs/)")
	s.BoolVar(&raw, "raw", false, "the weights of the last step instead of their average")
	s.StringVar(&parity, "parity", "ort", "engines to check on: ort (and native) or native alone")
	s.StringVar(&profile, "profile", onnx.Wide.Name, "version of the format: wide, seeded or modern")
	s.BoolVar(&force, "force", false, "replace an existing file")
	return cmd
}

func parseProfile(name string) (onnx.Profile, error) {
	var names []string
	for _, p := range onnx.Profiles() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return onnx.Profile{}, flow.Unknown("profile", name, names)
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
