package main

import (
	"encoding/json"
	"errors"
	"fmt"
	goruntime "runtime"

	"github.com/spf13/cobra"

	"fmtool/runtime/ort"
)

// diagnosis is what doctor found.
type diagnosis struct {
	Go      string   `json:"go"`
	System  string   `json:"system"`
	Library string   `json:"library,omitempty"`
	Source  string   `json:"source,omitempty"`
	Version string   `json:"version,omitempty"`
	CUDA    bool     `json:"cuda_provider_beside_library"`
	Problem string   `json:"problem,omitempty"`
	Places  []string `json:"places"`
}

func doctorCommand() *cobra.Command {
	var engines engineFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "Tell which onnxruntime is found and what it can do",
		Example: "  fmtool doctor",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := diagnosis{Go: goruntime.Version(), System: goruntime.GOOS + "/" + goruntime.GOARCH}
			for _, c := range ort.Candidates(engines.ortLib) {
				d.Places = append(d.Places, fmt.Sprintf("%s (%s)", c.Path, c.Source))
			}
			e, err := ort.New(engines.ortLib)
			if err != nil {
				d.Problem = err.Error()
			} else {
				d.Library, d.Source, d.Version, d.CUDA = e.Library().Path, e.Library().Source, e.Version(), e.Library().HasCUDA()
			}
			if asJSON {
				out := json.NewEncoder(cmd.OutOrStdout())
				out.SetIndent("", "  ")
				return errors.Join(err, out.Encode(d))
			}
			d.print(cmd)
			return err
		},
	}
	engines.addLibrary(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func (d diagnosis) print(cmd *cobra.Command) {
	say := func(what, value string) { fmt.Fprintf(cmd.OutOrStdout(), "%-12s %s\n", what, value) }
	say("system", d.System+", "+d.Go)
	say("native", "ready (pure Go)")
	if d.Library != "" {
		say("onnxruntime", fmt.Sprintf("%s, %s (%s)", d.Version, d.Library, d.Source))
		say("cpu", "ready")
		cuda := "no provider beside the library; install onnxruntime-gpu and use --ort-lib"
		if d.CUDA {
			cuda = "provider found beside the library; try --provider cuda"
		}
		say("cuda", cuda)
	}
	for _, p := range d.Places {
		say("looked at", p)
	}
}
