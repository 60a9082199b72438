package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"fmtool/models/onnx"
)

func diffCommand() *cobra.Command {
	var asJSON bool
	trust := fileFlags{foreign: true}
	cmd := &cobra.Command{
		Use:   "diff A.onnx B.onnx",
		Short: "Tell where two files differ, in structure and in weights",
		Long: `Compare two ONNX files: versions, inputs, outputs, nodes in order, metadata, and initialisers by name with the largest absolute and relative
difference of their numbers; the same numbers under another name count as renamed. The exit status is 1 if they differ.`,
		Example: "  fmtool diff before.onnx after.onnx",
		Args:    cobra.ExactArgs(2),
		RunE: trust.guard(func(cmd *cobra.Command, args []string) error {
			var models [2]*onnx.Model
			for i, path := range args {
				file, err := trust.read(path)
				if err != nil {
					return err
				}
				if models[i], err = onnx.Unmarshal(file); err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
			}
			found := onnx.Compare(models[0], models[1])
			if asJSON {
				out := json.NewEncoder(cmd.OutOrStdout())
				out.SetIndent("", "  ")
				if err := out.Encode(append([]onnx.Difference{}, found...)); err != nil {
					return err
				}
			} else {
				for _, d := range found {
					fmt.Fprintln(cmd.OutOrStdout(), told(d))
				}
			}
			if len(found) > 0 {
				return fmt.Errorf("%s and %s: the models differ in %d places", args[0], args[1], len(found))
			}
			return nil
		}),
	}
	trust.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// told is a difference on a line.
func told(d onnx.Difference) string {
	line := fmt.Sprintf("%-12s %s", d.What, d.Name)
	switch {
	case d.What == "renamed":
		line += " → " + d.B
	case d.A != "" || d.B != "":
		line += fmt.Sprintf(": %s | %s", d.A, d.B)
	}
	if d.Absolute > 0 {
		line += fmt.Sprintf(": max|Δ| %.3g, relative %.3g", d.Absolute, d.Relative)
	}
	return line
}
