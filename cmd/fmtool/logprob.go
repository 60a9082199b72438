package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/train/data"
)

// logProbFlags ask for the log-density of each sample.
type logProbFlags struct {
	on         bool
	divergence divergenceFlags
}

func (f *logProbFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.on, "log-prob", false, "add a column with each sample's log-density, in nats and data units; use --solver rk4 or dopri5")
	f.divergence.add(cmd)
}

// check refuses what has no log-density here, among the flags that were given, and a file that has no column for it.
func (f *logProbFlags) check(given func(name string) bool, out string) error {
	if err := f.divergence.check(given, "log-prob", f.on); err != nil || !f.on {
		return err
	}
	if out != "" && filepath.Ext(out) != ".csv" {
		return errors.New("--log-prob adds a column to a CSV; give -o a name that ends in .csv")
	}
	return nil
}

// draw fills samples and returns their log-densities, nil unless they are asked for.
func (f *sampleFlags) draw(cmd *cobra.Command, file []byte, samples, y tensor.Tensor, given *data.Set) ([]float64, error) {
	if f.logProb.on {
		return f.logProb.sample(cmd, file, &f.modelFlags, f.s, samples, y)
	}
	stats, err := f.solve(cmd.Context(), samples, y, given)
	if err == nil && (f.s.Adaptive != nil || f.out != "") {
		f.cost(cmd.ErrOrStderr(), stats)
	}
	return nil, err
}

// cost reports how often the field was evaluated; guidance counts both branches.
func (f *sampleFlags) cost(talk io.Writer, stats runtime.Stats) {
	name := f.solver
	if f.s.SDE != nil {
		name = f.s.SDE.Method.Name
	}
	if g, guided := f.s.Field.(*runtime.Guided); guided {
		stats.Mean = float64(g.Rows()) / float64(stats.Rows)
	}
	fmt.Fprintf(talk, "%s: %.1f evaluations a row", name, stats.Mean)
	if f.s.Adaptive != nil {
		fmt.Fprintf(talk, ", at most %d", stats.Evaluations)
	}
	fmt.Fprintln(talk)
}

// sample draws samples together with their log-densities, with the sampler's settings.
func (f *logProbFlags) sample(cmd *cobra.Command, file []byte, model *modelFlags, s runtime.Sampler, dst, y tensor.Tensor) ([]float64, error) {
	d, err := f.divergence.parse(s.Seed)
	if err != nil {
		return nil, err
	}
	m, err := model.divergence("--log-prob", file, d)
	if err != nil {
		return nil, err
	}
	defer m.Close() //nolint:errcheck // it only frees
	l := runtime.Likelihood{Field: m, Method: s.Method, Adaptive: s.Adaptive, Steps: s.Steps, Grid: s.Grid, Batch: s.Batch, Progress: s.Progress}
	found, err := l.Sample(cmd.Context(), dst, y, s.Seed, s.Offset)
	return found.Log, err
}

// beside is the set with log-densities, if there are any, as its last column.
func beside(set *data.Set, spec flow.Spec, logs []float64) *data.Set {
	if logs == nil {
		return set
	}
	dim := spec.Dim()
	out := &data.Set{Dims: []int{dim + 1}, Columns: slices.Clone(spec.Columns), Labels: set.Labels, Classes: set.Classes}
	for j := len(out.Columns); j < dim; j++ {
		out.Columns = append(out.Columns, "x"+strconv.Itoa(j+1))
	}
	out.Columns = append(out.Columns, logDensity)
	for i, l := range logs {
		out.Rows = append(append(out.Rows, set.Rows[i*dim:(i+1)*dim]...), float32(l))
	}
	return out
}
