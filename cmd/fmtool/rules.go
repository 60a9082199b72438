package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"fmtool/models/flow"
	"fmtool/runtime"
	"fmtool/runtime/solver"
	"fmtool/train/data"
	"fmtool/train/quality"
)

// rules are that of the distances, and those of quality against evaluations, nil if it is left out.
func (f *evaluateFlags) rules(cmd *cobra.Command, spec flow.Spec) (rule quality.Rule, rules []quality.Rule, err error) {
	changed := cmd.Flags().Changed
	var s runtime.Sampler
	if err := f.sde.method(&s, f.solver, changed("solver"), spec); err != nil {
		return rule, nil, err
	}
	rule = quality.Rule{Method: s.Method, SDE: s.SDE, Steps: f.steps}
	if slices.Equal(f.solvers, []string{"none"}) {
		return rule, nil, nil
	}
	if f.sde.diffusion != "" && !changed("solvers") {
		f.solvers = nil
		for _, m := range solver.NoisyMethods {
			f.solvers = append(f.solvers, m.Name)
		}
	}
	for _, name := range f.solvers {
		var s runtime.Sampler
		if err := f.sde.method(&s, name, true, spec); err != nil {
			return rule, nil, err
		}
		some, err := f.spending(cmd, quality.Rule{Method: s.Method, SDE: s.SDE})
		if err != nil {
			return rule, nil, err
		}
		rules = append(rules, some...)
	}
	chosen, err := f.chosen(changed("tolerances"))
	if err != nil {
		return rule, nil, err
	}
	if rules = append(rules, chosen...); rules == nil {
		return rule, nil, fmt.Errorf("no solver of %v can spend exactly %v evaluations; want multiples of its stages", f.solvers, f.evaluations)
	}
	return rule, rules, nil
}

// spending are a solver's rules of --evaluations, and says which of those that were asked for it cannot spend.
func (f *evaluateFlags) spending(cmd *cobra.Command, r quality.Rule) (rules []quality.Rule, err error) {
	var not []string
	for _, n := range f.evaluations {
		if n < 1 {
			return nil, fmt.Errorf("--evaluations %d: want positive numbers", n)
		}
		if s, ok := r.Spending(n); ok {
			rules = append(rules, s)
		} else {
			not = append(not, fmt.Sprint(n))
		}
	}
	if not != nil && cmd.Flags().Changed("evaluations") {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s takes %d evaluations a step and cannot spend %s: left out\n", r.Name(), r.Stages(), strings.Join(not, ", "))
	}
	return rules, nil
}

// chosen are the rules of --tolerances, of which there are none with noise on the way.
func (f *evaluateFlags) chosen(given bool) (rules []quality.Rule, err error) {
	if f.sde.diffusion != "" {
		if given {
			return nil, fmt.Errorf("--tolerances choose the steps of equations without noise; leave them or --sde out")
		}
		return nil, nil
	}
	for _, tolerance := range f.tolerances {
		if !(tolerance >= 0 && tolerance < 1) {
			return nil, fmt.Errorf("tolerance %g: want a number between 0 and 1", tolerance)
		}
		if tolerance > 0 {
			rules = append(rules, quality.Rule{Tolerance: tolerance})
		}
	}
	return rules, nil
}

// judge compares samples that go the way that the flags ask for.
func (f *evaluateFlags) judge(m *runtime.Model, set *data.Set) (*quality.Judge, error) {
	field, err := f.path(m)
	if err != nil {
		return nil, err
	}
	if f.o.Grid, err = f.drawFlags.steps(field.Spec()); err != nil {
		return nil, err
	}
	if f.o.Follow, err = f.guided(field); err != nil {
		return nil, err
	}
	return quality.New(field, set, f.o)
}

// guided is the field with guidance for the steps of a rule, nil if no guidance is asked for.
func (f *evaluateFlags) guided(field runtime.VelocityField) (quality.Follow, error) {
	if len(f.guidance.weights) > 1 {
		return nil, fmt.Errorf("--guidance %v: evaluate compares samples of one weight; give one", f.guidance.weights)
	}
	follow := func(r quality.Rule) (runtime.VelocityField, error) {
		steps := r.Steps
		if r.Tolerance > 0 {
			steps = f.steps
		}
		g, err := f.guidance.settings(steps, 0, 0)
		if err != nil || g == nil {
			return nil, err
		}
		return runtime.Guide(field, *g)
	}
	if v, err := follow(quality.Rule{Steps: f.steps}); v == nil || err != nil {
		return nil, err
	}
	return follow, nil
}

// ways are the flags that change where samples end.
var ways = []string{"guidance", "guidance-interval", "guidance-rescale", "cfg-zero", "sde", "schedule", "grid", "shift"}

// drawn tells in which way the samples were drawn, where the flags say so.
func (f *evaluateFlags) drawn(cmd *cobra.Command) string {
	var said []string
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if slices.Contains(ways, flag.Name) {
			said = append(said, strings.TrimSuffix("--"+flag.Name+" "+saidBy(flag), " true"))
		}
	})
	return strings.Join(said, " ")
}

// saidBy is what was given to a flag, as short as it can be told.
func saidBy(flag *pflag.Flag) string {
	text := strings.Trim(flag.Value.String(), "[]")
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return text
}

// paths are the metrics of trajectories, but for those that noise drives.
func (f *evaluateFlags) paths(cmd *cobra.Command, j *quality.Judge, r quality.Rule) ([]quality.PathFigure, error) {
	if r.SDE != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "paths are left out: rows that noise drives have no velocity")
		return nil, nil
	}
	return j.Paths(cmd.Context(), r)
}
