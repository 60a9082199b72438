package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"fmtool/export"
)

func verifyCommand() *cobra.Command {
	var engines engineFlags
	var trust fileFlags
	var parity string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify MODEL.onnx | FOLDER",
		Short: "Compare an exported model on every engine with a float64 forward pass",
		Long: `Run the file on the native engine and on onnxruntime and compare with a float64 forward pass: random x, t at 0, at 1 and between,
every condition, batches of 1, 7 and 64 rows, and 100 Euler steps. Of a bundle, a folder that export wrote, every file is also compared with its SHA-256 in the manifest, every graph with what the manifest
says of it, and run on its test data. The exit status is 1 if a row fails.`,
		Example: "  fmtool verify model.onnx\n  fmtool verify bundle",
		Args:    cobra.ExactArgs(1),
		RunE: trust.guard(func(cmd *cobra.Command, args []string) error {
			checks, err := engines.checks(parity)
			if err != nil {
				return err
			}
			verify := verifyBundle
			if !folder(args[0]) {
				verify = trust.verify
			}
			report, refused := verify(cmd.Context(), args[0], checks)
			if refused != nil && len(report.Faults) == 0 {
				return refused
			}
			if asJSON {
				out := json.NewEncoder(cmd.OutOrStdout())
				out.SetIndent("", "  ")
				err = out.Encode(report)
			} else {
				err = report.Print(cmd.OutOrStdout())
			}
			if err != nil {
				return err
			}
			return errors.Join(refused, report.Err())
		}),
	}
	engines.addLibrary(cmd)
	trust.add(cmd)
	cmd.Flags().StringVar(&parity, "parity", "ort", "engines to check on: ort (and native) or native alone")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// verify reads a file and checks it.
func (f *fileFlags) verify(ctx context.Context, path string, c export.Checks) (export.Report, error) {
	file, err := f.read(path)
	if err != nil {
		return export.Report{}, err
	}
	return export.Verify(ctx, file, c)
}
