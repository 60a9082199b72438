package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"fmtool/runtime/ort"
)

func ortCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "ort", Short: "Manage onnxruntime's shared library"}
	var version, python string
	install := &cobra.Command{
		Use:   "install",
		Short: "Get a pinned onnxruntime into the user's cache folder",
		Long: `Get onnxruntime's shared library through pip or npm, compare its SHA-256 with a pinned table, and put it into the user's cache folder,
where the other commands find it. Nothing is installed into Python or Node.`,
		Example: "  fmtool ort install\n  fmtool ort install --version " + ort.DefaultVersion,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			got, err := ort.Install(cmd.Context(), version, python, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if got.Fresh {
				fmt.Fprintf(cmd.ErrOrStderr(), "onnxruntime is under this licence:\n\n%s\n", strings.TrimSpace(got.License))
			}
			fmt.Fprintln(cmd.OutOrStdout(), got.Library)
			return nil
		},
	}
	install.Flags().StringVar(&version, "version", ort.DefaultVersion, "release: "+strings.Join(ort.Releases(), ", "))
	install.Flags().StringVar(&python, "python", "python3", "Python whose pip downloads it")
	cmd.AddCommand(install)
	return cmd
}
