package export_test

import (
	"context"
	"fmt"

	"fmtool/export"
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/runtime"
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
