package export_test

import (
	"fmt"
	"strings"
	"testing"

	"fmtool/export"
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/onnx"
	"fmtool/runtime/native"
	"fmtool/runtime/solver"
)

// Every kind of model leaves as seed → samples, those of Go's noise and solver: seeds and offsets beyond 32 bits, odd and even numbers of columns.
func TestSample(t *testing.T) {
	all := export.Checks{Reference: native.Engine{}, Engines: engines(t)}
	for name, m := range kinds(t) {
		for _, o := range []export.Options{{}, {Unroll: 5}, {Guidance: true, Solver: solver.Heun}} {
			if o.Guidance && m.Spec.Condition.Kind == flow.Unconditional {
				continue
			}
			t.Run(fmt.Sprintf("%s unroll=%d guidance=%v", name, o.Unroll, o.Guidance), func(t *testing.T) {
				o.Checks = all
				file, _, err := export.Sample(t.Context(), m, o)
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%d bytes", len(file))
				checkWeightsOnce(t, file, m)
			})
		}
	}
}

// A profile without integer operators, and a model that starts at rows of a data set, are refused with what to do.
func TestSampleRefuses(t *testing.T) {
	m := kinds(t)["none"]
	sourced := *m
	sourced.Spec.Source = flow.DataSource
	for _, c := range []struct {
		want string
		m    *models.Model
		o    export.Options
	}{
		{"profile wide has 17: write the model with profile seeded", m, export.Options{Profile: onnx.Wide}},
		{"starts at rows of a data set", &sourced, export.Options{}},
	} {
		c.o.Checks = checks()
		if file, _, err := export.Sample(t.Context(), c.m, c.o); err == nil || file != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	file, _, err := export.Sampler(t.Context(), &sourced, export.Options{Checks: checks()})
	if err != nil {
		t.Errorf("a sampler from rows of a data set: %v", err)
	}
	if f, err := onnx.Unmarshal(file); err != nil || !strings.Contains(f.DocString, "rows of the source data, in data units") {
		t.Errorf("its doc string (%v) does not say what x0 is", err)
	}
}
