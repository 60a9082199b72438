package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/solver"
	"fmtool/train/data"
)

// adaptiveFlags are those of steps that rows choose, and of the way back.
type adaptiveFlags struct {
	rtol, atol float64
	reverse    string
	trajectory bool
}

func (f *adaptiveFlags) add(cmd *cobra.Command) {
	f.addTolerances(cmd)
	s := cmd.Flags()
	s.StringVar(&f.reverse, "reverse", "", "data set whose rows to take back to the noise they come from, instead of drawing samples")
	s.BoolVar(&f.trajectory, "trajectory", false, "write the rows at every time of the steps, after a column t, time by time")
}

// addTolerances are the flags of steps that rows choose, alone.
func (f *adaptiveFlags) addTolerances(cmd *cobra.Command) {
	s := cmd.Flags()
	s.Float64Var(&f.rtol, "rtol", solver.DefaultTolerance, "relative tolerance of bosh3 and dopri5 in a step, in model space")
	s.Float64Var(&f.atol, "atol", solver.DefaultTolerance, "absolute tolerance of bosh3 and dopri5 in a step, in model space")
}

// check returns the settings of steps that rows choose, nil for a method of given steps, and refuses flags that say nothing to the method.
func (f *adaptiveFlags) check(given func(name string) bool, m solver.Tableau) (*solver.Adaptive, error) {
	if f.reverse != "" {
		for _, name := range []string{"n", "per-class", "seed", "offset", "log-prob", "beside", "sde", "source"} {
			if given(name) {
				return nil, fmt.Errorf("--reverse takes given rows to their noise; leave %s out", dashed(name))
			}
		}
	}
	if f.trajectory && (f.reverse != "" || given("log-prob") || given("beside")) {
		return nil, errors.New("--trajectory writes the way to samples; leave --reverse, --log-prob and --beside out")
	}
	for _, name := range []string{"steps", "grid", "shift", "log-prob", "rtol", "atol"} {
		if given("times") && given(name) {
			return nil, fmt.Errorf("--times says where each step begins and ends; leave --%s out", name)
		}
	}
	tolerance := given("rtol") || given("atol")
	switch {
	case m.E == nil && tolerance:
		return nil, fmt.Errorf("--rtol and --atol choose the steps of bosh3 and dopri5; --solver %s takes --steps", cmp.Or(m.Name, "with --sde"))
	case given("steps") && tolerance:
		return nil, errors.New("--steps and --rtol or --atol exclude each other: either the steps are given or the tolerance chooses them")
	case m.E == nil || given("steps") || given("times"):
		return nil, nil
	case (given("grid") || given("shift")) && !f.trajectory:
		return nil, fmt.Errorf("--grid and --shift place given steps, and %s chooses its own; add --steps", m.Name)
	case !(f.rtol > 0 && f.atol >= 0):
		return nil, fmt.Errorf("--rtol %g, --atol %g: want positive numbers", f.rtol, f.atol)
	}
	a, err := solver.Adaptive{Method: m, RTol: f.rtol, ATol: f.atol}.Check()
	return &a, err
}

// dashed is a flag as a user writes it.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// rows are those to take back to noise, nil if samples are drawn.
func (f *adaptiveFlags) rows(spec flow.Spec) (*data.Set, error) {
	if f.reverse == "" {
		return nil, nil
	}
	set, err := data.Load(f.reverse, data.Options{Columns: spec.Columns})
	if err != nil {
		return nil, err
	}
	if !slices.Equal(set.Dims, spec.Dims) {
		return nil, fmt.Errorf("%s: rows have dimensions %v, those of the model %v", f.reverse, set.Dims, spec.Dims)
	}
	return set, nil
}

// solve fills dst with samples, or with the noise of given rows.
func (f *sampleFlags) solve(ctx context.Context, dst, y tensor.Tensor, given *data.Set) (runtime.Stats, error) {
	if given == nil {
		return f.s.Sample(ctx, dst, y)
	}
	return f.s.Encode(ctx, dst, tensor.Of(given.Rows, given.Len(), given.Dim()), y)
}
