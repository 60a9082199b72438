package export

import (
	"context"
	"fmt"
	"maps"
	"math"

	"fmtool/models/flow"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
)

// testSet is one try of a graph for other programs: its inputs, what it gives in float64, and by how much to divide differences of each output.
type testSet struct {
	in, out []*onnx.Tensor
	scales  []float64
}

// Test sets have so many rows, and their graphs take so many steps.
const testRows, testSteps = 5, 8

// testSet runs the file in float64. The file was compared with its reference before.
func (d *described) testSet(ctx context.Context, c Checks) (*testSet, error) {
	feed, err := d.testInputs()
	if err != nil {
		return nil, err
	}
	ref, err := c.Reference.Open(d.file, engine.Options{Float64: true})
	if err != nil {
		return nil, err
	}
	defer ref.Close() //nolint:errcheck // it only frees
	set := &testSet{}
	var in, out []tensor.Tensor
	for _, v := range d.model.Main.Input {
		t, ok := feed[v.Name]
		if !ok {
			return nil, fmt.Errorf("nothing to feed to input %s", v.Name)
		}
		set.in = append(set.in, onnx.TensorOf(v.Name, t))
		if t.DType().IsFloat() {
			t = t.Convert(tensor.Float64)
		}
		in = append(in, t)
	}
	for _, v := range d.model.Main.Output {
		p := portOf(v)
		dtype := tensor.Float64
		if p.Type == "int64" {
			dtype = tensor.Int64
		}
		var shape []int
		for _, l := range p.lengths {
			n := testRows
			if v, fixed := l.Fixed(); fixed {
				n = v
			}
			shape = append(shape, n)
		}
		out = append(out, tensor.New(dtype, shape...))
	}
	if err := ref.Run(ctx, in, out); err != nil {
		return nil, err
	}
	for i, t := range out {
		if t.DType().IsFloat() {
			t = t.Convert(tensor.Float32)
		}
		set.out = append(set.out, onnx.TensorOf(d.model.Main.Output[i].Name, t))
	}
	set.scales = d.testScales(out)
	return set, nil
}

// testInputs are inputs of every kind of graph, by name.
func (d *described) testInputs() (map[string]tensor.Tensor, error) {
	const salt = 5000
	if d.kind == flow.TrainStepKind {
		feed, err := d.midway()
		maps.Copy(feed, d.stepBatch(testRows, salt))
		return feed, err
	}
	times := testRows
	if d.spec.SharedTime {
		times = 1
	}
	rows := d.inputs(testRows, times, salt)
	if d.kind == flow.LogProbKind || d.kind == flow.SamplerKind && d.spec.Source == flow.DataSource {
		d.spec.Normaliser.Decode(rows[0].Float32(), rows[0].Float32(), d.spec.Dim())
	}
	feed := map[string]tensor.Tensor{
		"x": rows[0], "x0": rows[0], "t": rows[1], "steps": tensor.Scalar(int64(testSteps)), "probes": d.drawProbes(2, testRows, salt),
		"seed": tensor.Scalar(int64(7)), "count": tensor.Scalar(int64(testRows)), "offset": tensor.Scalar(int64(3)),
	}
	for i, name := range []string{"y", "y_drop"} {
		if i+2 < len(rows) {
			feed[name] = rows[i+2]
		}
	}
	if w := d.weights(testRows, salt); w != nil {
		feed["guidance"] = w[0]
	}
	return feed, nil
}

// testScales are the numbers to divide differences of each output by: the largest number in model space, or 1; of log-densities at least the number of columns
// that vary; of a training step the largest number of the part that the output belongs to; 0 for whole numbers.
func (d *described) testScales(out []tensor.Tensor) []float64 {
	scales, parts := make([]float64, len(out)), map[string]float64{}
	for i, t := range out {
		name := d.model.Main.Output[i].Name
		if !t.DType().IsFloat() {
			continue
		}
		largest, n := 0.0, &d.spec.Normaliser
		for j, v := range t.Float64() {
			if name == "samples" {
				v = (v - float64(n.Mean[j%len(n.Mean)])) / float64(n.Scale[j%len(n.Scale)])
			}
			largest = max(largest, math.Abs(v))
		}
		switch d.kind {
		case flow.TrainStepKind:
			parts[partOf(name)] = max(parts[partOf(name)], largest, math.SmallestNonzeroFloat32)
		case flow.LogProbKind:
			_, kept := d.spec.Varying()
			scales[i] = max(float64(kept), largest)
		default:
			scales[i] = max(1, largest)
		}
	}
	for i, t := range out {
		if d.kind == flow.TrainStepKind && t.DType().IsFloat() {
			scales[i] = parts[partOf(d.model.Main.Output[i].Name)]
		}
	}
	return scales
}
