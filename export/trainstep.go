package export

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/train/optim"
)

// Step is a training step that can leave: the program with its state as inputs and outputs, as train.PortableStep makes it, the state to begin with, and
// what the program has inside, as metadata.
//
// A part NAME of the state is an input, and its next value the output next.NAME. No part has a default in the file, for some bindings of onnxruntime ignore
// what is fed to an input that has one: the state lies in a safetensors file beside it, by the same names.
type Step struct {
	Graph    *graph.Graph
	State    map[string]tensor.Tensor
	Settings map[string]string
}

// stepInput is the part of the state that counts steps.
const stepInput = "step"

// TrainStep returns train_step.onnx: one step of the run's own training, gradients, AdamW and average of the weights included, in ordinary operators.
//
//	x1           float32 [batch D...]   rows of the data, in data units
//	x0           float32 [batch D...]   noise N(0, 1), or rows of the model's own source in data units
//	t            float32 [batch 1]      times
//	y, y_drop                           the condition, as velocity.onnx takes it
//	path_noise   float32 [batch D...]   noise N(0, 1), for a model with path noise
//	rate         float32                learning rate
//	step         int64                  steps taken before
//	NAME ...                            the state: weights, adamw.m.NAME, adamw.v.NAME, ema.NAME
//	loss, norm   float32                mean over the rows before the step, and norm of its gradient before clipping
//	next.step, next.NAME ...            the state after the step
//
// Every engine takes a few steps, compared with float64, before the bytes are returned; see Velocity. Options.Step is needed.
func TrainStep(ctx context.Context, m *models.Model, o Options) ([]byte, Report, error) {
	return File(ctx, string(flow.TrainStepKind), m, o)
}

// stepGraph is the program of train_step.onnx.
func stepGraph(_ *models.Model, o Options) (*graph.Graph, error) {
	switch {
	case o.Step == nil:
		return nil, errors.New("export: a train_step needs the training that the model comes from; give the run, as Options.Step")
	case o.Guidance:
		return nil, errors.New("export: training has no guidance; leave it out")
	}
	return o.Step.Graph, nil
}

// stepUsage is the doc string of train_step.onnx.
func stepUsage(s flow.Spec, o Options) string {
	var b strings.Builder
	start := "noise drawn from N(0, 1)"
	if s.Source == flow.DataSource {
		start = "rows of the source data, in data units"
	}
	fmt.Fprintf(&b, "One training step of a flow-matching model, written by fmtool: loss, gradients, AdamW.\n\n")
	fmt.Fprintf(&b, "Inputs: x1 float32 %s, rows of the data, in data units; x0 float32 %s, %s; t float32 [batch, 1], times%s%s; ", dimsText(s), dimsText(s), start,
		timesText(s), conditionText(s, o))
	if s.Sigma > 0 {
		fmt.Fprintf(&b, "path_noise float32 %s, drawn from N(0, 1); ", dimsText(s))
	}
	fmt.Fprintf(&b, "rate float32, the learning rate; step int64, the number of steps taken before; and the state, each weight by its name, with adamw.m.NAME and "+
		"adamw.v.NAME, AdamW's moments, zero before the first step, and ema.NAME, the average, if training keeps one.\n")
	fmt.Fprintf(&b, "Outputs: loss float32, the mean over the batch before the step; norm float32, of its gradient; and %sNAME for step and every part of the state, "+
		"to be fed to the next step as NAME.\n\n", optim.Next)
	fmt.Fprintf(&b, "The normaliser is inside. fmtool import-weights takes the state back into a model, as a safetensors file of these names.")
	return b.String() + restText
}

// timesText says which times training draws.
func timesText(s flow.Spec) string {
	text := fmt.Sprintf(" drawn from [%g, %g]", s.TimeMin, s.TimeMax)
	if name := s.Times.String(); name != "uniform" {
		text += fmt.Sprintf(" as the metadata key %stimes says, %s", flow.Prefix, name)
	}
	return text
}

// stepSignature compares inputs and outputs of a training step with what the metadata promise: the batch's first, then the state, whose parts all come back.
func (d *described) stepSignature(in, out []string) error {
	promised := d.stepInputs()
	if len(in) < len(promised) || !slices.Equal(in[:len(promised)], promised) {
		return fmt.Errorf("export: not a %s: the file takes %s, its metadata promise %s and the state", d.kind, runtime.Listed(in), runtime.Listed(promised))
	}
	want := []string{"loss float32[]", "norm float32[]"}
	for _, part := range in[len(promised)-1:] { // step is part of the state
		want = append(want, optim.Next+part)
	}
	have := slices.Sorted(slices.Values(out))
	for i, part := range slices.Sorted(slices.Values(want)) {
		if len(have) != len(want) || have[i] != part {
			return fmt.Errorf("export: not a %s: the file gives %s; want %s, and %d outputs in all", d.kind, runtime.Listed(out), part, len(want))
		}
	}
	_, err := stepState(d.model)
	return err
}

// stepInputs are the inputs of a training step before the weights, as Signature lists them.
func (d *described) stepInputs() []string {
	sample := "float32" + sampleShape(d.spec, graph.Sym("batch")).String()
	in := append([]string{"x1 " + sample, "x0 " + sample, "t float32[batch 1]"}, d.conditionInputs()...)
	if d.spec.Sigma > 0 {
		in = append(in, "path_noise "+sample)
	}
	return append(in, "rate float32[]", "step int64[]")
}

// metadata are those of a training step beside the others': the spec as the network is trained, and what the step has inside.
func (s *Step) metadata(m *models.Model) map[string]string {
	meta := m.Spec.Metadata()
	maps.Copy(meta, s.Settings)
	return meta
}

// maxState bounds the numbers of a state that a file may ask for.
const maxState = 1 << 30

// stepState are the parts of the state that a training step takes, step apart, in its order: the inputs that come back as outputs. Every dimension of theirs
// is a number.
func stepState(m *onnx.Model) (parts []*onnx.ValueInfo, err error) {
	back := map[string]bool{}
	for _, v := range m.Main.Output {
		back[v.Name] = true
	}
	total := 0
	for _, v := range m.Main.Input {
		if v.Name == stepInput || !back[optim.Next+v.Name] {
			continue
		}
		n, ok := numbersOf(v)
		if total += n; !ok || total > maxState {
			return nil, fmt.Errorf("export: input %.60q of the state: want float32 of a fixed size, and at most %d numbers in all", v.Name, maxState)
		}
		parts = append(parts, v)
	}
	return parts, nil
}

// numbersOf is how many numbers a part of the state holds, if it is float32 and has a size.
func numbersOf(v *onnx.ValueInfo) (n int, ok bool) {
	if v.Type == nil || v.Type.Tensor == nil || v.Type.Tensor.Shape == nil || int(v.Type.Tensor.ElemType) != int(graph.Code(tensor.Float32)) {
		return 0, false
	}
	n = 1
	for _, d := range v.Type.Tensor.Shape.Dim {
		if d.Value == nil || *d.Value < 1 || *d.Value > int64(maxState/n) {
			return 0, false
		}
		n *= int(*d.Value)
	}
	return n, true
}
