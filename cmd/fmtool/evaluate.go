package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"fmtool/models/flow"
	"fmtool/runtime"
	"fmtool/train/checkpoint"
	"fmtool/train/data"
	"fmtool/train/metric"
	"fmtool/train/quality"
)

type evaluateFlags struct {
	modelFlags
	drawFlags
	divergence  divergenceFlags
	nll         bool
	o           quality.Options
	metrics     []string
	solver      string
	steps       int
	solvers     []string
	evaluations []int
	tolerances  []float64
	curve       string
	perClass    bool
	label       string
	dataSeed    uint64
	source      string
	plot        string
	asJSON      bool
	force       bool
}

func evaluateCommand() *cobra.Command {
	f := &evaluateFlags{}
	cmd := &cobra.Command{
		Use:   "evaluate MODEL.onnx DATA",
		Short: "Measure samples against data, beside the sampling floor",
		Long: `Draw samples and measure how far they are from DATA, which is what train takes: a file, "digits" or a shape. Every distance stands beside its
sampling floor, the same metric between two disjoint sets of true rows of that size: no sampler does better than the floor. Then the straightness
of the paths, and quality against the number of evaluations for several solvers. With --nll, the likelihood of the data, whose floor is how far two true
samples of that size differ. --guidance, --sde, --schedule, --grid and --shift are those of fmtool sample. A conditional model is given the labels or numbers of the rows that
it is compared with. Rows that the model was trained on flatter it; other rows of the same source do not.`,
		Example: `  fmtool evaluate model.onnx moons:n=20000 --data-seed 1 --seeds 5 --plot quality.png
  fmtool evaluate digits.onnx digits --per-class --metrics sliced-w2,c2st,coverage --guidance 2
  fmtool evaluate model.onnx flowers.csv --label species --json`,
		Args: cobra.ExactArgs(2),
		RunE: f.guard(func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0], args[1]) }),
	}
	s := cmd.Flags()
	s.IntVarP(&f.o.N, "n", "n", 0, "samples a seed (default: 1000, or half the rows)")
	s.IntVar(&f.o.Seeds, "seeds", 3, "sampling seeds, over which mean and deviation are taken")
	s.Uint64Var(&f.o.Seed, "seed", 0, "first seed")
	s.StringSliceVar(&f.metrics, "metrics", nil, fmt.Sprintf("metrics, of %q (default: all but w1 and sinkhorn)", metric.Names()))
	s.StringVar(&f.solver, "solver", "euler", "solver of the distances; with --sde euler-maruyama or stochastic-heun")
	s.IntVar(&f.steps, "steps", 100, "steps of that solver")
	s.StringSliceVar(&f.solvers, "solvers", []string{"euler", "midpoint", "heun", "rk4"}, "solvers (with --sde: both of those) of quality against evaluations; \"none\" leaves it out")
	s.IntSliceVar(&f.evaluations, "evaluations", []int{1, 2, 4, 8, 16, 32, 64}, "evaluations that they may spend on a sample")
	s.Float64SliceVar(&f.tolerances, "tolerances", []float64{1e-1, 1e-2, 1e-3, 1e-4}, "tolerances of dopri5 with steps of each sample's own; 0 leaves it out")
	s.StringVar(&f.curve, "curve", "", "metric of quality against evaluations (default: the first of --metrics that is a distance)")
	s.BoolVar(&f.perClass, "per-class", false, "compare class by class too")
	s.StringVar(&f.label, "label", "", "column of a CSV that holds the classes of a model with classes")
	s.Uint64Var(&f.dataSeed, "data-seed", 0, "seed of DATA that is generated")
	s.StringVar(&f.source, "source", "", "data set whose rows samples start at, in data units; for a model trained with --source or --pairs")
	s.StringVar(&f.plot, "plot", "", "picture of quality against evaluations to write: .png or .svg")
	s.BoolVar(&f.asJSON, "json", false, "print the report as JSON")
	s.BoolVar(&f.force, "force", false, "replace an existing picture")
	s.BoolVar(&f.nll, "nll", false, "the negative log-likelihood of the data too, along the model's own path by rk4 in 100 steps")
	f.divergence.add(cmd)
	f.drawFlags.add(cmd)
	f.modelFlags.add(cmd)
	return cmd
}

func (f *evaluateFlags) run(cmd *cobra.Command, path, source string) error {
	probes, err := f.check(cmd)
	if err != nil {
		return err
	}
	file, spec, err := f.read(path)
	if err != nil {
		return err
	}
	rule, rules, err := f.rules(cmd, spec)
	if err != nil {
		return err
	}
	curve, err := f.curveMetric()
	if err != nil {
		return err
	}
	set, err := data.Load(source, f.dataOptions(spec))
	if err != nil {
		return err
	}
	if f.source != "" {
		if f.o.Source, err = loadStart(f.source, spec, f.dataSeed); err != nil {
			return err
		}
	}
	m, err := f.open(path, file)
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // it only frees
	f.o.Progress = sampleProgress(cmd.ErrOrStderr())
	j, err := f.judge(m, set)
	if err != nil {
		return err
	}
	r := quality.Report{Model: filepath.Base(path), Data: source, N: j.N, Seeds: j.Seeds, Solver: rule.Name(), Steps: rule.Steps, Drawn: f.drawn(cmd)}
	if r.Distances, err = j.Distances(cmd.Context(), rule); err != nil {
		return err
	}
	r.Evaluations = int(math.Round(j.Spent()))
	if r.Paths, err = f.paths(cmd, j, rule); err != nil {
		return err
	}
	if f.nll {
		if r.Likelihood, err = f.likelihood(cmd, j, path, file, probes); err != nil {
			return err
		}
	}
	if f.perClass {
		if r.Classes, err = j.Classes(cmd.Context(), rule); err != nil {
			return err
		}
	}
	if rules != nil {
		c, err := j.Curve(cmd.Context(), curve, rules)
		if err != nil {
			return err
		}
		r.Curve = &c
	}
	return f.report(cmd, r)
}

// check settles the flags that need no model.
func (f *evaluateFlags) check(cmd *cobra.Command) (d runtime.Divergence, err error) {
	if f.o.Seeds < 1 || f.steps < 1 || f.o.N < 0 {
		return d, fmt.Errorf("%d samples, %d seeds, %d steps: want positive numbers", f.o.N, f.o.Seeds, f.steps)
	}
	for _, name := range f.metrics {
		m, err := metric.Parse(name)
		if err != nil {
			return d, err
		}
		f.o.Metrics = append(f.o.Metrics, m)
	}
	if f.plot != "" {
		if slices.Equal(f.solvers, []string{"none"}) {
			return d, errors.New("--plot draws quality against evaluations; leave --solvers none out")
		}
		if err := absent(f.plot, f.force); err != nil {
			return d, err
		}
		if _, _, err := canvasFor(f.plot, 1, 1); err != nil {
			return d, err
		}
	}
	if err := f.divergence.check(cmd.Flags().Changed, "nll", f.nll); err != nil {
		return d, err
	}
	return f.divergence.parse(f.o.Seed)
}

// likelihood is that of the data.
func (f *evaluateFlags) likelihood(cmd *cobra.Command, j *quality.Judge, path string, file []byte, d runtime.Divergence) (*quality.Density, error) {
	m, err := f.modelFlags.divergence(path, file, d)
	if err != nil {
		return nil, err
	}
	defer m.Close() //nolint:errcheck // it only frees
	density, err := j.Likelihood(cmd.Context(), m)
	return &density, err
}

// curveMetric is the metric of quality against evaluations.
func (f *evaluateFlags) curveMetric() (metric.Metric, error) {
	if f.curve != "" {
		return metric.Parse(f.curve)
	}
	for _, m := range f.o.Metrics {
		if m.Better == metric.Lower {
			return m, nil
		}
	}
	if f.o.Metrics != nil {
		return f.o.Metrics[0], nil
	}
	if f.o.N > metric.AssignmentLimit {
		return metric.Parse("sliced-w2")
	}
	return metric.Parse("w2")
}

// dataOptions read from a CSV what the model was trained on.
func (f *evaluateFlags) dataOptions(spec flow.Spec) data.Options {
	o := data.Options{Columns: spec.Columns, Label: f.label, Seed: f.dataSeed}
	if spec.Condition.Kind == flow.Vector {
		o.Condition = spec.Condition.Names
	}
	return o
}

func (f *evaluateFlags) report(cmd *cobra.Command, r quality.Report) error {
	if f.plot != "" {
		p, err := plotCurve(*r.Curve, fmt.Sprintf("%s: %d samples, %d seeds", r.Model, r.N, r.Seeds))
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := writePlots(&b, f.plot, p); err != nil {
			return err
		}
		if err := checkpoint.WriteFile(checkpoint.Disk, f.plot, b.Bytes()); err != nil {
			return err
		}
	}
	if f.asJSON {
		out := json.NewEncoder(cmd.OutOrStdout())
		out.SetIndent("", "  ")
		return out.Encode(r)
	}
	return r.Print(cmd.OutOrStdout())
}
