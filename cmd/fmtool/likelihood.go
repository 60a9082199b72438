package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/solver"
	"fmtool/train/checkpoint"
	"fmtool/train/data"
)

// divergenceFlags choose how a divergence is had.
type divergenceFlags struct {
	probes, kind string
}

func (f *divergenceFlags) add(cmd *cobra.Command) {
	s := cmd.Flags()
	s.StringVar(&f.probes, "probes", "exact", "exact divergence, or the number of Hutchinson's probes that estimate it")
	s.StringVar(&f.kind, "probe-kind", "rademacher", "probes of rademacher (±1) or gaussian numbers")
}

// check refuses the flags where no log-density is asked for, by the flag of the given name.
func (f *divergenceFlags) check(given func(name string) bool, asking string, asked bool) error {
	for _, name := range []string{"probes", "probe-kind"} {
		if !asked && given(name) {
			return fmt.Errorf("--%s is for log-densities; add --%s", name, asking)
		}
	}
	if !asked {
		return nil
	}
	for _, c := range []struct{ name, why string }{
		{"sde", "a stochastic sampler has no flow to follow"}, {"guidance", "guided samples follow another field than the model's"},
		{"schedule", "it is computed along the model's own path"}, {"source", "it needs samples that start at noise"},
	} {
		if given(c.name) {
			return fmt.Errorf("--%s and --%s exclude each other: %s", asking, c.name, c.why)
		}
	}
	return nil
}

func (f *divergenceFlags) parse(seed uint64) (runtime.Divergence, error) {
	d := runtime.Divergence{Gaussian: f.kind == "gaussian", Seed: seed}
	if f.kind != "gaussian" && f.kind != "rademacher" {
		return d, flow.Unknown("probe kind", f.kind, []string{"rademacher", "gaussian"})
	}
	if f.probes == "exact" {
		return d, nil
	}
	n, err := strconv.Atoi(f.probes)
	if err != nil || n < 1 {
		return d, fmt.Errorf("--probes %s: want exact or a positive number", f.probes)
	}
	d.Probes = n
	return d, nil
}

type likelihoodFlags struct {
	modelFlags
	given      givenFlags
	divergence divergenceFlags
	adaptive   adaptiveFlags
	l          runtime.Likelihood
	solver     string
	seed       uint64
	dequantise float64
	float64    bool
	out        string
	force      bool
	asJSON     bool
}

func likelihoodCommand() *cobra.Command {
	f := &likelihoodFlags{}
	cmd := &cobra.Command{
		Use:   "likelihood MODEL.onnx DATA",
		Short: "Compute the log-density of given data under a model",
		Long: `Compute log p of each row of DATA, in nats and in data units, by following the flow in reverse with the divergence of the
velocity. The divergence is exact, or an estimate by probes whose standard error is reported. A conditional model is given the classes or numbers of the
data where they have them. Columns that were constant in training are left out. Values of a grid, such as grey levels, have no density: --dequantise
WIDTH spreads each over its bin by uniform noise, and bits per number are then a bound for the grid's values. Use enough steps: twice as many should change nothing that matters.`,
		Example: `  fmtool likelihood model.onnx moons:n=1000 --data-seed 1
  fmtool likelihood digits.onnx digits --dequantise 1 --probes 16 --steps 50
  fmtool likelihood model.onnx flowers.csv --label species -o densities.csv`,
		Args: cobra.ExactArgs(2),
		RunE: f.guard(func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0], args[1]) }),
	}
	s := cmd.Flags()
	s.StringVar(&f.solver, "solver", "rk4", strings.Join(solver.Names(), ", ")+
		"; bosh3 and dopri5 choose the steps of each row, unless --steps is given")
	s.IntVar(&f.l.Steps, "steps", 100, "steps of the solver")
	s.IntVar(&f.l.Batch, "batch", 256, "rows at a time; changes no result")
	s.Uint64Var(&f.seed, "seed", 0, "seed of probes and dequantisation")
	s.Float64Var(&f.dequantise, "dequantise", 0, "distance between the values of the data, 0 for continuous data")
	s.BoolVar(&f.float64, "float64", false, "compute in float64, for reference (--engine native only)")
	s.StringVarP(&f.out, "out", "o", "", "file for the log-density of each row: .csv or .npy")
	s.BoolVar(&f.asJSON, "json", false, "print the report as JSON")
	s.BoolVar(&f.force, "force", false, "replace an existing file")
	f.adaptive.addTolerances(cmd)
	f.divergence.add(cmd)
	f.given.add(cmd)
	f.modelFlags.add(cmd)
	return cmd
}

func (f *likelihoodFlags) run(cmd *cobra.Command, path, source string) error {
	d, err := f.check(cmd.Flags().Changed)
	if err != nil {
		return err
	}
	file, spec, err := f.read(path)
	if err != nil {
		return err
	}
	set, y, err := f.given.load(spec, source)
	if err != nil {
		return err
	}
	f.engines.options.MaxBatch, f.engines.options.Float64 = min(set.Len(), f.l.Batch), f.float64
	m, err := f.modelFlags.divergence(path, file, d)
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // it only frees
	if f.dequantise > 0 {
		runtime.Dequantise(set.Rows, set.Dim(), f.dequantise, f.seed, 0)
	}
	f.l.Field, f.l.Progress = m, sampleProgress(cmd.ErrOrStderr())
	found, err := f.l.Data(cmd.Context(), tensor.Of(set.Rows, set.Len(), set.Dim()), y)
	if err != nil {
		return err
	}
	if f.out != "" {
		var b bytes.Buffer
		if err := writeDensities(&b, f.out, found); err != nil {
			return err
		}
		if err := checkpoint.WriteFile(checkpoint.Disk, f.out, b.Bytes()); err != nil {
			return err
		}
	}
	return f.report(cmd.OutOrStdout(), spec, found)
}

// check settles the flags before anything is computed.
func (f *likelihoodFlags) check(given func(name string) bool) (d runtime.Divergence, err error) {
	if f.l.Steps < 1 || f.l.Batch < 1 || !(f.dequantise >= 0) {
		return d, fmt.Errorf("%d steps, %d rows at a time, bins of %g: want positive numbers", f.l.Steps, f.l.Batch, f.dequantise)
	}
	if f.float64 && f.engines.name != "native" {
		return d, errors.New("--float64 is the native engine's; add --engine native")
	}
	if ext := filepath.Ext(f.out); f.out != "" && ext != ".csv" && ext != ".npy" {
		return d, fmt.Errorf("%s: want a name that ends in .csv or .npy", f.out)
	}
	if f.out != "" {
		if err := absent(f.out, f.force); err != nil {
			return d, err
		}
	}
	if f.l.Method, err = solver.Parse(f.solver); err != nil {
		return d, err
	}
	if f.l.Adaptive, err = f.adaptive.check(given, f.l.Method); err != nil {
		return d, err
	}
	return f.divergence.parse(f.seed)
}

// densityReport is what the command found.
type densityReport struct {
	Rows        int      `json:"rows"`
	Mean        float64  `json:"mean_log_density"`       // nats
	Err         *float64 `json:"standard_error"`         // of the mean; null for one row
	ProbeErr    *float64 `json:"probe_error,omitempty"`  // the part of it that the probes have
	BitsPerDim  *float64 `json:"bits_per_dim,omitempty"` // of dequantised data
	Divergence  string   `json:"divergence"`             // exact, or the probes
	Evaluations int      `json:"evaluations"`            // for each row
	Time        float64  `json:"time"`                   // up to which the model was trained
}

func (f *likelihoodFlags) report(w io.Writer, spec flow.Spec, d runtime.Densities) error {
	mean, spread := d.Mean()
	r := densityReport{Rows: len(d.Log), Mean: mean, Evaluations: d.Evaluations, Divergence: f.divergence.probes, Time: spec.TimeMax}
	if len(d.Log) > 1 {
		r.Err = &spread
	}
	if f.divergence.probes != "exact" {
		r.Divergence += " probes, " + f.divergence.kind
		if e := d.ProbeErr(); !math.IsNaN(e) {
			r.ProbeErr = &e
		}
	}
	if f.dequantise > 0 {
		bits := runtime.BitsPerDim(mean, spec, f.dequantise)
		r.BitsPerDim = &bits
	}
	if f.asJSON {
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return out.Encode(r)
	}
	text := fmt.Sprintf("mean log-density of %d rows: %.4f", r.Rows, r.Mean)
	if r.Err != nil {
		text += fmt.Sprintf(" ± %.4f", *r.Err)
	}
	text += " nats"
	if r.ProbeErr != nil {
		text += fmt.Sprintf(", ± %.4f of it from the probes", *r.ProbeErr)
	}
	text += fmt.Sprintf(" (divergence: %s; %d evaluations a row)\n", r.Divergence, r.Evaluations)
	if r.BitsPerDim != nil {
		text += fmt.Sprintf("bits per number, at most: %.4f (bins of %g)\n", *r.BitsPerDim, f.dequantise)
	}
	if r.Time < 1 {
		text += fmt.Sprintf("the model was trained up to t = %g: the density is that of its samples, which hold the last velocity from there on\n",
			r.Time)
	}
	_, err := io.WriteString(w, text)
	return err
}

// writeDensities writes the log-densities, beside their errors where they are estimated: columns of a CSV, or [N] or [N, 2].
func writeDensities(w io.Writer, name string, d runtime.Densities) error {
	columns, header := [][]float64{d.Log}, []string{logDensity}
	if d.Err != nil {
		columns, header = append(columns, d.Err), append(header, "standard_error")
	}
	if filepath.Ext(name) == ".npy" {
		shape := []int{len(d.Log), len(columns)}[:len(columns)]
		numbers := make([]float32, 0, len(d.Log)*len(columns))
		for i := range d.Log {
			for _, c := range columns {
				numbers = append(numbers, float32(c[i]))
			}
		}
		return data.WriteNPY(w, numbers, shape...)
	}
	out := csv.NewWriter(w)
	records := [][]string{header}
	for i := range d.Log {
		var r []string
		for _, c := range columns {
			r = append(r, strconv.FormatFloat(c[i], 'g', -1, 64))
		}
		records = append(records, r)
	}
	return out.WriteAll(records)
}

// logDensity is the name of the column.
const logDensity = "log_density"
