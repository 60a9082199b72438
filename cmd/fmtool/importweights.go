package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fmtool/train"
)

func importWeightsCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "import-weights RUN WEIGHTS.safetensors",
		Short: "Take weights that another program changed back into a model",
		Long: `Put the weights of a safetensors file in place of a run's and leave the model as a run of its own, ready for export. The file holds the weights by
their names, or the whole state that train_step.onnx gives, averages included. Names, shapes and float32 numbers must be the run's; if one does not
fit, nothing is written.`,
		Example: "  fmtool import-weights runs/moons tuned.safetensors -o runs/tuned",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := train.Import(args[0], args[1], out); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s with the weights of %s\n", out, args[0], args[1])
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "folder of the new run")
	cmd.MarkFlagRequired("out") //nolint:errcheck // the flag is there
	return cmd
}
