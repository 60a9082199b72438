package export

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/solver"
)

// The files of a bundle beside its graphs, their test data and the state of a training step.
const (
	manifestName = "manifest.json"
	weightsName  = "weights.safetensors"
	reportName   = "verify.json"
	cardName     = "MODEL_CARD.md"
	loaderName   = "fm_load.py"
)

// Bundle makes all that leaves of a model and hands each file to add, by a slash-separated name: every graph it has, checked as File checks it; test data for
// each; the weights once more, by the names of the graphs' initialisers; what the checks found; a model card; the Python program that loads all this; and last
// manifest.json, which describes the graphs and has the SHA-256 of every other file. Options.Solver is the method of the graphs that sample, Options.Guidance
// puts guidance into all that take steps; apart puts the weights of each graph that has any into a file beside it, as those over onnx.MaxInside are whatever else. The same
// model gives the same bytes. After an error the files handed over are of no use.
func Bundle(ctx context.Context, m *models.Model, o Options, apart bool, add func(name string, b []byte) error) (*Manifest, Report, error) {
	w := &bundler{m: m, o: o, apart: apart, add: add, manifest: &Manifest{Format: bundleFormat, Absent: map[string]string{}, Files: map[string]FileSum{}, Training: map[string]string{}}}
	maps.Copy(w.manifest.Training, o.Facts)
	if o.Unroll != 0 || o.Adaptive || o.Profile != (onnx.Profile{}) || o.Divergence != "" {
		return nil, Report{}, fmt.Errorf("export: a bundle holds each graph in its plain form; export those of other forms into files of their own")
	}
	for _, r := range recipes {
		if why := r.missing(m, o); why != "" {
			w.manifest.Absent[string(r.kind)] = why
			continue
		}
		if err := w.graph(ctx, r); err != nil {
			return nil, w.report, err
		}
	}
	return w.manifest, w.report, w.rest()
}

// missing says why the graph cannot be made; "" if it can.
func (r recipe) missing(m *models.Model, o Options) string {
	switch r.kind {
	case flow.SampleKind, flow.LogProbKind:
		if m.Spec.Source == flow.DataSource {
			return "the model starts at rows of a data set, not at noise"
		}
	case flow.TrainStepKind:
		if o.Step == nil {
			return "the training that the model comes from was not given"
		}
	}
	return ""
}

// options are those of a bundle that say something to the graph.
func (r recipe) options(o Options) Options {
	if r.kind != flow.SamplerKind && r.kind != flow.SampleKind {
		o.Solver = solver.Tableau{}
	}
	o.Guidance = o.Guidance && r.solves()
	return o
}

// bundler hands out the files of a bundle and keeps account.
type bundler struct {
	m        *models.Model
	o        Options
	apart    bool
	add      func(string, []byte) error
	manifest *Manifest
	report   Report
}

// put hands out a file.
func (w *bundler) put(name string, b []byte) error {
	w.manifest.Files[name] = SumOf(b)
	return w.add(name, b)
}

// graph adds one graph, its weights and state where they are apart, and its test data.
func (w *bundler) graph(ctx context.Context, r recipe) error {
	file, report, err := r.checked(ctx, w.m, r.options(w.o))
	if err != nil {
		return err
	}
	w.report.Add(report.Of(string(r.kind) + ".onnx"))
	g, model, err := graphOf(file, string(r.kind))
	if err != nil {
		return err
	}
	w.manifest.Model = *model
	inside := file
	if w.apart && r.kind != flow.TrainStepKind || len(file) > onnx.MaxInside { // a training step has no weights in its file
		g.Weights = g.File + ".data"
		var data []byte
		if inside, data, err = Split(file, g.Weights); err != nil {
			return err
		}
		if err := w.put(g.Weights, data); err != nil {
			return err
		}
	}
	if err := w.put(g.File, inside); err != nil {
		return err
	}
	if r.kind == flow.TrainStepKind {
		g.State = g.Name + ".safetensors"
		g.Weights = g.State
		if err := w.weights(g.State, w.o.Step.State, w.o.Step.Settings); err != nil {
			return err
		}
	}
	if g.Test, err = w.test(ctx, file, report); err != nil {
		return err
	}
	w.manifest.Graphs = append(w.manifest.Graphs, *g)
	return nil
}

// test adds a graph's test data.
func (w *bundler) test(ctx context.Context, file []byte, report Report) (*TestData, error) {
	d, err := describe(file)
	if err != nil {
		return nil, err
	}
	d.trained = w.m.Weights
	set, err := d.testSet(ctx, w.o.Checks)
	if err != nil {
		return nil, fmt.Errorf("export: test data of %s: %w", d.kind, err)
	}
	t := &TestData{Folder: string(d.kind) + "/test_data_set_0", Tolerance: report.Rows[0].Tolerance, Scales: set.scales}
	for _, row := range report.Rows {
		t.Tolerance = min(t.Tolerance, row.Tolerance)
	}
	for i, v := range set.in {
		if err := w.put(t.file("input", i), v.Marshal()); err != nil {
			return nil, err
		}
	}
	for i, v := range set.out {
		if err := w.put(t.file("output", i), v.Marshal()); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// rest adds what follows from the graphs.
func (w *bundler) rest() error {
	file, err := w.m.Encode(nil, w.o.Facts)
	if err != nil {
		return err
	}
	report, err := indented(w.report)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		b    []byte
	}{{weightsName, file}, {reportName, report}, {loaderName, []byte(PythonLoad())}, {cardName, []byte(w.manifest.card(w.report))}} {
		if err := w.put(f.name, f.b); err != nil {
			return err
		}
	}
	text, err := indented(w.manifest)
	if err != nil {
		return err
	}
	return w.add(manifestName, text)
}

// weights adds a safetensors file.
func (w *bundler) weights(name string, tensors map[string]tensor.Tensor, meta map[string]string) error {
	var b bytes.Buffer
	if err := models.WriteWeights(&b, tensors, meta); err != nil {
		return err
	}
	return w.put(name, b.Bytes())
}

// indented is JSON for people, ending in a new line.
func indented(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return b.Bytes(), nil
}
