package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"fmtool/models/flow"
	"fmtool/runtime"
	"fmtool/runtime/solver"
)

// sdeFlags ask for noise on the way.
type sdeFlags struct{ diffusion string }

func (f *sdeFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.diffusion, "sde", "", "draw with noise on the way, g² = scale·…: "+strings.Join(runtime.DiffusionNames(), ", ")+
		", with a scale as in beta:0.5; --solver is euler-maruyama or stochastic-heun")
}

// method sets the sampler's method, by name: of an equation with noise if that is asked for.
func (f *sdeFlags) method(s *runtime.Sampler, name string, given bool, spec flow.Spec) (err error) {
	if f.diffusion == "" {
		if _, noisy := solver.ParseNoisy(name); noisy == nil {
			return fmt.Errorf("--solver %s is for equations with noise; add --sde", name)
		}
		s.Method, err = solver.Parse(name)
		return err
	}
	e := runtime.SDE{Method: solver.EulerMaruyama}
	if e.Diffusion, err = runtime.ParseDiffusion(f.diffusion); err != nil {
		return err
	}
	if given {
		if _, plain := solver.Parse(name); plain == nil {
			return fmt.Errorf("--solver %s knows no noise; with --sde take euler-maruyama or stochastic-heun", name)
		}
		if e.Method, err = solver.ParseNoisy(name); err != nil {
			return err
		}
	}
	if err := spec.CheckScore(); err != nil {
		return fmt.Errorf("--sde: %w", err)
	}
	s.SDE = &e
	return nil
}
