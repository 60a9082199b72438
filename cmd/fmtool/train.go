package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/train"
	"fmtool/train/data"
	"fmtool/train/optim"
)

type trainFlags struct {
	out, config, resume string
	c                   train.Config // what the flags say
	mlp                 models.MLP
	rate                optim.Rate
	weights             map[string]string
	dryRun, json        bool
}

func trainCommand() *cobra.Command {
	f := &trainFlags{c: train.Default()}
	cmd := &cobra.Command{
		Use:   "train DATA",
		Short: "Learn a velocity field from data",
		Long: `Learn a velocity field by flow matching. DATA is a file (.csv, .csv.gz, .npy), "digits", or a shape such as
moons:noise=0.05,n=10000. The run's folder gets config.yaml, log.jsonl, checkpoint/ and, at the end, weights.safetensors.
Ctrl-C writes a checkpoint; --resume goes on from the last one, to the bytes of an uninterrupted run.`,
		Example: `  fmtool train digits -o runs/digits --steps 4000
  fmtool train flowers.csv --columns "petal length,petal width" --label species
  fmtool train digits --width 1024 --dry-run
  fmtool train --reflow runs/digits --steps 2000
  fmtool train --resume runs/digits`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	s := cmd.Flags()
	s.StringVarP(&f.out, "out", "o", "", "folder of the run (default runs/<time>)")
	s.StringVar(&f.config, "config", "", "YAML file with settings; flags override it")
	s.StringVar(&f.resume, "resume", "", "go on with the run in this folder")
	s.BoolVar(&f.dryRun, "dry-run", false, "print what the run would compute and hold in memory, and do nothing")
	s.BoolVar(&f.json, "json", false, "with --dry-run: print it as JSON")
	s.StringSliceVar(&f.c.Columns, "columns", nil, "data columns of a CSV (default: all but label and condition)")
	s.StringVar(&f.c.Label, "label", "", "label column of a CSV: the model becomes conditional on it")
	s.StringSliceVar(&f.c.Condition, "condition", nil, "columns of a CSV to condition the others on; scale them to about one")
	s.BoolVar(&f.c.Unconditional, "unconditional", false, "ignore the labels of the data")
	s.Uint64Var(&f.c.Seed, "seed", f.c.Seed, "seed of everything random")
	s.IntVar(&f.c.Steps, "steps", f.c.Steps, "training steps")
	s.IntVar(&f.c.Batch, "batch", f.c.Batch, "rows a step")
	s.StringVar(&f.c.Schedule, "schedule", f.c.Schedule, "path: "+strings.Join(flow.Schedules(), ", ")+
		" (polynomial:N), or points:t,α,β;t,α,β;… from 0,0,1 to 1,1,0")
	s.StringVar(&f.c.Prediction, "prediction", f.c.Prediction, "what the network gives: velocity, x1, noise or score")
	s.StringVar(&f.c.LossIn, "loss-in", "", "quantity that the loss is measured in, exactly weighted (default: the prediction, for score noise)")
	s.StringVar(&f.c.Loss, "loss", f.c.Loss, strings.Join(train.LossNames(), " or ")+":C")
	s.StringVar(&f.c.Weight, "weight", f.c.Weight, "weight of the loss in time: "+strings.Join(flow.WeightNames(), ", "))
	s.StringToStringVar(&f.weights, "column-weights", nil, "weights of columns in the loss, in model space, as in height=2,width=0.5")
	s.StringVar(&f.c.Times, "times", f.c.Times, "distribution of training times, the loss not divided by it: "+
		strings.Join(flow.TimesNames(), ", ")+`; "stratified beta:2,1" spreads a batch evenly`)
	s.StringVar(&f.c.Grid, "grid", f.c.Grid, "steps of samplers that are not told otherwise: the quantiles of such a distribution")
	s.StringVar(&f.c.Normaliser, "normaliser", f.c.Normaliser, "column, global or none (default: global for images, else column)")
	s.Float64Var(&f.rate.Peak, "rate", f.c.Rate.Peak, "learning rate at its peak")
	s.Float64Var(&f.c.AdamW.Decay, "weight-decay", f.c.AdamW.Decay, "weight decay of AdamW")
	s.Float64Var(&f.c.Clip, "clip", f.c.Clip, "bound of the gradient's norm, 0 for none")
	s.Float64Var(&f.c.EMA, "ema", f.c.EMA, "decay of the average of the weights, 0 for none")
	s.Float64Var(&f.c.Drop, "label-drop", f.c.Drop, "probability that a row is trained without its label or condition")
	s.Float64Var(&f.c.HeldOut, "held-out", f.c.HeldOut, "fraction of the rows kept for the held-out loss")
	addCoupling(s, &f.c)
	s.IntVar(&f.c.Threads, "threads", f.c.Threads, "threads, 0 for all processors; changes no result")
	s.IntVar(&f.c.Shards, "shards", f.c.Shards, "parts of a batch whose gradients are added up apart, 0 for one each 128 rows, up to 8")
	s.IntVar(&f.mlp.Width, "width", 0, "width of the hidden layers (default: 64 up to 8 numbers a sample, else 256)")
	s.IntVar(&f.mlp.Depth, "depth", 0, "number of hidden layers (default: 3 up to 8 numbers a sample, else 4)")
	s.StringVar(&f.mlp.Activation, "activation", "", "silu, gelu, tanh, relu or selu (default silu)")
	s.BoolVar(&f.mlp.Inject, "inject", false, "show time and label to every hidden layer")
	s.BoolVar(&f.mlp.Residual, "residual", false, "add each hidden layer to the one before")
	return cmd
}

func (f *trainFlags) run(cmd *cobra.Command, args []string) error {
	if f.resume != "" {
		if len(args) > 0 || f.out != "" {
			return errors.New("--resume takes its data and folder from the run; leave DATA and --out out")
		}
		var others []string
		cmd.Flags().Visit(func(flag *pflag.Flag) {
			if flag.Name != "resume" {
				others = append(others, "--"+flag.Name)
			}
		})
		if others != nil {
			return fmt.Errorf("--resume goes on with the settings of the run; leave %s out", strings.Join(others, ", "))
		}
		c, err := train.ReadConfig(f.resume)
		if err != nil {
			return err
		}
		set, err := c.Load(cmd.Context())
		if err != nil {
			return err
		}
		return report(cmd.ErrOrStderr(), f.resume, train.Resume(cmd.Context(), set, f.resume, train.Options{Progress: progressTo(cmd.ErrOrStderr())}))
	}
	if f.json && !f.dryRun {
		return errors.New("--json prints what --dry-run computes; give both")
	}
	if len(args) == 0 && f.c.Reflow.Model == "" {
		return errors.New("no DATA given; for example: fmtool train digits")
	}
	c, err := f.settings(cmd, strings.Join(args, ""))
	if err != nil {
		return err
	}
	set, err := c.Load(cmd.Context())
	if err != nil {
		return err
	}
	if f.dryRun {
		return dryRun(cmd.OutOrStdout(), c, set, f.json)
	}
	dir := f.out
	if dir == "" {
		dir = filepath.Join("runs", time.Now().Format("20060102-150405"))
	}
	return report(cmd.ErrOrStderr(), dir, f.train(cmd.Context(), c, set, dir, cmd.ErrOrStderr()))
}

func (f *trainFlags) train(ctx context.Context, c train.Config, set *data.Set, dir string, talk io.Writer) error {
	fmt.Fprintf(talk, "%d rows of %d numbers from %s; run folder %s\n", set.Len(), set.Dim(), cmp.Or(c.Data, c.Reflow.Model), dir)
	if n := countTrue(flow.ConstantColumns(set.Rows, set.Dim())); n > 0 {
		fmt.Fprintf(talk, "%d of %d columns are constant: samples get their value exactly\n", n, set.Dim())
	}
	return train.Run(ctx, c, set, dir, train.Options{Progress: progressTo(talk)})
}

func countTrue(list []bool) (n int) {
	for _, is := range list {
		if is {
			n++
		}
	}
	return n
}

// report says what to do next.
func report(talk io.Writer, dir string, err error) error {
	if errors.Is(err, train.ErrStopped) {
		return fmt.Errorf("%w; go on with: fmtool train --resume %s", err, dir)
	}
	if err == nil {
		if c, err := train.ReadConfig(dir); err == nil && c.Reflow.Model != "" {
			reportStraightness(talk, dir)
		}
		fmt.Fprintf(talk, "done; export it with: fmtool export model.onnx --run %s\n", dir)
	}
	return err
}

// reportStraightness prints what a reflow has left in its facts. It reads the weights too, which is why other runs do without: beside the trainer's own memory,
// not yet given back, they are the peak of the process.
func reportStraightness(talk io.Writer, dir string) {
	_, facts, err := train.LoadRun(dir, false)
	if err != nil {
		return
	}
	if before, after, ok := facts.Straightness(); ok {
		fmt.Fprintf(talk, "straightness E ∫|x1 − x0 − v|² dt in model space: %.4g before, %.4g after\n", before, after)
	}
}

// settings are the defaults, over them the file, over it the flags that were given.
func (f *trainFlags) settings(cmd *cobra.Command, source string) (train.Config, error) {
	c, err := train.Default(), error(nil)
	if f.c.Reflow.Model != "" {
		if c, err = train.ReflowConfig(f.c.Reflow.Model); err != nil {
			return c, err
		}
	}
	if f.config != "" {
		text, err := os.ReadFile(f.config)
		if err != nil {
			return c, err
		}
		if c, err = train.ParseConfig(c, text); err != nil {
			return c, fmt.Errorf("%s: %w", f.config, err)
		}
	}
	given := cmd.Flags().Changed
	for name, set := range map[string]func(){
		"columns": func() { c.Columns = f.c.Columns }, "label": func() { c.Label = f.c.Label }, "condition": func() { c.Condition = f.c.Condition }, "unconditional": func() { c.Unconditional = f.c.Unconditional },
		"seed": func() { c.Seed = f.c.Seed }, "steps": func() { c.Steps = f.c.Steps }, "batch": func() { c.Batch = f.c.Batch },
		"schedule": func() { c.Schedule = f.c.Schedule }, "normaliser": func() { c.Normaliser = f.c.Normaliser }, "rate": func() { c.Rate.Peak = f.rate.Peak },
		"weight-decay": func() { c.AdamW.Decay = f.c.AdamW.Decay }, "clip": func() { c.Clip = f.c.Clip }, "ema": func() { c.EMA = f.c.EMA },
		"prediction": func() { c.Prediction = f.c.Prediction }, "loss-in": func() { c.LossIn = f.c.LossIn }, "loss": func() { c.Loss = f.c.Loss },
		"weight": func() { c.Weight = f.c.Weight }, "times": func() { c.Times = f.c.Times }, "grid": func() { c.Grid = f.c.Grid },
		"label-drop": func() { c.Drop = f.c.Drop }, "held-out": func() { c.HeldOut = f.c.HeldOut }, "threads": func() { c.Threads = f.c.Threads },
		"shards": func() { c.Shards = f.c.Shards },
	} {
		if given(name) {
			set()
		}
	}
	for name, set := range couplingSettings(&c, &f.c) {
		if given(name) {
			set()
		}
	}
	if m, ok := c.Model.Architecture.(*models.MLP); ok {
		for name, set := range map[string]func(){
			"width": func() { m.Width = f.mlp.Width }, "depth": func() { m.Depth = f.mlp.Depth }, "activation": func() { m.Activation = f.mlp.Activation },
			"inject": func() { m.Inject = f.mlp.Inject }, "residual": func() { m.Residual = f.mlp.Residual },
		} {
			if given(name) {
				set()
			}
		}
	}
	if given("column-weights") {
		var err error
		if c.ColumnWeights, err = numbers(f.weights); err != nil {
			return c, fmt.Errorf("--column-weights: %w", err)
		}
	}
	c.Data = source
	return c, c.Check()
}

// numbers reads the values of name=value pairs.
func numbers(pairs map[string]string) (map[string]float64, error) {
	out := map[string]float64{}
	for name, text := range pairs {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("%s=%.20s is no number", name, text)
		}
		out[name] = v
	}
	return out, nil
}

// progressTo prints a line now and then: every few seconds, and the last.
func progressTo(w io.Writer) func(train.Progress) {
	var last time.Time
	return func(p train.Progress) {
		if p.Step < p.Steps && time.Since(last) < 2*time.Second {
			return
		}
		last = time.Now()
		held := ""
		if p.HeldOut != nil {
			held = fmt.Sprintf("  held-out %.4f", *p.HeldOut)
		}
		fmt.Fprintf(w, "step %d/%d  loss %.4f%s  %.0f rows/s  %s left\n", p.Step, p.Steps, p.Loss, held, p.Rows, p.Left.Round(time.Second))
	}
}
