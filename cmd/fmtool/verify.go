package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"fmtool/export"
)

func verifyCommand() *cobra.Command {
	var engines engineFlags
	var trust fileFlags
	var parity string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify MODEL.onnx",
		Short: "Compare an exported model on every engine with a float64 forward pass",
		Long: `Run the file on the native engine and on onnxruntime and compare with a float64 forward pass: random x, t at 0, at 1 and between,
every condition, batches of 1, 7 and 64 rows, and 100 Euler steps. The exit status is 1 if a row fails.`,
		Example: "  fmtool verify model.onnx",
		Args:    cobra.ExactArgs(1),
		RunE: trust.guard(func(cmd *cobra.Command, args []string) error {
			file, err := trust.read(args[0])
			if err != nil {
				return err
			}
			checks, err := engines.checks(parity)
			if err != nil {
				return err
			}
			report, err := export.Verify(cmd.Context(), file, checks)
			if err != nil {
				return err
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
			return report.Err()
		}),
	}
	engines.addLibrary(cmd)
	trust.add(cmd)
	cmd.Flags().StringVar(&parity, "parity", "ort", "engines to check on: ort (and native) or native alone")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}
