package main

import (
	"strings"

	"github.com/spf13/pflag"

	"fmtool/models/flow"
	"fmtool/train"
)

// addCoupling adds the flags of train on where x0 comes from and how it is paired.
func addCoupling(s *pflag.FlagSet, c *train.Config) {
	s.StringVar(&c.Source, "source", "", "data set that x0 is drawn from instead of noise, as DATA, in its units and columns: sample then takes such rows too")
	s.StringVar(&c.Pairs, "pairs", "", "data set, .csv or .npy, whose row i is the x0 of row i of DATA: the pairs are kept")
	s.StringVar(&c.Coupling, "coupling", "", strings.Join(flow.CouplingNames(), ", ")+" (default: pairs where they are given, else independent; with a condition ot means c2ot)")
	s.IntVar(&c.OT.Block, "ot-block", 0, "rows that are paired among each other by ot, c2ot and sinkhorn (default 64)")
	s.IntVar(&c.OT.Pool, "ot-pool", 0, "rows, a multiple of the batch, that are cut into blocks together (default: one batch)")
	s.Float64Var(&c.OT.Epsilon, "ot-epsilon", c.OT.Epsilon, "sinkhorn: regularisation as a fraction of the mean cost")
	s.Float64Var(&c.OT.Ratio, "ot-ratio", c.OT.Ratio, "c2ot on numbers: acceptance ratio")
	s.BoolVar(&c.OT.IgnoreCondition, "ot-ignore-condition", false, "ot: pair without regard to the condition, which ties x0 to it")
	s.StringVar(&c.Reflow.Model, "reflow", "", "learn the pairs of noise and sample of the model in this run's folder, instead of DATA, with its settings")
	s.IntVar(&c.Reflow.Pairs, "reflow-pairs", c.Reflow.Pairs, "pairs that the model draws")
	s.StringVar(&c.Reflow.Solver, "reflow-solver", c.Reflow.Solver, "solver that draws them")
	s.IntVar(&c.Reflow.Steps, "reflow-steps", c.Reflow.Steps, "its steps")
	s.BoolVar(&c.Reflow.Fresh, "reflow-fresh", false, "begin with fresh weights instead of the model's")
	s.Float64Var(&c.Sigma, "sigma", 0, "path noise: train on x_t + sigma·ε with the target unchanged")
}

// couplingSettings sets the parts of a configuration that addCoupling's flags changed.
func couplingSettings(c, flags *train.Config) map[string]func() {
	return map[string]func(){
		"source": func() { c.Source = flags.Source }, "pairs": func() { c.Pairs = flags.Pairs }, "coupling": func() { c.Coupling = flags.Coupling },
		"reflow": func() { c.Reflow.Model = flags.Reflow.Model }, "reflow-pairs": func() { c.Reflow.Pairs = flags.Reflow.Pairs },
		"reflow-solver": func() { c.Reflow.Solver = flags.Reflow.Solver }, "reflow-steps": func() { c.Reflow.Steps = flags.Reflow.Steps },
		"reflow-fresh": func() { c.Reflow.Fresh = flags.Reflow.Fresh },
		"ot-block":     func() { c.OT.Block = flags.OT.Block }, "ot-pool": func() { c.OT.Pool = flags.OT.Pool },
		"ot-epsilon": func() { c.OT.Epsilon = flags.OT.Epsilon }, "ot-ratio": func() { c.OT.Ratio = flags.OT.Ratio },
		"ot-ignore-condition": func() { c.OT.IgnoreCondition = flags.OT.IgnoreCondition }, "sigma": func() { c.Sigma = flags.Sigma },
	}
}
