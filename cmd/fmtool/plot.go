package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"gonum.org/v1/plot"

	"fmtool/export"
	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/solver"
	"fmtool/train"
	"fmtool/train/checkpoint"
	"fmtool/train/data"
	"fmtool/train/metric"
	"fmtool/train/quality"
)

type plotFlags struct {
	modelFlags
	n      int
	steps  int
	seed   uint64
	solver string
	beside string
	out    string
	force  bool
}

func plotCommand() *cobra.Command {
	f := &plotFlags{}
	cmd := &cobra.Command{
		Use:   "plot RUN|MODEL.onnx",
		Short: "Draw the losses of a run, samples and their trajectories",
		Long: `Draw a picture. Of a run, finished or not: its losses, and the held-out loss by time. Of a finished run or a model, beside that: samples and the
trajectories that lead to them from noise, in the first two columns; a grid of samples where these are images. Models with classes are asked for all
of them in turn. A run is sampled on the native engine, a model on --engine.`,
		Example: `  fmtool plot runs/moons -o moons.png --beside moons
  fmtool plot digits.onnx -o digits.png
  fmtool plot model.onnx -o paths.svg -n 300 --solver heun --steps 20`,
		Args: cobra.ExactArgs(1),
		RunE: f.guard(func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) }),
	}
	s := cmd.Flags()
	s.IntVarP(&f.n, "n", "n", 1000, "samples")
	s.IntVar(&f.steps, "steps", 100, "steps of the solver")
	s.StringVar(&f.solver, "solver", "euler", "solver")
	s.Uint64Var(&f.seed, "seed", 0, "seed of the noise")
	s.StringVar(&f.beside, "beside", "", "data set to draw beside the samples")
	s.StringVarP(&f.out, "out", "o", "plot.png", "picture to write: .png or .svg")
	s.BoolVar(&f.force, "force", false, "replace an existing file")
	f.modelFlags.add(cmd)
	return cmd
}

func (f *plotFlags) run(cmd *cobra.Command, path string) error {
	if f.n < 1 || f.steps < 1 {
		return fmt.Errorf("%d samples in %d steps: want positive numbers", f.n, f.steps)
	}
	method, err := solver.Parse(f.solver)
	if err != nil {
		return err
	}
	if err := absent(f.out, f.force); err != nil {
		return err
	}
	if _, _, err := canvasFor(f.out, 1, 1); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	var plots []*plot.Plot
	var m *runtime.Model
	if info.IsDir() {
		plots, m, err = f.openRun(cmd.Context(), path)
	} else {
		m, err = f.openModel(path)
	}
	if err != nil {
		return err
	}
	draw := func(w io.Writer) error { return writePlots(w, f.out, plots...) }
	if m != nil {
		defer m.Close() //nolint:errcheck // it only frees
		if draw, err = f.samples(cmd.Context(), m, quality.Rule{Method: method, Steps: f.steps}, plots); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	if err := draw(&b); err != nil {
		return err
	}
	return checkpoint.WriteFile(checkpoint.Disk, f.out, b.Bytes())
}

// openRun draws the losses of a run and, if it is finished, opens its model.
func (f *plotFlags) openRun(ctx context.Context, dir string) ([]*plot.Plot, *runtime.Model, error) {
	if _, err := train.ReadConfig(dir); err != nil {
		return nil, nil, err
	}
	lines, err := train.ReadLog(dir)
	if err != nil {
		return nil, nil, err
	}
	plots, err := plotLosses(lines)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", dir, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "weights.safetensors")); err != nil {
		return plots, nil, nil
	}
	model, _, err := train.LoadRun(dir, false)
	if err != nil {
		return nil, nil, err
	}
	file, _, err := export.Velocity(ctx, model, export.Options{
		Checks: export.Checks{Reference: native.Engine{}, Engines: []export.Engine{{Name: "native", Engine: native.Engine{}}}}})
	if err != nil {
		return nil, nil, err
	}
	m, err := runtime.Open(native.Engine{}, file, engine.Options{})
	return plots, m, err
}

func (f *plotFlags) openModel(path string) (*runtime.Model, error) {
	file, err := f.file.read(path)
	if err != nil {
		return nil, err
	}
	return f.open(path, file)
}

// samples draws samples and trajectories beside the plots, or a grid of images alone.
func (f *plotFlags) samples(ctx context.Context, m *runtime.Model, r quality.Rule, plots []*plot.Plot) (func(io.Writer) error, error) {
	spec := m.Spec()
	if spec.Source != flow.NormalSource {
		return nil, errors.New("the model starts from rows of another data set, not from noise; draw its samples with fmtool sample")
	}
	x0 := make([]float32, f.n*spec.Dim())
	noise.New(f.seed, noise.Sampling).Rows(x0, 0, spec.Dim())
	labels := inTurn(spec.Condition, f.n)
	y := tensor.Tensor{}
	if labels != nil {
		y = tensor.Of(labels, f.n)
	}
	p, err := quality.Trajectory(ctx, m, x0, y, r)
	if err != nil {
		return nil, err
	}
	for _, x := range p.X {
		spec.Normaliser.Decode(x, x, spec.Dim())
	}
	if len(spec.Dims) == 3 && spec.Dims[0] == 1 && plots == nil {
		if filepath.Ext(f.out) != ".png" {
			return nil, fmt.Errorf("%s: images are drawn as .png", f.out)
		}
		last := p.X[len(p.X)-1][:min(f.n, 100)*spec.Dim()]
		return func(w io.Writer) error { return writeGrid(w, last, spec.Dims[1], spec.Dims[2], 10) }, nil
	}
	if spec.Dim() >= 2 && len(spec.Dims) == 1 {
		more, err := f.planar(spec, p, labels)
		if err != nil {
			return nil, err
		}
		plots = append(plots, more...)
	}
	if plots == nil {
		return nil, fmt.Errorf("samples of dimensions %v make no picture; want images [1 H W], points of two columns or more, or a run with losses", spec.Dims)
	}
	return func(w io.Writer) error { return writePlots(w, f.out, plots...) }, nil
}

// planar are the plots of data, samples and trajectories in the first two columns.
func (f *plotFlags) planar(spec flow.Spec, p metric.Path, labels []int64) ([]*plot.Plot, error) {
	names := append(append([]string{}, spec.Columns...), "x", "y")[:2]
	var plots []*plot.Plot
	if f.beside != "" {
		real, err := data.Load(f.beside, data.Options{Columns: spec.Columns})
		if err != nil {
			return nil, err
		}
		if real.Dim() != spec.Dim() {
			return nil, fmt.Errorf("--beside %s: rows of %d numbers, samples of %d", f.beside, real.Dim(), spec.Dim())
		}
		rows := real.Rows[:min(real.Len(), f.n)*real.Dim()]
		if real.Labels != nil {
			real.Labels = real.Labels[:min(real.Len(), f.n)]
		}
		plots = append(plots, plotPoints(fmt.Sprintf("data (%d)", len(rows)/real.Dim()), rows, real.Dim(), real.Labels, names))
	}
	last := p.X[len(p.X)-1]
	plots = append(plots, plotPoints(fmt.Sprintf("samples (%d)", f.n), last, p.Dim, labels, names))
	frame(plots, planes(last, p.Dim))
	return append(plots, plotTrajectories(p, labels, names)), nil
}

// inTurn asks for each class in turn; nil without classes.
func inTurn(c flow.Condition, n int) []int64 {
	if c.Kind != flow.Labels {
		return nil
	}
	labels := make([]int64, n)
	for i := range labels {
		labels[i] = int64(i % c.Classes)
	}
	return labels
}
