package main

import (
	"strings"

	"github.com/spf13/cobra"

	"fmtool/models/flow"
	"fmtool/runtime"
)

// drawFlags say which way samples take: the flags that sample and evaluate share.
type drawFlags struct {
	guidance guidanceFlags
	sde      sdeFlags
	schedule string
	grid     string
	shift    float64
}

func (f *drawFlags) add(cmd *cobra.Command) {
	s := cmd.Flags()
	s.StringVar(&f.schedule, "schedule", "", "path to sample along in place of the model's own: a name of train --schedule")
	s.StringVar(&f.grid, "grid", "", "where given steps lie, quantiles of "+strings.Join(flow.TimesNames(), ", ")+" (default: the model's)")
	s.Float64Var(&f.shift, "shift", 0, "time shift of the steps in place of the grid's own: above 1 more of them near the noise, 1 for none")
	f.guidance.add(cmd)
	f.sde.add(cmd)
}

// path is the field on the schedule that is asked for.
func (f *drawFlags) path(m runtime.VelocityField) (runtime.VelocityField, error) {
	if f.schedule == "" {
		return m, nil
	}
	schedule, err := flow.ParseSchedule(f.schedule)
	if err != nil {
		return nil, err
	}
	return runtime.Reschedule(m, schedule)
}

// steps is the grid that is asked for, or the model's, with the shift that is asked for in place of its own.
func (f *drawFlags) steps(spec flow.Spec) (*flow.Grid, error) {
	g := spec.Grid
	if f.grid != "" {
		var err error
		if g, err = flow.ParseGrid(f.grid); err != nil {
			return nil, err
		}
	}
	if err := flow.CheckShift(f.shift); err != nil {
		return nil, err
	}
	if f.shift != 0 {
		g = g.WithShift(f.shift)
	}
	return &g, nil
}
