package export

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
)

// Engine is one that a file is checked on, under the name of reports.
type Engine struct {
	Name    string
	Library string // version of its library, for reports
	Engine  engine.Engine
	Options engine.Options
}

// Checks are what a file is compared on: every engine against a forward pass in float64.
type Checks struct {
	Reference engine.Engine // opened with Options.Float64: the native one
	Engines   []Engine
	Tolerance float64 // of one evaluation; 0: from the model
	Batches   []int   // numbers of rows to try; nil: 1, 7, 64, and fewer for graphs that solve
	Edited    bool    // what differs from the export was changed on purpose: a note, not a fault
	Bisect    bool    // name the first layer beyond its share, by a debug graph that gives the results of all
	Sampled   int     // number of samples whose distributions are compared too; 0: none

	Model *models.Model     // that was trained, which the file and what it computes are held to; nil: to itself
	Facts map[string]string // of its training, as Options.Facts
}

// The bounds on what engines in float32 may deviate from float64, relative to the largest number or 1.
const (
	// An MLP evaluated in float32 stays within this: onnxruntime's and the native kernels deviate by some 1e-6.
	tolerance = 5e-6
	// It holds for time features with phases up to this, in radians; rounding a larger phase costs proportionally more.
	plainPhase = 8 * math.Pi
	// It is this many times as large where the velocity is converted from another prediction: differences of near numbers, divided by an α or β
	// down to 1/200. Seen on trained models: up to 5.4e-6.
	conversion = 4
	// States agree to this after some hundred evaluations.
	solvedTolerance = 1e-4
)

// solved is the tolerance of states after many evaluations.
func (c Checks) solved() float64 { return max(solvedTolerance, c.Tolerance) }

// rows are the numbers of rows to try.
func (c Checks) rows() []int {
	if len(c.Batches) == 0 {
		return []int{1, 7, 64}
	}
	return c.Batches
}

// bound is the tolerance of one evaluation of a model with that spec, whose network predicts the velocity or is converted.
func (c Checks) bound(s flow.Spec, converted bool) float64 {
	if c.Tolerance > 0 {
		return c.Tolerance
	}
	bound := tolerance * max(1, s.PhaseBound/plainPhase)
	if converted {
		bound *= conversion
	}
	return bound
}

// Verify compares the graph in the bytes of a file that this package wrote, on each engine, with float64, and the file's parts with the digests that
// were written with it. Disagreement is not an error but stands in the report. A file of another kind, or that an engine refuses, is an error; what
// the digests say comes with it.
//
// With Checks.Model the file is compared, part by part, with what that model exports, and its velocity with that of the model.
//
// A velocity field is tried with random x; t = 0, t = 1, one random time for all and a time per row; every condition in turn, none included;
// several batch sizes; and 100 Euler steps, against a forward pass of the file in float64. A graph that samples is tried with several numbers of
// rows and steps, against runtime/solver in float64 on the field that is the file's function velocity, with Go's own noise, normaliser and
// guidance. An unrolled one has no such function; there it is the
// nodes of its first step. A training step is compared with itself in float64 over a few steps.
func Verify(ctx context.Context, file []byte, c Checks) (Report, error) {
	var report Report
	if m, err := onnx.Validate(file, onnx.Limits{}); err == nil {
		report.hold(m, c)
	}
	d, err := describe(file)
	if err != nil {
		return report, err
	}
	field, err := c.holdTo()
	if err != nil {
		return report, err
	}
	if c.Model != nil {
		faults, err := d.heldToRun(c)
		if errors.Is(err, errNoWeights) {
			report.Notes = append(report.Notes, fmt.Sprintf("a %s %v", d.kind, err))
		} else if err != nil {
			return report, err
		}
		report.blame(faults, c)
	}
	found, err := d.verify(ctx, c, field)
	report.Add(found)
	return report, err
}

// hold compares the model with its digests.
func (r *Report) hold(m *onnx.Model, c Checks) {
	faults, sealed := broken(m)
	if !sealed {
		r.Notes = append(r.Notes, "the file has no digests, so nothing here holds its weights to those that were exported")
	}
	r.blame(faults, c)
}

// blame takes in what differs from the export or the run: faults, or notes where the file was changed on purpose.
func (r *Report) blame(faults []Fault, c Checks) {
	if !c.Edited {
		r.Faults = append(r.Faults, faults...)
		return
	}
	for _, f := range faults {
		r.Notes = append(r.Notes, "edited: "+f.Place+" "+f.Says)
	}
}

// verify tries the file on each engine. field is the program of its velocity, nil: look for it in the file.
func (d *described) verify(ctx context.Context, c Checks, field *graph.Graph) (Report, error) {
	trier, ok := triers[d.kind]
	if !ok {
		return Report{}, fmt.Errorf("export: nothing is known to compare a %s with", d.kind)
	}
	trials, err := trier(d, ctx, c, field)
	if err != nil {
		if errors.Is(err, errors.ErrUnsupported) && c.Model == nil {
			err = fmt.Errorf("%w; hold such a file to the model it was made of, on onnxruntime: --run RUN --edited --parity onnxruntime", err)
		}
		return Report{}, fmt.Errorf("export: the float64 reference: %w", err)
	}
	report := Report{Faults: d.faults}
	for _, e := range c.Engines {
		rows, err := e.try(ctx, d.file, trials)
		if err != nil {
			return report, fmt.Errorf("export: %s: %w", e.Name, err)
		}
		report.Rows = append(report.Rows, rows...)
	}
	return report, d.deeper(ctx, c, field, &report)
}

// deeper adds what Checks ask for beside.
func (d *described) deeper(ctx context.Context, c Checks, field *graph.Graph, report *Report) error {
	if c.Bisect {
		b, err := d.debug(c, field)
		if errors.Is(err, errNoLayers) {
			report.Notes = append(report.Notes, fmt.Sprintf("a %s has %v", d.kind, err))
		} else if err != nil {
			return err
		}
		for i := 0; i < len(c.Engines) && b != nil; i++ {
			per := len(report.Rows) / len(c.Engines)
			if err := b.find(ctx, c, c.Engines[i], report.Rows[i*per:(i+1)*per]); err != nil {
				return fmt.Errorf("export: the debug graph on %s: %w", c.Engines[i].Name, err)
			}
		}
	}
	if c.Sampled > 0 {
		rows, err := d.distributions(ctx, c, field)
		if errors.Is(err, errNoSamples) {
			report.Notes = append(report.Notes, fmt.Sprintf("a %s %v", d.kind, err))
		} else if err != nil {
			return err
		}
		report.Rows = append(report.Rows, rows...)
	}
	return nil
}

// triers make the tries of each kind, with the results in float64.
var triers = map[flow.Kind]func(*described, context.Context, Checks, *graph.Graph) ([]trial, error){
	flow.VelocityKind:  (*described).velocityTrials,
	flow.SamplerKind:   (*described).solvedTrials,
	flow.SampleKind:    (*described).solvedTrials,
	flow.LogProbKind:   (*described).logProbTrials,
	flow.TrainStepKind: (*described).stepTrials,
}

// row is one of the engine, before anything is found.
func (e Engine) row(graph string, batch int) Row {
	return Row{Graph: graph, Engine: e.Name, Library: e.Library, Batch: batch, Threads: max(e.Options.Threads, 1)}
}

// try returns a row for each graph and batch of the trials, with the worst of those.
func (e Engine) try(ctx context.Context, file []byte, trials []trial) ([]Row, error) {
	opened, err := e.Engine.Open(file, e.Options)
	if err != nil {
		return nil, err
	}
	defer opened.Close() //nolint:errcheck // it only frees
	p := program{opened, tensor.Float32}
	var rows []Row
	for _, t := range trials {
		got, err := t.run(ctx, p)
		if err != nil {
			return nil, err
		}
		worst, err := t.difference(got.Convert(tensor.Float64).Float64())
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(rows, func(r Row) bool { return r.Graph == t.graph && r.Batch == t.batch })
		if i < 0 {
			i = len(rows)
			rows = append(rows, e.row(t.graph, t.batch))
			rows[i].Tolerance, rows[i].Against = t.tolerance, t.against
		}
		rows[i].Ulps.plus(t.ulps(got.Convert(tensor.Float64).Float64()))
		rows[i].Worst = max(rows[i].Worst, worst)
	}
	return rows, nil
}
