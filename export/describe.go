package export

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/solver"
)

// described is a file that this package wrote and what it says of itself.
type described struct {
	file       []byte
	model      *onnx.Model
	kind       flow.Kind
	spec       flow.Spec
	guided     bool
	adapts     bool                     // a graph that samples chooses its steps
	divergence string                   // of a graph of log-densities
	converted  bool                     // its network predicts another quantity than the velocity
	method     solver.Tableau           // of a graph that samples
	steps      int                      // their fixed number; 0: an input
	trained    map[string]tensor.Tensor // weights to take training steps from; nil: any
	faults     []Fault                  // that making the reference found
}

// describe reads a file's metadata and compares them with its inputs and outputs.
func describe(file []byte) (*described, error) {
	m, err := onnx.Validate(file, onnx.Limits{})
	if err != nil {
		return nil, err
	}
	meta := m.Metadata()
	d := &described{file: file, model: m, guided: meta[keyGuidance] != "", adapts: meta[keyAdaptive] != "",
		divergence: meta[keyDivergence], converted: meta[keyNetwork] != ""}
	if d.kind, err = flow.KindOf(meta); err != nil || d.kind == flow.VelocityKind && !d.guided {
		_, _, err = runtime.Describe(file)
	}
	if err == nil {
		d.spec, err = flow.ParseSpec(meta)
	}
	if err == nil && d.solves() && !d.adapts {
		d.method, err = solver.Parse(meta[keySolver])
	}
	if text, ok := meta[keySteps]; ok && err == nil {
		d.steps, err = strconv.Atoi(text)
	}
	if err == nil {
		err = d.signature()
	}
	if err == nil {
		err = m.Check()
	}
	return d, err
}

// estimated says that a graph of log-densities takes probes.
func (d *described) estimated() bool { return d.divergence == ProbesDivergence }

// solves says that the file's graph takes steps of a solver.
func (d *described) solves() bool {
	return slices.ContainsFunc(recipes, func(r recipe) bool { return r.kind == d.kind && r.solves() })
}

// signature compares the graph's inputs and outputs with what the metadata promise.
func (d *described) signature() error {
	haveIn, haveOut := runtime.Signature(d.model.Main, true), runtime.Signature(d.model.Main, false)
	if d.kind == flow.TrainStepKind {
		return d.stepSignature(haveIn, haveOut)
	}
	in, out := d.promised()
	if !slices.Equal(in, haveIn) || !slices.Equal(out, haveOut) {
		return fmt.Errorf("export: not a %s: the file takes %s and gives %s, its metadata promise %s and %s", d.kind,
			strings.Join(haveIn, ", "), strings.Join(haveOut, ", "), strings.Join(in, ", "), strings.Join(out, ", "))
	}
	return nil
}

// promised are the inputs and outputs of the kind, as Signature lists them.
func (d *described) promised() (in, out []string) {
	sample := "float32" + sampleShape(d.spec, graph.Sym("batch")).String()
	switch d.kind {
	case flow.VelocityKind:
		in, out = []string{"x " + sample, "t float32[" + timeDim(d.spec).String() + " 1]"}, []string{"velocity " + sample}
	case flow.SamplerKind:
		in, out = []string{"x0 " + sample}, []string{"samples " + sample}
	case flow.SampleKind:
		in, out = []string{"seed int64[]", "count int64[]"}, []string{"samples " + sample}
	case flow.LogProbKind:
		in, out = []string{logProbInput + " " + sample}, []string{logProbOutput + " float32[batch]"}
	}
	switch {
	case d.adapts && d.kind == flow.LogProbKind:
		in, out = append(in, "tolerance float32[]"), append(out, nfeOutput+" int64[batch]")
	case d.adapts:
		in, out = append(in, "tolerance float32[]"), append(out, "evaluations int64[batch]")
	case d.kind != flow.VelocityKind && d.steps == 0:
		in = append(in, "steps int64[]")
	}
	switch {
	case d.kind == flow.SampleKind:
		in = append(in, "offset int64[]")
	case d.kind == flow.LogProbKind && !d.adapts:
		out = append(out, nfeOutput+" int64[]")
	}
	if d.estimated() {
		in = append(in, "probes float32"+append(graph.Shape{graph.Sym(probeDim)}, sampleShape(d.spec, graph.Sym("batch"))...).String())
	}
	if in = append(in, d.conditionInputs()...); d.guided {
		in = append(in, "guidance float32[W]")
	}
	return in, out
}

// conditionInputs are those of the condition.
func (d *described) conditionInputs() []string {
	switch c := d.spec.Condition; c.Kind {
	case flow.Labels:
		return []string{"y int64[batch]"}
	case flow.Vector:
		return []string{fmt.Sprintf("y float32[batch %d]", c.Width), "y_drop float32[batch 1]"}
	}
	return nil
}

// timeDim is the first dimension of a velocity field's input t.
func timeDim(s flow.Spec) graph.Dim {
	if s.SharedTime {
		return graph.Fix(1)
	}
	return graph.Sym(graph.TimeDim)
}
