package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"fmtool/models/flow"
)

// root is the command tree: one file for each command.
func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "fmtool",
		Short:             "Train flow-matching models in Go and run them anywhere as ONNX",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	cmd.AddCommand(trainCommand(), exportCommand(), verifyCommand(), sampleCommand(), evaluateCommand(), likelihoodCommand(), denoiseCommand(), inspectCommand(), doctorCommand(), ortCommand())
	cmd.AddCommand(reproduceCommand(), plotCommand(), diffCommand(), declareCommand(), importWeightsCommand())
	cmd.SetFlagErrorFunc(nearestFlag)
	cmd.SuggestionsMinimumDistance = 2
	return cmd
}

// nearestFlag adds the nearest known flag to pflag's word about an unknown one.
func nearestFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := flow.Nearest(unknown.GetSpecifiedName(), names); near != "" {
		return fmt.Errorf("%w; did you mean --%s?", err, near)
	}
	return fmt.Errorf("%w; see fmtool %s --help", err, cmd.Name())
}

// oneLine joins the lines of an error: a failure is one clear line.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' }), "; ")
}
