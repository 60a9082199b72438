package export_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"fmtool/export"
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/ort"
	"fmtool/runtime/solver"
)

// engines are the native one and onnxruntime, where there is one.
func engines(t testing.TB) []export.Engine {
	list := []export.Engine{{Name: "native", Engine: native.Engine{}}}
	if e, err := ort.New(""); err == nil {
		list = append(list, export.Engine{Name: "onnxruntime", Engine: e})
	} else {
		t.Logf("without onnxruntime: %v", err)
	}
	return list
}

// Every kind of model leaves as a sampler of every method, in a loop and unrolled, with and without guidance, to the contract: valid, the weights once, results
// those of Go's solver on every engine.
func TestSampler(t *testing.T) {
	all := export.Checks{Reference: native.Engine{}, Engines: engines(t)}
	for name, m := range kinds(t) {
		for i, o := range []export.Options{
			{}, {Solver: solver.Heun}, {Solver: solver.RK4}, {Unroll: 5}, {Unroll: 3, Solver: solver.RK4}, {Guidance: true}, {Guidance: true, Solver: solver.Heun},
			{Guidance: true, Unroll: 4, Solver: solver.Midpoint}, {Profile: onnx.Modern, Solver: solver.RK4}, {Solver: solver.Bosh3}, {Unroll: 2, Solver: solver.Dopri5},
		} {
			if o.Guidance && m.Spec.Condition.Kind == flow.Unconditional {
				continue
			}
			t.Run(fmt.Sprintf("%s %s unroll=%d guidance=%v %s", name, o.Solver.Name, o.Unroll, o.Guidance, o.Profile.Name), func(t *testing.T) {
				o.Checks = all
				file, report, err := export.Sampler(t.Context(), m, o)
				if err != nil {
					t.Fatal(err)
				}
				if want := 3 * len(all.Engines); len(report.Rows) != want {
					t.Errorf("%d rows, want %d", len(report.Rows), want)
				}
				checkWeightsOnce(t, file, m)
				if i%4 > 0 {
					return
				}
				if again, _, err := export.Sampler(t.Context(), m, o); err != nil || !bytes.Equal(file, again) {
					t.Errorf("the same model gave other bytes (%v)", err)
				}
				if r, err := export.Verify(t.Context(), file, all); err != nil || r.Err() != nil {
					t.Errorf("on its own: %v, %v", err, r.Err())
				}
			})
		}
	}
}

// A model's own steps are those of its graph, in a Loop where they have a formula and unrolled for any grid; what its network predicts is converted inside.
func TestSamplerGrids(t *testing.T) {
	for _, c := range []struct {
		grid, schedule string
		o              export.Options
		prediction     flow.Quantity
	}{
		{"shift:3", "linear", export.Options{Solver: solver.Heun}, flow.Velocity}, {"u-shaped:2 shift:0.5", "linear", export.Options{}, flow.Velocity},
		{"logit-normal:0,1", "linear", export.Options{Solver: solver.RK4}, flow.Velocity}, {"beta:2,3", "linear", export.Options{Unroll: 6}, flow.Velocity},
		{"uniform", "cosine", export.Options{Solver: solver.Midpoint}, flow.X1}, {"shift:2", "vp", export.Options{Unroll: 6}, flow.Noise},
	} {
		t.Run(c.grid+" "+c.schedule, func(t *testing.T) {
			s := spec(flow.Condition{Kind: flow.Unconditional}, 2)
			var err error
			if s.Grid, err = flow.ParseGrid(c.grid); err != nil {
				t.Fatal(err)
			}
			if s.Schedule, err = flow.ParseSchedule(c.schedule); err != nil {
				t.Fatal(err)
			}
			s.Prediction = c.prediction
			s.TimeMin, s.TimeMax = flow.Interval(s.Schedule, c.prediction, c.prediction)
			c.o.Checks = export.Checks{Reference: native.Engine{}, Engines: engines(t)}
			file, _, err := export.Sampler(t.Context(), model(t, s, &models.MLP{Width: 16}), c.o)
			if err != nil {
				t.Fatal(err)
			}
			if f, _ := onnx.Unmarshal(file); f.Metadata()["io.fmtool.grid"] != strings.Replace(c.grid, "uniform", "", 1) {
				t.Errorf("the file's grid is %q, the model's %q", f.Metadata()["io.fmtool.grid"], c.grid)
			}
		})
	}
	s := spec(flow.Condition{Kind: flow.Unconditional}, 2)
	s.Grid, _ = flow.ParseGrid("beta:2,3")
	if _, _, err := export.Sampler(t.Context(), model(t, s, &models.MLP{Width: 16}), export.Options{Checks: checks()}); err == nil || !strings.Contains(err.Error(), "fix the number of steps") {
		t.Errorf("a beta grid in a Loop: %v", err)
	}
}

// checkWeightsOnce: each of the model's weights is an initialiser of the main graph under its name, and nothing else is large.
func checkWeightsOnce(t *testing.T, file []byte, m *models.Model) {
	t.Helper()
	f, err := onnx.Unmarshal(file)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, w := range f.Main.Initializer {
		if trained, ok := m.Weights[w.Name]; ok && bytes.Equal(trained.Bytes(), w.RawData) {
			found++
		}
	}
	if found != len(m.Weights) {
		t.Errorf("%d of %d weights are initialisers under their names", found, len(m.Weights))
	}
}

// The samples of the graph are those of the library's sampler with the same noise, solver, steps and condition.
func TestSamplerIsTheLibrarys(t *testing.T) {
	m := kinds(t)["labels"]
	velocity, _, err := export.Velocity(t.Context(), m, export.Options{Checks: checks()})
	if err != nil {
		t.Fatal(err)
	}
	file, _, err := export.Sampler(t.Context(), m, export.Options{Checks: checks(), Solver: solver.Heun})
	if err != nil {
		t.Fatal(err)
	}
	const rows, steps = 9, 50
	dim := m.Spec.Dim()
	x0, y := tensor.New(tensor.Float32, rows, 1, 4, 4), tensor.Full(int64(4), rows)
	noise.New(7, noise.Sampling).Rows(x0.Float32(), 0, dim)
	for _, e := range engines(t) {
		field, err := runtime.Open(e.Engine, velocity, engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := tensor.New(tensor.Float32, rows, dim)
		if _, err := (runtime.Sampler{Field: field, Method: solver.Heun, Steps: steps, Seed: 7}).Sample(t.Context(), want, y); err != nil {
			t.Fatal(err)
		}
		p, err := e.Engine.Open(file, engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := tensor.New(tensor.Float32, rows, 1, 4, 4)
		if err := p.Run(t.Context(), []tensor.Tensor{x0, tensor.Scalar(int64(steps)), y}, []tensor.Tensor{got}); err != nil {
			t.Fatal(err)
		}
		for i, w := range want.Float32() {
			if g := got.Float32()[i]; math.Abs(float64(g-w)) > 1e-5*max(1, math.Abs(float64(w))) {
				t.Errorf("%s: [%d] = %g, the library's sampler gives %g", e.Name, i, g, w)
			}
		}
		_, _ = field.Close(), p.Close()
	}
}

// The check of a sampler knows nothing of how the graph was built: a time grid moved by one step, another normaliser, solver or guidance than the file says
// stand out in its report.
func TestVerifySamplerHasTeeth(t *testing.T) {
	m := kinds(t)["labels"]
	file, _, err := export.Sampler(t.Context(), m, export.Options{Checks: checks(), Solver: solver.Heun, Guidance: true})
	if err != nil {
		t.Fatal(err)
	}
	initialiser := func(m *onnx.Model, name string) *onnx.Tensor {
		for _, w := range m.Main.Initializer {
			if w.Name == name {
				return w
			}
		}
		t.Fatalf("no initialiser %s", name)
		return nil
	}
	set := func(name string, v float32) func(m *onnx.Model) {
		return func(m *onnx.Model) { w := initialiser(m, name); w.RawData = tensor.Full(v, len(w.RawData)/4).Bytes() }
	}
	say := func(key, value string) func(m *onnx.Model) {
		return func(m *onnx.Model) {
			for _, e := range m.MetadataProps {
				if e.Key == "io.fmtool."+key {
					e.Value = value
				}
			}
		}
	}
	for name, change := range map[string]func(m *onnx.Model){
		"grid moved": set("k0", 1), "normaliser dropped": set("decode/scale", 1), "mean dropped": set("decode/mean", 0), "other mean": say("normaliser.mean", "0.6"),
		"other solver": say("solver", "midpoint"), "guidance from elsewhere": set("guidance/const", 0), "shorter time": say("time.max", "0.5"),
	} {
		t.Run(name, func(t *testing.T) {
			m, err := onnx.Unmarshal(bytes.Clone(file))
			if err != nil {
				t.Fatal(err)
			}
			change(m)
			if r, err := export.Verify(t.Context(), m.Marshal(), checks()); err != nil || r.Err() == nil {
				t.Errorf("passed (%v): %+v", err, r)
			}
		})
	}
}

// Settings that make no sense are refused with what to do.
func TestSamplerRefuses(t *testing.T) {
	all := kinds(t)
	for _, c := range []struct {
		model, want string
		o           export.Options
	}{
		{"none", "leave guidance out", export.Options{Guidance: true}},
		{"none", "want 1 to 1000", export.Options{Unroll: -1}},
		{"none", "want 1 to 1000", export.Options{Unroll: 1001}},
	} {
		c.o.Checks = checks()
		if file, _, err := export.Sampler(t.Context(), all[c.model], c.o); err == nil || file != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
	file, _, err := export.Sampler(t.Context(), all["none"], export.Options{Checks: checks()})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := runtime.Describe(file); err == nil || !strings.Contains(err.Error(), "a sampler, not a velocity field") {
		t.Errorf("a sampler read as a velocity field: %v", err)
	}
	file, _, err = export.Velocity(t.Context(), all["labels"], export.Options{Checks: checks(), Guidance: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := runtime.Describe(file); err == nil || !strings.Contains(err.Error(), "guidance inside") {
		t.Errorf("a guided field read as a plain one: %v", err)
	}
}

// Guidance of weight 1 is the plain field, of weight 0 the field without condition, and between them as the formula says, for one weight and for one
// a row, with one time and with one a row.
func TestGuidanceInside(t *testing.T) {
	for _, name := range []string{"labels", "vector"} {
		m := kinds(t)[name]
		open := func(e engine.Engine, o export.Options) engine.Program {
			o.Checks = checks()
			file, _, err := export.Velocity(t.Context(), m, o)
			if err != nil {
				t.Fatal(err)
			}
			p, err := e.Open(file, engine.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = p.Close() })
			return p
		}
		for _, e := range engines(t) {
			plain, inside := open(e.Engine, export.Options{}), open(e.Engine, export.Options{Guidance: true})
			for _, times := range []int{1, 5} {
				x, at := tensor.New(tensor.Float32, append([]int{5}, m.Spec.Dims...)...), tensor.New(tensor.Float32, times, 1)
				noise.New(1, noise.Probe).Normals(x.Float32(), 0)
				noise.New(2, noise.Probe).Uniforms(at.Float32(), 0)
				run := func(p engine.Program, in ...tensor.Tensor) []float32 {
					out := tensor.New(tensor.Float32, x.Shape()...)
					if err := p.Run(t.Context(), append([]tensor.Tensor{x, at}, in...), []tensor.Tensor{out}); err != nil {
						t.Fatal(err)
					}
					return out.Float32()
				}
				y, none := []tensor.Tensor{tensor.Full(int64(3), 5)}, []tensor.Tensor{tensor.Full(int64(10), 5)}
				if name == "vector" {
					v := tensor.Full(float32(0.7), 5, 3)
					y, none = []tensor.Tensor{v, tensor.New(tensor.Float32, 5, 1)}, []tensor.Tensor{v, tensor.Full(float32(1), 5, 1)}
				}
				with, without := run(plain, y...), run(plain, none...)
				for _, w := range [][]float32{{1}, {0}, {2.5}, {1, 0, 3, 1, -1}} {
					got := run(inside, append(y, tensor.Of(w, len(w)))...)
					for i, g := range got {
						wi := w[i/m.Spec.Dim()%len(w)]
						want := without[i] + wi*(with[i]-without[i])
						if d := math.Abs(float64(g - want)); d > 2e-6*max(1, math.Abs(float64(want))) {
							t.Errorf("%s on %s, weights %v: [%d] = %g, want %g", name, e.Name, w, i, g, want)
						}
					}
				}
			}
		}
	}
}
