package export_test

import (
	"context"
	"fmt"
	"os"
	"testing/fstest"

	"fmtool/export"
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
)

// A model leaves as the bytes of velocity.onnx, which say themselves what they are.
func Example() {
	spec := flow.Spec{
		Dims: []int{2}, Columns: []string{"longitude", "latitude"}, Condition: flow.Condition{Kind: flow.Unconditional}, Schedule: flow.Linear,
		Prediction: flow.Velocity, Normaliser: flow.Normaliser{Kind: "none", Mean: []float32{0}, Scale: []float32{1}}, TimeMax: 1,
	}
	m, err := models.New(spec, &models.MLP{Width: 32}, noise.New(7, noise.Weights))
	if err != nil {
		panic(err)
	}
	file, report, err := export.Velocity(context.Background(), m, export.Options{Checks: export.Checks{
		Reference: native.Engine{}, Engines: []export.Engine{{Name: "native", Engine: native.Engine{}}},
	}})
	if err != nil {
		panic(err) // an engine disagrees: there are no bytes
	}
	got, meta, err := runtime.Describe(file)
	if err != nil {
		panic(err)
	}
	fmt.Println(len(report.Rows), "checks passed")
	fmt.Println(got.Columns, got.Schedule.Name(), meta["io.fmtool.onnxruntime.min"])
	// Output:
	// 4 checks passed
	// [longitude latitude] linear 1.12
}

// A network that PyTorch exported, whose time falls from 1000 at noise to 0 at data, becomes a velocity field of ours.
func ExampleDeclare() {
	network, err := os.ReadFile("../testdata/foreign/blocks_dynamo.onnx")
	if err != nil {
		panic(err)
	}
	d, err := export.NewDeclaration(map[string]string{"input-x": "sample", "input-t": "timestep", "time-range": "1000:0"})
	if err != nil {
		panic(err)
	}
	file, err := export.Declare(network, d)
	if err != nil {
		panic(err)
	}
	m, err := runtime.Open(native.Engine{}, file, engine.Options{})
	if err != nil {
		panic(err)
	}
	defer m.Close()
	samples := tensor.New(tensor.Float32, 1, m.Spec().Dim())
	if _, err := (runtime.Sampler{Field: m, Steps: 50, Seed: 7}).Sample(context.Background(), samples, tensor.Tensor{}); err != nil {
		panic(err)
	}
	fmt.Printf("%.3f\n", samples.Float32())
	// Output: [-0.125 -0.653]
}

// All of a model leaves as the files of a folder, which tell a stranger what to feed.
func ExampleBundle() {
	spec := flow.Spec{
		Dims: []int{2}, Columns: []string{"longitude", "latitude"}, Condition: flow.Condition{Kind: flow.Unconditional}, Schedule: flow.Linear,
		Prediction: flow.Velocity, Normaliser: flow.Normaliser{Kind: "none", Mean: []float32{0}, Scale: []float32{1}}, TimeMax: 1,
	}
	m, err := models.New(spec, &models.MLP{Width: 8, Depth: 1}, noise.New(7, noise.Weights))
	if err != nil {
		panic(err)
	}
	checks := export.Checks{Reference: native.Engine{}, Engines: []export.Engine{{Name: "native", Engine: native.Engine{}}}}
	files := fstest.MapFS{} // or a folder: checkpoint.Folder writes it whole or not at all
	if _, _, err := export.Bundle(context.Background(), m, export.Options{Checks: checks}, false, func(name string, b []byte) error {
		files[name] = &fstest.MapFile{Data: b}
		return nil
	}); err != nil {
		panic(err)
	}
	b, err := export.OpenBundle(files)
	if err != nil {
		panic(err)
	}
	for _, g := range b.Graphs {
		fmt.Println(g.File, g.Outputs[0].Name, g.Outputs[0].Dims, "in", g.Outputs[0].Units)
	}
	_, err = b.Verify(context.Background(), checks)
	fmt.Println(b.Absent, err)
	// Output:
	// velocity.onnx velocity [batch 2] in model space
	// sampler.onnx samples [batch 2] in data units
	// sample.onnx samples [batch 2] in data units
	// logprob.onnx log_prob [batch] in nats
	// map[train_step:the training that the model comes from was not given] <nil>
}
