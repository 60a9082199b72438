package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fmtool/train/checkpoint"
	"fmtool/train/protocol"
)

type reproduceFlags struct {
	o      protocol.Options
	out    string
	asJSON bool
}

func reproduceCommand() *cobra.Command {
	f := &reproduceFlags{}
	cmd := &cobra.Command{
		Use:   "reproduce " + strings.Join(protocol.Names(), "|"),
		Short: "Repeat a published experiment: ours, published, floor",
		Long:  reproduceHelp(),
		Example: `  fmtool reproduce tong-2d --quick
  fmtool reproduce c2ot -o c2ot.json        # five seeds; stopped and called again, it goes on`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	s := cmd.Flags()
	s.BoolVar(&f.o.Quick, "quick", false, "one seed, smaller blocks, fewer updates: minutes")
	s.IntVar(&f.o.Seeds, "seeds", 0, "seeds (default: 5, or 1 with --quick)")
	s.IntVar(&f.o.Workers, "workers", 0, "jobs at a time (default: one for each processor); changes no figure")
	s.StringVarP(&f.out, "out", "o", "", "file of the results (JSON), kept up to date after each job and gone on with if it exists")
	s.BoolVar(&f.asJSON, "json", false, "print the report as JSON")
	return cmd
}

// reproduceHelp describes the protocols and names the deviations of each.
func reproduceHelp() string {
	var b strings.Builder
	b.WriteString("Train, sample and measure as a publication did, and set ours, the published figure and the sampling floor beside each other.\n")
	for _, p := range protocol.Protocols {
		fmt.Fprintf(&b, "\n%s: %s [%s]\n  --quick: %s\n  deviations from the published protocol:\n", p.Name, p.Title, p.Source, p.Quick)
		for _, d := range p.Deviations {
			fmt.Fprintf(&b, "  - %s\n", d)
		}
	}
	return b.String()
}

func (f *reproduceFlags) run(cmd *cobra.Command, name string) error {
	p, err := protocol.Parse(name)
	if err != nil {
		return err
	}
	if f.o.Seeds < 0 || cmd.Flags().Changed("seeds") && f.o.Seeds == 0 || f.o.Workers < 0 {
		return fmt.Errorf("%d seeds, %d workers: want positive numbers", f.o.Seeds, f.o.Workers)
	}
	known, err := f.known()
	if err != nil {
		return err
	}
	begun := time.Now()
	results, err := p.Run(cmd.Context(), f.o, known, func(done []protocol.Result, of int) error {
		last := len(done)
		fmt.Fprintf(cmd.ErrOrStderr(), "%d of %d jobs done, %s\n", last, of, time.Since(begun).Round(time.Second))
		return f.save(done)
	})
	if err != nil {
		return err
	}
	r := p.Report(results, f.o)
	if f.asJSON {
		out := json.NewEncoder(cmd.OutOrStdout())
		out.SetIndent("", "  ")
		err = out.Encode(r)
	} else {
		err = r.Print(cmd.OutOrStdout())
	}
	return errors.Join(err, r.Err())
}

// known are the results in the output, if there is one.
func (f *reproduceFlags) known() ([]protocol.Result, error) {
	if f.out == "" {
		return nil, nil
	}
	b, err := os.ReadFile(f.out)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, absent(f.out, false)
	}
	if err != nil {
		return nil, err
	}
	var results []protocol.Result
	if err := json.Unmarshal(b, &results); err != nil {
		return nil, fmt.Errorf("%s holds no results of fmtool reproduce: %w", f.out, err)
	}
	return results, nil
}

// save writes the results so far.
func (f *reproduceFlags) save(done []protocol.Result) error {
	if f.out == "" {
		return nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(done); err != nil {
		return err
	}
	return checkpoint.WriteFile(checkpoint.Disk, f.out, b.Bytes())
}
