package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"fmtool/models/tensor"
	"fmtool/runtime"
)

// guidanceFlags push samples towards their class or condition.
type guidanceFlags struct {
	weights  []float64
	rescale  float64
	interval string
	zero     bool
	given    func(name string) bool
}

func (f *guidanceFlags) add(cmd *cobra.Command) {
	s := cmd.Flags()
	s.Float64SliceVar(&f.weights, "guidance", []float64{1}, "weight w of classifier-free guidance, u = u_none + w (u_class − u_none); 1 is the model itself;"+
		" rows take several, as in 1,2,4, in turn")
	s.StringVar(&f.interval, "guidance-interval", "", "times LO:HI at which to guide; at others one evaluation a stage does (default: all)")
	s.Float64Var(&f.rescale, "guidance-rescale", 0, "share φ from 0 to 1 by which guided velocities are shrunk to the size of the class's own")
	s.BoolVar(&f.zero, "cfg-zero", false, "CFG-Zero*: scale u_none to fit u_class, and keep still for the first 4 % of the steps, at least one")
	f.given = s.Changed
}

// zeroShare is the share of the steps in which CFG-Zero* keeps still [FA25].
const zeroShare = 0.04

// settings are what is asked for, for rows from first on along steps; nil for no guidance.
func (f *guidanceFlags) settings(steps, rows int, first uint64) (*runtime.Guidance, error) {
	if !f.given("guidance") {
		for _, name := range []string{"guidance-interval", "guidance-rescale", "cfg-zero"} {
			if f.given(name) {
				return nil, fmt.Errorf("--%s is a form of guidance; add --guidance W", name)
			}
		}
		return nil, nil
	}
	g := &runtime.Guidance{Weight: f.weights[0], Rescale: f.rescale, Optimal: f.zero}
	if turn := uint64(len(f.weights)); turn > 1 {
		g.Weights = make([]float64, rows)
		for i := range g.Weights {
			g.Weights[i] = f.weights[(first+uint64(i))%turn]
		}
	}
	if f.zero {
		g.ZeroUntil = min(max(1, math.Round(zeroShare*float64(steps))), float64(steps-1)) / float64(steps)
	}
	if f.interval != "" {
		lo, hi, ok := strings.Cut(f.interval, ":")
		var err, err2 error
		g.Lo, err = strconv.ParseFloat(lo, 64)
		g.Hi, err2 = strconv.ParseFloat(hi, 64)
		if !ok || err != nil || err2 != nil || g.Hi <= 0 {
			return nil, fmt.Errorf("--guidance-interval %q: want two times, as in 0.2:0.8", f.interval)
		}
	}
	return g, nil
}

// field is the model, guided if that is asked for. y is the condition of the samples, the first of which is row first of the seed.
func (f *guidanceFlags) field(m runtime.VelocityField, y tensor.Tensor, steps, rows int, first uint64) (runtime.VelocityField, error) {
	g, err := f.settings(steps, rows, first)
	if err != nil || g == nil {
		return m, err
	}
	guided, err := runtime.Guide(m, *g)
	if err == nil && y.IsZero() {
		err = errors.New("--guidance needs to know towards what: add --class, --per-class or --condition")
	}
	if err != nil {
		return nil, err
	}
	return guided, nil
}
