package export_test

import (
	"bytes"
	"context"
	"encoding/json"
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
)

func spec(c flow.Condition, dims ...int) flow.Spec {
	return flow.Spec{
		Dims: dims, Condition: c, Schedule: flow.Linear, Prediction: flow.Velocity, TimeMax: 1,
		Normaliser: flow.Normaliser{Kind: "global", Mean: []float32{0.5}, Scale: []float32{2}},
	}
}

// model has random weights, the last layer's included, so that the field is of order one.
func model(t testing.TB, s flow.Spec, arch *models.MLP) *models.Model {
	t.Helper()
	m, err := models.New(s, arch, noise.New(3, noise.Weights))
	if err != nil {
		t.Fatal(err)
	}
	out := m.Weights["net.out.weight"]
	noise.New(4, noise.Weights).Normals(out.Float32(), 0)
	for i := range out.Float32() {
		out.Float32()[i] /= float32(math.Sqrt(float64(out.Dim(0))))
	}
	return m
}

// kinds are one model of each kind of condition.
func kinds(t testing.TB) map[string]*models.Model {
	return map[string]*models.Model{
		"none":   model(t, spec(flow.Condition{Kind: flow.Unconditional}, 2), &models.MLP{Width: 32, Activation: "gelu", Residual: true}),
		"labels": model(t, spec(flow.Condition{Kind: flow.Labels, Classes: 10}, 1, 4, 4), &models.MLP{Width: 24, Inject: true}),
		"vector": model(t, spec(flow.Condition{Kind: flow.Vector, Width: 3}, 5), &models.MLP{Width: 16, Activation: "tanh"}),
	}
}

func checks(e ...export.Engine) export.Checks {
	return export.Checks{Reference: native.Engine{}, Engines: append([]export.Engine{{Name: "native", Engine: native.Engine{}}}, e...)}
}

// A velocity file is to the contract: valid, flat, typed, with the inputs its condition needs and metadata that say what the model is; it opens for sampling,
// agrees with float64, and has the same bytes every time.
func TestVelocity(t *testing.T) {
	for name, m := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			o := export.Options{Checks: checks(), Facts: map[string]string{"io.fmtool.train.steps": "100"}}
			file, report, err := export.Velocity(t.Context(), m, o)
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Rows) != 4 || report.Err() != nil {
				t.Errorf("report %+v, want a row for each of three batches and one for the Euler loop", report)
			}
			again, _, err := export.Velocity(t.Context(), m, o)
			if err != nil || !bytes.Equal(file, again) {
				t.Errorf("the same model gave other bytes (%v)", err)
			}
			got, meta, err := runtime.Describe(file)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(m.Spec) {
				t.Errorf("the file's spec is %v, the model's %v", got, m.Spec)
			}
			for key, want := range map[string]string{
				"io.fmtool.train.steps": "100", "io.fmtool.onnxruntime.min": "1.12",
				"io.fmtool.parameters": fmt.Sprint(m.Parameters()),
				"io.fmtool.parity":     "native: max|difference|/max(1, max|value|) <= 5e-06 against a float64 forward pass",
			} {
				if meta[key] != want {
					t.Errorf("metadata %s = %q, want %q", key, meta[key], want)
				}
			}
			checkContract(t, file, m)
		})
	}
}

func checkContract(t *testing.T, file []byte, m *models.Model) {
	t.Helper()
	f, err := onnx.Unmarshal(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Check(); err != nil {
		t.Error(err)
	}
	if f.IRVersion != 8 || f.OpsetImport[0].Version != 17 || len(f.Functions) != 0 {
		t.Errorf("IR %d, opset %d, %d functions: want 8, 17 and none", f.IRVersion, f.OpsetImport[0].Version, len(f.Functions))
	}
	if !strings.Contains(f.DocString, "velocity(x, k/n) / n") {
		t.Error("the doc string does not say how to sample")
	}
	for _, w := range f.Main.Initializer {
		if trained, ok := m.Weights[w.Name]; ok && !bytes.Equal(trained.Bytes(), w.RawData) {
			t.Errorf("initialiser %s is not the weight of that name", w.Name)
		} else if !ok && w.DocString != "constant" && w.DataType == 1 && len(w.Dims) > 0 {
			t.Errorf("initialiser %s has no weight of that name", w.Name)
		}
	}
	for _, n := range f.Main.Node {
		if !strings.HasPrefix(n.Name, "net/") {
			t.Errorf("node %q (%s) is not named by its layer's path", n.Name, n.OpType)
		}
	}
	g, err := f.Graph()
	if err != nil {
		t.Fatal(err)
	}
	if got := g.Output("velocity").Type.Shape[0].String(); got != "batch" {
		t.Errorf("velocity's first dimension is %s, want batch", got)
	}
}

// shifted is an engine whose results are off by Shift once the batch reaches From.
type shifted struct {
	native.Engine
	Shift float32
	From  int
}

func (s shifted) Open(file []byte, o engine.Options) (engine.Program, error) {
	p, err := s.Engine.Open(file, o)
	return shiftedProgram{p, s}, err
}

type shiftedProgram struct {
	engine.Program
	s shifted
}

func (p shiftedProgram) Run(ctx context.Context, in, out []tensor.Tensor) error {
	err := p.Program.Run(ctx, in, out)
	if u := out[0].Float32(); out[0].Dim(0) >= p.s.From {
		u[len(u)-1] += p.s.Shift
	}
	return err
}

// One number of one batch size that is off by more than the tolerance stops the export: no bytes, and an error that says where and by how much.
func TestParityFailureExportsNothing(t *testing.T) {
	m := kinds(t)["none"]
	for _, c := range []struct {
		name  string
		shift float32
		want  string
	}{
		{"off", 1, "velocity on wrong, batch 64, differs from float64 by"},
		{"not finite", float32(math.NaN()), "differs from float64 by 1.8e+308"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wrong := export.Engine{Name: "wrong", Engine: shifted{Shift: c.shift, From: 16}}
			file, report, err := export.Velocity(t.Context(), m, export.Options{Checks: checks(wrong)})
			if err == nil || file != nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "nothing is exported") {
				t.Fatalf("%d bytes, error %v; want none and %q", len(file), err, c.want)
			}
			for _, r := range report.Rows {
				if wantPass := r.Engine == "native" || r.Batch < 16; r.Pass() != wantPass {
					t.Errorf("%+v: pass %v, want %v", r, r.Pass(), wantPass)
				}
			}
			text, err := json.Marshal(report)
			if err != nil || strings.Count(string(text), `"pass":false`) != 2 || !strings.Contains(string(text), `"engine":"wrong","batch":64`) {
				t.Errorf("as JSON (%v): %s", err, text)
			}
			var table strings.Builder
			if err := report.Print(&table); err != nil || strings.Count(table.String(), "FAIL") != 2 {
				t.Errorf("table (%v)\n%s", err, table.String())
			}
		})
	}
}

// What cannot be exported is refused in words.
func TestVelocityRefuses(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(m *models.Model, o *export.Options)
	}{
		{"no engine", "no engine", func(_ *models.Model, o *export.Options) { o.Engines = nil }},
		{"missing weight", "net.out", func(m *models.Model, _ *export.Options) { delete(m.Weights, "net.out.weight") }},
		{"broken weight", "the weights are broken", func(m *models.Model, _ *export.Options) { m.Weights["net.out.bias"].Float32()[0] = float32(math.NaN()) }},
		{"fact's key", "must begin with io.fmtool.", func(_ *models.Model, o *export.Options) { o.Facts = map[string]string{"user": "me"} }},
		{"fact against spec", "contradicts the model's", func(_ *models.Model, o *export.Options) { o.Facts = map[string]string{"io.fmtool.schedule": "vp"} }},
		{"cancelled", "context canceled", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, o := kinds(t)["none"], export.Options{Checks: checks()}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.change == nil {
				cancel()
			} else {
				c.change(m, &o)
			}
			file, _, err := export.Velocity(ctx, m, o)
			if err == nil || file != nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%d bytes, error %v; want %q", len(file), err, c.want)
			}
		})
	}
}

// Files that are damaged, or are no velocity field, are refused by Verify with what they are.
func TestVerifyRefuses(t *testing.T) {
	file, _, err := export.Velocity(t.Context(), kinds(t)["labels"], export.Options{Checks: checks()})
	if err != nil {
		t.Fatal(err)
	}
	edit := func(change func(m *onnx.Model)) []byte {
		m, err := onnx.Unmarshal(bytes.Clone(file))
		if err != nil {
			t.Fatal(err)
		}
		change(m)
		return m.Marshal()
	}
	for _, c := range []struct {
		name, want string
		file       []byte
	}{
		{"empty", "holds no graph", nil},
		{"text", "not an ONNX file", []byte("hello, world\n")},
		{"cut", "not an ONNX file", file[:len(file)/2]},
		{"no metadata", "not a velocity field", edit(func(m *onnx.Model) { m.MetadataProps = nil })},
		{"another input", "not a velocity field", edit(func(m *onnx.Model) { m.Main.Input[0].Name = "image" })},
		{"short weights", "tensor", edit(func(m *onnx.Model) { m.Main.Initializer[0].RawData = m.Main.Initializer[0].RawData[:4] })},
		{"unknown operator", "Frobnicate", edit(func(m *onnx.Model) { m.Main.Node[0].OpType = "Frobnicate" })},
		{"metadata against graph", "the file takes x float32[batch 1 4 4], t float32[T 1], y int64[batch], its metadata promises x float32[batch 1 4 400000]", edit(func(m *onnx.Model) {
			for _, e := range m.MetadataProps {
				if e.Key == "io.fmtool.dims" {
					e.Value = "1 4 400000"
				}
			}
		})},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := export.Verify(t.Context(), c.file, checks()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	for i := 0; i < len(file); i += 1 + len(file)/60 { // one bit flipped: refused, or found to disagree, or harmless; never a panic
		broken := bytes.Clone(file)
		broken[i] ^= 1 << (i % 8)
		_, _ = export.Verify(t.Context(), broken, checks())
	}
}

// A larger phase of the time features earns a larger tolerance.
func TestToleranceFollowsThePhase(t *testing.T) {
	m := kinds(t)["none"]
	m.Spec.PhaseBound = 1000
	_, report, err := export.Velocity(t.Context(), m, export.Options{Checks: checks()})
	if err != nil {
		t.Fatal(err)
	}
	if got := report.Rows[0].Tolerance; got < 1.9e-4 || got > 2.1e-4 {
		t.Errorf("tolerance %g for phases of 1000, want 5e-6·1000/8π", got)
	}
}
