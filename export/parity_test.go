package export_test

import (
	"fmt"
	"testing"

	"fmtool/export"
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/nn"
	"fmtool/runtime/ort/orttest"
)

// Native, onnxruntime and float64 agree over widths, depths, activations and conditions, each pair of settings met at least once, and over batch sizes up to
// 4097, to 5e-6 a velocity and 1e-4 after 100 Euler steps. The velocities have an RMS of about 1.
func TestParity(t *testing.T) {
	onnxruntime := export.Engine{Name: "onnxruntime", Engine: orttest.Engine(t)}
	widths, depths := []int{1, 2, 7, 64, 129, 513}, []int{1, 2, 4, 8}
	conditions := []flow.Condition{{Kind: flow.Unconditional}, {Kind: flow.Labels, Classes: 3}, {Kind: flow.Vector, Width: 2}}
	var worst export.Row
	for i, width := range widths {
		for j, activation := range nn.Activations {
			depth, condition := depths[(i+j)%len(depths)], conditions[(i+2*j)%len(conditions)]
			t.Run(fmt.Sprintf("%dx%d %s %s", width, depth, activation.Name, condition.Kind), func(t *testing.T) {
				c := checks(onnxruntime)
				if c.Batches = []int{1, 7, 512}; width*depth <= 256 {
					c.Batches = append(c.Batches, 4097)
				}
				m := model(t, spec(condition, 2), &models.MLP{Width: width, Depth: depth, Activation: activation.Name, Inject: j%2 == 0})
				_, report, err := export.Velocity(t.Context(), m, export.Options{Checks: c})
				if err != nil {
					t.Error(err)
				}
				if w := report.Worst(); worst.Tolerance == 0 || w.Worst/w.Tolerance > worst.Worst/worst.Tolerance {
					worst = w
				}
			})
		}
	}
	t.Logf("closest to its tolerance: %+v", worst)
}
