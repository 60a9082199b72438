package export

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/runtime/solver"
)

// recipe is how one kind of graph is made.
type recipe struct {
	kind    flow.Kind
	profile onnx.Profile   // the widest that can say it
	method  solver.Tableau // of its steps, unless Options say another; zero: it takes none
	build   func(*models.Model, Options) (*graph.Graph, error)
	usage   func(flow.Spec, Options) string // the doc string
}

// recipes are the graphs that leave.
var recipes = []recipe{
	{flow.VelocityKind, onnx.Wide, solver.Tableau{}, velocityGraph, velocityUsage},
	{flow.SamplerKind, onnx.Wide, solver.Euler, samplerGraph, samplerUsage},
	{flow.SampleKind, onnx.Seeded, solver.Euler, sampleGraph, sampleUsage},
	{flow.LogProbKind, onnx.Wide, solver.RK4, logProbGraph, logProbUsage},
	{flow.TrainStepKind, onnx.Wide, solver.Tableau{}, stepGraph, stepUsage},
}

// solves says that the graph takes steps.
func (r recipe) solves() bool { return r.method.B != nil }

// Graphs are the names of the graphs that leave.
func Graphs() []string {
	var names []string
	for _, r := range recipes {
		names = append(names, string(r.kind))
	}
	return names
}

// File returns the bytes of a file with one of the model's Graphs; see Velocity, Sampler, Sample, LogProb and TrainStep.
func File(ctx context.Context, name string, m *models.Model, o Options) ([]byte, Report, error) {
	for _, r := range recipes {
		if string(r.kind) == name {
			return r.checked(ctx, m, o)
		}
	}
	return nil, Report{}, fmt.Errorf("export: %w", flow.Unknown("graph", name, Graphs()))
}

// ProfileOf is the version of the format that File writes a graph in.
func ProfileOf(name string, o Options) onnx.Profile {
	for _, r := range recipes {
		if string(r.kind) == name && o.Profile == (onnx.Profile{}) {
			return r.profile
		}
	}
	return o.Profile
}

// checked is the file after its check.
func (r recipe) checked(ctx context.Context, m *models.Model, o Options) ([]byte, Report, error) {
	if len(o.Engines) == 0 {
		return nil, Report{}, fmt.Errorf("export: no engine to check the file on")
	}
	file, err := r.file(m, &o)
	if err != nil {
		return nil, Report{}, err
	}
	d, err := describe(file)
	if err != nil {
		return nil, Report{}, err
	}
	field, err := models.VelocityGraph(m)
	if err != nil {
		return nil, Report{}, err
	}
	d.trained = m.Weights
	report, err := d.verify(ctx, o.Checks, field)
	if err != nil {
		return nil, report, err
	}
	if err := report.Err(); err != nil {
		return nil, report, fmt.Errorf("%w; nothing is exported", err)
	}
	return file, report, nil
}

// file is the file before its check.
func (r recipe) file(m *models.Model, o *Options) ([]byte, error) {
	if err := r.complete(m.Spec, o); err != nil {
		return nil, err
	}
	g, err := r.build(m, *o)
	if err != nil {
		return nil, err
	}
	meta, err := r.metadata(m, *o)
	if err != nil {
		return nil, err
	}
	file, err := onnx.FromGraph(g, o.Profile, meta)
	if err != nil {
		return nil, err
	}
	file.DocString = r.usage(m.Spec, *o)
	if err := seal(file); err != nil {
		return nil, err
	}
	if err := file.Check(); err != nil {
		return nil, fmt.Errorf("export: the file would not be valid: %w", err)
	}
	return file.Marshal(), nil
}

// complete fills in the options that are left open and refuses those that say nothing to the graph.
func (r recipe) complete(s flow.Spec, o *Options) (err error) {
	switch {
	case !r.solves() && (o.Solver.B != nil || o.Unroll != 0 || o.Adaptive):
		return fmt.Errorf("export: a %s takes no steps and has no solver; leave both out, or export a %s", r.kind, flow.SamplerKind)
	case o.Solver.Past != 0:
		return fmt.Errorf("export: %s looks back at the step before, which no graph keeps; take a Runge–Kutta method such as midpoint or heun", o.Solver.Name)
	case r.kind != flow.LogProbKind && o.Divergence != "":
		return fmt.Errorf("export: a %s has no divergence to choose; leave it out, or export a %s", r.kind, flow.LogProbKind)
	case o.Unroll < 0 || o.Unroll > maxUnrolled:
		return fmt.Errorf("export: %d unrolled steps, want 1 to %d, or 0 for a Loop that takes any number", o.Unroll, maxUnrolled)
	}
	if o.Adaptive && (o.Solver.B != nil || o.Unroll != 0) {
		return fmt.Errorf("export: an adaptive solver has its own method, %s, and chooses its steps; leave solver and number of steps out", bosh3.Name)
	}
	if o.Solver.B == nil {
		o.Solver = r.method
	}
	if o.Profile == (onnx.Profile{}) {
		o.Profile = r.profile
	}
	if r.kind == flow.LogProbKind {
		o.Divergence, err = o.divergenceOf(s)
	}
	return err
}

// metadata is what the file says about itself: the model's spec, the graph's settings, the training facts, the architecture and the check.
func (r recipe) metadata(m *models.Model, o Options) (map[string]string, error) {
	meta := m.VelocitySpec().Metadata() // the graphs convert what the network predicts
	switch {
	case r.kind == flow.TrainStepKind: // which trains it
		meta = o.Step.metadata(m)
	case m.Spec.Prediction != flow.Velocity:
		meta[keyNetwork] = m.Spec.Prediction.String()
	}
	maps.Copy(meta, r.settings(o))
	arch, err := json.Marshal(struct {
		Kind     string              `json:"kind"`
		Settings models.Architecture `json:"settings"`
	}{m.Arch.Kind(), m.Arch})
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	bound, against := o.bound(m.Spec, m.Spec.Prediction != flow.Velocity), "forward pass"
	switch {
	case r.solves():
		bound, against = solvedTolerance, "solver"
	case r.kind == flow.TrainStepKind:
		bound, against = o.stepBound(m.Spec), "step, each part relative to its largest number"
	}
	names := make([]string, len(o.Engines))
	for i, e := range o.Engines {
		names[i] = e.Name
	}
	maps.Copy(meta, map[string]string{
		keyArchitecture: string(arch),
		keyParameters:   strconv.Itoa(m.Parameters()),
		keyRuntime:      o.Profile.Runtime,
		keyParity:       fmt.Sprintf("%s: max|difference|/max(1, max|value|) <= %g against a float64 %s", strings.Join(names, ", "), bound, against),
	})
	for key, fact := range o.Facts {
		if !strings.HasPrefix(key, flow.Prefix) {
			return nil, fmt.Errorf("export: training fact %q: its key must begin with %s", key, flow.Prefix)
		}
		if have, ok := meta[key]; ok && have != fact {
			return nil, fmt.Errorf("export: training fact %s = %q contradicts the model's %q", key, fact, have)
		}
		meta[key] = fact
	}
	return meta, nil
}

// settings is what the graph adds to the spec.
func (r recipe) settings(o Options) map[string]string {
	meta := map[string]string{flow.Prefix + "kind": string(r.kind)}
	if o.Guidance {
		meta[keyGuidance] = "input"
	}
	if r.solves() {
		meta[keySolver] = o.Solver.Name
	}
	if o.Divergence != "" {
		meta[keyDivergence] = o.Divergence
	}
	if o.Adaptive {
		meta[keySolver], meta[keyAdaptive] = bosh3.Name, "true"
	}
	if o.Unroll > 0 {
		meta[keySteps] = strconv.Itoa(o.Unroll)
	}
	return meta
}
