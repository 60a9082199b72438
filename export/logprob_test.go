package export_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"fmtool/export"
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/solver"
)

// Every kind of model leaves with its log-density, by an exact divergence and by probes, in a loop, unrolled and by steps of each row's own, with and without
// guidance, to the contract: valid, the weights once, results those of float64 on every engine.
func TestLogProb(t *testing.T) {
	all := export.Checks{Reference: native.Engine{}, Engines: engines(t)}
	for name, m := range kinds(t) {
		for i, o := range []export.Options{
			{Divergence: export.ProbesDivergence}, {Divergence: export.ExactDivergence}, {Unroll: 2, Solver: solver.Heun}, {Adaptive: true},
			{Adaptive: true, Divergence: export.ProbesDivergence}, {Unroll: 3, Divergence: export.ProbesDivergence}, {Guidance: true},
			{Guidance: true, Divergence: export.ProbesDivergence, Solver: solver.Midpoint}, {Guidance: true, Adaptive: true, Divergence: export.ProbesDivergence},
			{Profile: onnx.Modern, Solver: solver.Dopri5},
		} {
			estimated, conditional := o.Divergence == export.ProbesDivergence, m.Spec.Condition.Kind != flow.Unconditional
			if conditional && o.Adaptive && estimated && !o.Guidance || o.Guidance && !conditional || !estimated && m.Spec.Dim() > 5 || o.Profile.Name != "" && conditional {
				continue
			}
			t.Run(fmt.Sprintf("%s %s %s unroll=%d adaptive=%v guidance=%v", name, o.Divergence, o.Solver.Name, o.Unroll, o.Adaptive, o.Guidance), func(t *testing.T) {
				o.Checks = all
				file, report, err := export.LogProb(t.Context(), m, o)
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%d bytes, worst %+v", len(file), report.Worst())
				checkWeightsOnce(t, file, m)
				if !estimated || i%4 > 0 {
					return
				}
				if again, _, err := export.LogProb(t.Context(), m, o); err != nil || !bytes.Equal(file, again) {
					t.Errorf("the same model gave other bytes (%v)", err)
				}
				if r, err := export.Verify(t.Context(), file, all); err != nil || r.Err() != nil {
					t.Errorf("on its own: %v, %v", err, r.Err())
				}
			})
		}
	}
}

// The check of log-densities knows nothing of how the graph was built: a Jacobian left out, a normaliser, steps, a divergence or guidance other than the file says
// stand out in its report, and so does a number of evaluations that is not the solver's.
func TestVerifyLogProbHasTeeth(t *testing.T) {
	m := kinds(t)["vector"]
	file, _, err := export.LogProb(t.Context(), m, export.Options{Checks: checks(), Guidance: true})
	if err != nil {
		t.Fatal(err)
	}
	named := func(name string, data ...byte) func(t *testing.T, m *onnx.Model) {
		return func(t *testing.T, m *onnx.Model) {
			for _, w := range m.Main.Initializer {
				if w.Name == name {
					w.RawData = data
					return
				}
			}
			t.Fatalf("no initialiser %s", name)
		}
	}
	float := func(name string, v float32) func(t *testing.T, m *onnx.Model) {
		return named(name, tensor.Scalar(v).Bytes()...)
	}
	say := func(key, value string) func(t *testing.T, m *onnx.Model) {
		return func(t *testing.T, m *onnx.Model) {
			for _, e := range m.MetadataProps {
				if e.Key == "io.fmtool."+key {
					e.Value = value
				}
			}
		}
	}
	twice := func(t *testing.T, m *onnx.Model) { // the last sum of the divergence
		f := m.Functions[0]
		for _, n := range f.Node {
			if n.OpType == "Add" && strings.HasPrefix(n.Name, "divergence/add") && n.Output[0] != f.Output[0] {
				n.Input[1] = n.Input[0]
				return
			}
		}
		t.Fatal("no sum in the divergence")
	}
	for name, change := range map[string]func(t *testing.T, m *onnx.Model){
		"normaliser dropped": float("encode/scale", 1), "mean dropped": float("encode/mean", 0), "other mean": say("normaliser.mean", "0.6"),
		"other solver": say("solver", "midpoint"), "shorter time": say("time.max", "0.5"), "divergence of one column twice": twice,
		"Jacobian dropped": float("base/constant", float32(-2.5*math.Log(2*math.Pi))), "other count": named("stages", tensor.Scalar(int64(3)).Bytes()...),
		"guidance from elsewhere": float("guidance/const", 0),
	} {
		t.Run(name, func(t *testing.T) {
			m, err := onnx.Unmarshal(bytes.Clone(file))
			if err != nil {
				t.Fatal(err)
			}
			change(t, m)
			if r, err := export.Verify(t.Context(), m.Marshal(), checks()); err != nil || r.Err() == nil {
				t.Errorf("passed (%v): %+v", err, r)
			}
		})
	}
}

// A file that does not say how it has its divergence is refused, and so is an exact one of more numbers than a file could hold: the check would take the memory.
func TestVerifyLogProbRefuses(t *testing.T) {
	for _, c := range []struct{ divergence, want string }{{"", "want exact or probes"}, {export.ExactDivergence, "each of 1600 numbers"}} {
		s := spec(flow.Condition{Kind: flow.Unconditional}, 40, 40)
		file, _, err := export.LogProb(t.Context(), model(t, s, &models.MLP{Width: 8}), export.Options{Checks: checks()})
		if err != nil {
			t.Fatal(err)
		}
		m, err := onnx.Unmarshal(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range m.MetadataProps {
			if e.Key == "io.fmtool.divergence" {
				e.Value = c.divergence
			}
		}
		probes := &onnx.Tensor{Name: "probes", DataType: 1, Dims: []int64{1, 1, 40, 40}, RawData: make([]byte, 4*1600)} // in the file instead of an input
		m.Main.Input = slices.DeleteFunc(m.Main.Input, func(v *onnx.ValueInfo) bool { return v.Name == probes.Name })
		m.Main.Initializer = append(m.Main.Initializer, probes)
		if _, err := export.Verify(t.Context(), m.Marshal(), checks()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("divergence %q: %v, want %q", c.divergence, err, c.want)
		}
	}
}

// Settings that make no sense are refused with what to do: a model that starts at rows of a data set among them.
func TestLogProbRefuses(t *testing.T) {
	all := kinds(t)
	from := *all["none"]
	from.Spec.Source = flow.DataSource
	s := spec(flow.Condition{Kind: flow.Unconditional}, 1, 40, 40)
	all["source"], all["large"] = &from, model(t, s, &models.MLP{Width: 8})
	for _, c := range []struct {
		model, want string
		o           export.Options
	}{
		{"source", "no log-density: flow: the model starts at rows of a data set", export.Options{}},
		{"none", `did you mean "probes"`, export.Options{Divergence: "probe"}},
		{"large", "each of 1600 numbers of a sample, at most 1024: estimate it by probes", export.Options{Divergence: export.ExactDivergence}},
		{"none", "leave guidance out", export.Options{Guidance: true}},
		{"none", "leave solver and number of steps out", export.Options{Adaptive: true, Unroll: 3}},
	} {
		c.o.Checks = checks()
		if file, _, err := export.LogProb(t.Context(), all[c.model], c.o); err == nil || file != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.model, err, c.want)
		}
	}
	if _, _, err := export.Sampler(t.Context(), all["none"], export.Options{Checks: checks(), Divergence: export.ExactDivergence}); err == nil || !strings.Contains(err.Error(), "export a logprob") {
		t.Errorf("a sampler with a divergence: %v", err)
	}
}

// A row's steps are its own, and so are a probe's: among others it takes as many evaluations and gets the number that it has alone; a smaller tolerance takes more,
// and one that cannot be met gives NaN.
func TestAdaptiveLogProbRows(t *testing.T) {
	m := kinds(t)["none"]
	file, _, err := export.LogProb(t.Context(), m, export.Options{Checks: checks(), Adaptive: true, Divergence: export.ProbesDivergence})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range engines(t) {
		p, err := e.Engine.Open(file, engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		run := func(x []float32, tolerance float32, probes ...float32) ([]float32, []int64) {
			n := len(x) / 2
			out := []tensor.Tensor{tensor.New(tensor.Float32, n), tensor.New(tensor.Int64, n)}
			in := []tensor.Tensor{tensor.Of(x, n, 2), tensor.Scalar(tolerance), tensor.Of(probes, len(probes)/len(x), n, 2)}
			if err := p.Run(t.Context(), in, out); err != nil {
				t.Fatal(err)
			}
			return out[0].Float32(), out[1].Int64()
		}
		x, v := []float32{0.3, -0.2, 7, -8, 1, 0.5}, []float32{1, 1, 1, -1, -1, 1, 1, -1, 1, 1, 1, -1}
		logs, nfe := run(x, 1e-3, v...)
		_, more := run(x, 1e-6, v...)
		for i := range nfe {
			own := append(slices.Clone(v[2*i:2*i+2]), v[6+2*i:8+2*i]...)
			alone, n := run(x[2*i:2*i+2], 1e-3, own...)
			if math.Abs(float64(alone[0]-logs[i])) > 1e-4 || n[0] != nfe[i] {
				t.Errorf("%s: row %d alone gets %g after %d evaluations, among others %g after %d", e.Name, i, alone[0], n[0], logs[i], nfe[i])
			}
			one, first := run(x[2*i:2*i+2], 1e-3, own[:2]...)
			other, second := run(x[2*i:2*i+2], 1e-3, own[2:]...)
			if mean := (one[0] + other[0]) / 2; math.Abs(float64(mean-alone[0])) > 1e-4 || max(first[0], second[0]) != n[0] {
				t.Errorf("%s: row %d by two probes gets %g after %d, by each alone %g and %g after %d and %d", e.Name, i, alone[0], n[0], one[0], other[0], first[0], second[0])
			}
			if more[i] <= nfe[i] || nfe[i]%3 != 1 {
				t.Errorf("%s: row %d takes %d evaluations at tolerance 1e-3, %d at 1e-6", e.Name, i, nfe[i], more[i])
			}
		}
		if logs, _ := run(x, 0, v...); !math.IsNaN(float64(logs[0])) {
			t.Errorf("%s: tolerance 0 gives %g, want NaN", e.Name, logs[0])
		}
		_ = p.Close()
	}
}
