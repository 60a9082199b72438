package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/train/checkpoint"
	"fmtool/train/data"
)

type sampleFlags struct {
	modelFlags
	drawFlags
	logProb  logProbFlags
	adaptive adaptiveFlags
	s        runtime.Sampler
	n        int
	perClass int
	class    string
	given    []float64
	solver   string
	source   string
	out      string
	beside   string
	force    bool
}

func sampleCommand() *cobra.Command {
	f := &sampleFlags{}
	cmd := &cobra.Command{
		Use:   "sample MODEL.onnx",
		Short: "Draw samples from an exported model",
		Long: `Draw samples: noise of the seed, Euler steps x += u(x, t)/n at t = 0, 1/n, …, (n−1)/n, back to data units. The solvers bosh3 and dopri5 choose
the steps of each row by --rtol and --atol, unless --steps is given. Row k of a seed is the same
whatever the batch, the number of rows or the machine. The file is all that is needed. Without -o the samples go to standard output as CSV;
-o takes .csv, .npy or .png (a grid for images, a scatter plot in two dimensions).`,
		Example: `  fmtool sample model.onnx -n 64 --steps 50
  fmtool sample digits.onnx --per-class 10 -o digits.png
  fmtool sample quakes.onnx -n 1707 --beside earthquakes.csv -o quakes.png`,
		Args: cobra.ExactArgs(1),
		RunE: f.guard(func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) }),
	}
	s := cmd.Flags()
	s.IntVarP(&f.n, "n", "n", 16, "number of samples")
	s.IntVar(&f.perClass, "per-class", 0, "samples of each class, in order, instead of -n")
	s.StringVar(&f.class, "class", "", "class of all samples, by name, or by number where classes have no names (default: none)")
	s.Float64SliceVar(&f.given, "condition", nil, "numbers that all samples are conditioned on, for a model trained with --condition (default: none)")
	s.IntVar(&f.s.Steps, "steps", 100, "steps of the solver; with bosh3 and dopri5, given, it stands in place of a tolerance")
	s.StringVar(&f.solver, "solver", "euler", strings.Join(methods(), ", ")+" or ab2")
	s.Float64SliceVar(&f.s.Times, "times", nil, "times between which to step, from 0 to 1, in place of --steps and --grid")
	s.StringVar(&f.source, "source", "", "data set whose rows, from --offset on, are x0, in data units; for a model trained with --source or --pairs")
	s.Uint64Var(&f.s.Seed, "seed", 0, "seed of the noise")
	s.Uint64Var(&f.s.Offset, "offset", 0, "number of the first row, to cut a job into shards")
	s.IntVar(&f.s.Batch, "batch", 1024, "rows at a time; changes no result")
	s.StringVarP(&f.out, "out", "o", "", "file to write: .csv, .npy or .png")
	s.StringVar(&f.beside, "beside", "", "data set to draw left of a scatter plot")
	s.BoolVar(&f.force, "force", false, "replace an existing file")
	f.adaptive.add(cmd)
	f.drawFlags.add(cmd)
	f.logProb.add(cmd)
	f.modelFlags.add(cmd)
	return cmd
}

func (f *sampleFlags) run(cmd *cobra.Command, path string) error {
	if f.out != "" {
		if err := absent(f.out, f.force); err != nil {
			return err
		}
	}
	if err := f.logProb.check(cmd.Flags().Changed, f.out); err != nil {
		return err
	}
	file, spec, err := f.read(path)
	if err != nil {
		return err
	}
	if err := f.sde.method(&f.s, f.solver, cmd.Flags().Changed("solver"), spec); err != nil {
		return err
	}
	if f.s.Adaptive, err = f.adaptive.check(cmd.Flags().Changed, f.s.Method); err != nil {
		return err
	}
	if err := f.count(spec, cmd.Flags().Changed("n"), cmd.Flags().Changed("per-class")); err != nil {
		return err
	}
	given, err := f.adaptive.rows(spec)
	if err != nil {
		return err
	}
	if given != nil {
		f.n = given.Len()
	}
	y, err := f.condition(spec)
	if err == nil {
		err = checkNone(spec, y)
	}
	if err != nil {
		return err
	}
	if given == nil {
		if f.s.Source, err = f.start(spec); err != nil {
			return err
		}
	}
	write, err := f.writer(spec)
	if err != nil {
		return err
	}
	if err := f.checkWay(spec); err != nil {
		return err
	}
	f.engines.options.MaxBatch = min(f.n, f.s.Batch)
	m, err := f.open(path, file)
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // it only frees
	if f.s.Field, err = f.path(m); err != nil {
		return err
	}
	if f.s.Grid, err = f.steps(f.s.Field.Spec()); err != nil {
		return err
	}
	if f.s.Field, err = f.guidance.field(f.s.Field, y, f.s.Steps, f.n, f.s.Offset); err != nil {
		return err
	}
	f.s.Progress = sampleProgress(cmd.ErrOrStderr())
	set, err := f.set(cmd, file, spec, y, given)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := write(&b, set); err != nil {
		return err
	}
	if f.out == "" {
		_, err := cmd.OutOrStdout().Write(b.Bytes())
		return err
	}
	return checkpoint.WriteFile(checkpoint.Disk, f.out, b.Bytes())
}

// set is what is written: the samples, beside their log-densities if these are asked for, or their way.
func (f *sampleFlags) set(cmd *cobra.Command, file []byte, spec flow.Spec, y tensor.Tensor, given *data.Set) (*data.Set, error) {
	if f.adaptive.trajectory {
		return f.way(cmd.Context(), spec, y)
	}
	samples := tensor.New(tensor.Float32, f.n, spec.Dim())
	logs, err := f.draw(cmd, file, samples, y, given)
	if err != nil {
		return nil, err
	}
	set := &data.Set{Rows: samples.Float32(), Dims: spec.Dims, Columns: spec.Columns}
	if spec.Condition.Kind == flow.Labels && !y.IsZero() {
		set.Labels, set.Classes = y.Int64(), spec.Condition.Names
	}
	return beside(set, spec, logs), nil
}

// maxNumbers is how many numbers, 32 GiB of them, one job holds in memory.
const maxNumbers = 1 << 33

// count settles and checks the number of samples, which --per-class sets.
func (f *sampleFlags) count(spec flow.Spec, n, perClass bool) error {
	if f.n < 1 || f.s.Steps < 1 || f.s.Batch < 1 || perClass && f.perClass < 1 {
		return fmt.Errorf("%d samples (%d of each class) in %d steps, %d at a time: want positive numbers", f.n, f.perClass, f.s.Steps, f.s.Batch)
	}
	if perClass && (n || f.class != "") {
		return errors.New("--per-class and -n or --class exclude each other")
	}
	if perClass && spec.Condition.Kind != flow.Labels {
		return errors.New("the model has no classes; leave --per-class out")
	}
	each, classes := f.n, 1
	if perClass {
		each, classes = f.perClass, spec.Condition.Classes
	}
	if most := maxNumbers / max(spec.Dim(), spec.Condition.Width) / classes; each > most {
		return fmt.Errorf("%d samples are too many at once, want at most %d: draw them in shards with --offset", each, most)
	}
	f.n = each * classes
	return nil
}

// condition is the label or the numbers of each sample.
func (f *sampleFlags) condition(spec flow.Spec) (tensor.Tensor, error) {
	c := spec.Condition
	if f.given != nil {
		return f.vector(c)
	}
	if f.class == "" && f.perClass == 0 {
		return tensor.Tensor{}, nil
	}
	if c.Kind != flow.Labels {
		return tensor.Tensor{}, errors.New("the model has no classes; leave --class out")
	}
	if f.perClass > 0 {
		labels := make([]int64, f.n)
		for i := range labels {
			labels[i] = int64(i / f.perClass)
		}
		return tensor.Of(labels, f.n), nil
	}
	for k := range c.Classes {
		if f.class == strconv.Itoa(k) && c.Names == nil || c.Names != nil && c.Names[k] == f.class {
			return tensor.Full(int64(k), f.n), nil
		}
	}
	if c.Names != nil {
		return tensor.Tensor{}, flow.Unknown("class", f.class, c.Names)
	}
	return tensor.Tensor{}, fmt.Errorf("class %s: want 0 to %d", f.class, c.Classes-1)
}

// vector is the given numbers for every sample.
func (f *sampleFlags) vector(c flow.Condition) (tensor.Tensor, error) {
	if c.Kind != flow.Vector || len(f.given) != c.Width || f.class != "" || f.perClass > 0 {
		return tensor.Tensor{}, fmt.Errorf("--condition gives %d numbers; the model is conditioned on %s (%d numbers, %d classes)", len(f.given), c.Kind, c.Width, c.Classes)
	}
	for _, v := range f.given {
		if !(math.Abs(v) <= math.MaxFloat32) {
			return tensor.Tensor{}, fmt.Errorf("--condition %g is not a finite number in float32", v)
		}
	}
	rows := make([]float32, 0, f.n*c.Width)
	for range f.n {
		for _, v := range f.given {
			rows = append(rows, float32(v))
		}
	}
	return tensor.Of(rows, f.n, c.Width), nil
}

// writer is the form that the output's name asks for, refused before anything is computed if it cannot be.
func (f *sampleFlags) writer(spec flow.Spec) (func(io.Writer, *data.Set) error, error) {
	if f.beside != "" && filepath.Ext(f.out) != ".png" {
		return nil, errors.New("--beside draws into a picture; add -o FILE.png")
	}
	switch ext := filepath.Ext(f.out); {
	case f.out == "" || ext == ".csv":
		return data.WriteCSV, nil
	case ext == ".npy":
		return func(w io.Writer, s *data.Set) error {
			return data.WriteNPY(w, s.Rows, append([]int{s.Len()}, s.Dims...)...)
		}, nil
	case ext == ".png" && len(spec.Dims) == 3 && spec.Dims[0] == 1:
		if f.beside != "" {
			return nil, errors.New("--beside draws beside points in two dimensions, not beside images; leave it out")
		}
		perRow := 10
		if f.perClass > 0 {
			perRow = f.perClass
		}
		return func(w io.Writer, s *data.Set) error { return writeGrid(w, s.Rows, s.Dims[1], s.Dims[2], perRow) }, nil
	case ext == ".png" && spec.Dim() == 2:
		return f.scatter(spec)
	case ext == ".png":
		return nil, fmt.Errorf("%s: samples of dimensions %v make no picture; want images [1 H W] or points [2]", f.out, spec.Dims)
	}
	return nil, fmt.Errorf("%s: want a name that ends in .csv, .npy or .png", f.out)
}

func (f *sampleFlags) scatter(spec flow.Spec) (func(io.Writer, *data.Set) error, error) {
	labels := append(append([]string{}, spec.Columns...), "x", "y")[:2]
	var panels []panel
	if f.beside != "" {
		real, err := data.Load(f.beside, data.Options{Columns: spec.Columns})
		if err != nil {
			return nil, err
		}
		if real.Dim() != 2 {
			return nil, fmt.Errorf("--beside %s: rows of %d numbers, the samples are points in 2 dimensions", f.beside, real.Dim())
		}
		panels = append(panels, panel{fmt.Sprintf("data (%d)", real.Len()), real.Rows})
	}
	return func(w io.Writer, s *data.Set) error {
		return writeScatter(w, append(panels, panel{fmt.Sprintf("samples (%d)", s.Len()), s.Rows}), labels[0], labels[1])
	}, nil
}

// sampleProgress prints how far long work is, on a terminal.
func sampleProgress(w io.Writer) func(done, total int) {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	start, last := time.Now(), time.Now()
	return func(done, total int) {
		if time.Since(last) < 2*time.Second {
			return
		}
		last = time.Now()
		left := time.Duration(float64(time.Since(start)) / float64(done) * float64(total-done))
		fmt.Fprintf(f, "%.0f %%, %s left\n", 100*float64(done)/float64(total), left.Round(time.Second))
	}
}
