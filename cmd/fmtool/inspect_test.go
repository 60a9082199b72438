package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fmtool/models/onnx"
	"fmtool/runtime/ort/orttest"
)

// strange is a model by somebody else whose names are no identifiers, or words of the languages, and whose lengths are open in every way.
func strange(t *testing.T, dir string) string {
	t.Helper()
	typed := func(code int32, dims ...any) *onnx.Type {
		s := &onnx.Shape{}
		for _, d := range dims {
			switch d := d.(type) {
			case int:
				s.Dim = append(s.Dim, &onnx.Dimension{Value: new(int64(d))})
			case string:
				s.Dim = append(s.Dim, &onnx.Dimension{Param: &d})
			default:
				s.Dim = append(s.Dim, &onnx.Dimension{})
			}
		}
		return &onnx.Type{Tensor: &onnx.TensorType{ElemType: code, Shape: s}}
	}
	w := &onnx.Tensor{Name: "class", DataType: 1, Dims: []int64{2}, FloatData: []float32{1, 2}}
	copied := func(in, out string) *onnx.Node {
		return &onnx.Node{OpType: "Identity", Name: out, Input: []string{in}, Output: []string{out}}
	}
	m := &onnx.Model{IRVersion: 8, OpsetImport: []*onnx.OperatorSetID{{Version: 17}}, Main: &onnx.Graph{Name: "g", Initializer: []*onnx.Tensor{w},
		Input: []*onnx.ValueInfo{{Name: "serving/x:0", Type: typed(1, "range", 2)}, {Name: "t", Type: typed(1, "range", 1)}, {Name: "class", Type: typed(1, 2)},
			{Name: "func", Type: typed(10, nil, 2)}, {Name: "ü", Type: typed(9, "N+1")}, {Name: "x_0", Type: typed(7, 2)}},
		Output: []*onnx.ValueInfo{{Name: "err", Type: typed(1, "range", 2)}, {Name: "half", Type: typed(10, nil, 2)}, {Name: "flag", Type: typed(9, "N+1")},
			{Name: "len", Type: &onnx.Type{Tensor: &onnx.TensorType{ElemType: 7}}}},
		Node: []*onnx.Node{{OpType: "Mul", Name: "a", Input: []string{"serving/x:0", "t"}, Output: []string{"a"}}, {OpType: "Mul", Name: "b", Input: []string{"a", "class"}, Output: []string{"err"}},
			copied("func", "half"), copied("ü", "flag"), copied("x_0", "len")}}}
	path := filepath.Join(dir, "strange.onnx")
	if err := os.WriteFile(path, m.Marshal(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The Go program that inspect prints for each kind of file, ours and a stranger's, compiles, and runs on onnxruntime.
func TestInspectedGo(t *testing.T) {
	dir, model := small(t)
	paths := map[string]string{"velocity": model, "strange": strange(t, dir)}
	for name, flags := range map[string][]string{
		"sampler": {"--graph", "sampler"}, "sample": {"--graph", "sample"}, "adaptive": {"--graph", "sampler", "--adaptive"},
		"unrolled": {"--graph", "sampler", "--unroll", "3"}, "guided": {"--graph", "sampler", "--guidance"}, "guidedvelocity": {"--guidance"},
		"logprob":   {"--graph", "logprob", "--divergence", "probes"},
		"trainstep": {"--graph", "train_step"},
	} {
		paths[name] = filepath.Join(dir, name+".onnx")
		if _, _, err := run(append([]string{"export", paths[name], "--run", filepath.Join(dir, "run"), "--parity", "native"}, flags...)...); err != "" {
			t.Fatal(err)
		}
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	overlay, packages := map[string]string{}, []string{}
	for name, path := range paths {
		code, _, failure := run("inspect", "--go", path)
		if failure != "" {
			t.Fatalf("%s: %s", name, failure)
		}
		file := filepath.Join(dir, name+".go")
		if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay[filepath.Join(root, "cmd", "inspected_"+name, "main.go")] = file
		packages = append(packages, "./cmd/inspected_"+name)
	}
	text, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	replace := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(replace, text, 0o600); err != nil {
		t.Fatal(err)
	}
	build := func(args ...string) {
		t.Helper()
		c := exec.Command("go", append([]string{"build", "-overlay", replace}, args...)...)
		c.Dir = root
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	build(packages...)
	orttest.Engine(t)
	program := filepath.Join(dir, "program")
	build("-o", program, "./cmd/inspected_strange")
	if out, err := exec.Command(program).CombinedOutput(); err != nil || !strings.Contains(string(out), "flag bool[2]") {
		t.Errorf("%v, %s; want flag bool[2] in it", err, out)
	}
}

// What is told of a file is the same as JSON: meanings of ours, guesses marked as such of others, costs at the lengths asked for.
func TestInspectJSON(t *testing.T) {
	dir, model := small(t)
	look := func(args ...string) (in inspection) {
		t.Helper()
		out, _, failure := run(append([]string{"inspect", "--json"}, args...)...)
		if failure != "" {
			t.Fatal(failure)
		}
		if err := json.Unmarshal([]byte(out), &in); err != nil {
			t.Fatal(err)
		}
		return in
	}
	one, four := look(model), look(model, "--length", "batch=4")
	if one.Kind != "velocity" || !strings.Contains(one.Inputs[0].Meaning, "in model space") || one.Inputs[0].Guess || one.Runtime != "1.12" || len(one.Warnings) > 0 {
		t.Errorf("%+v", one)
	}
	if a, b := one.Cost.Once, four.Cost.Once; !(a > 0 && b > 2*a && b < 4*a) { // the time's part is the same
		t.Errorf("%v FLOPs for a row, %v for four", a, b)
	}
	other := look(strange(t, dir))
	if p := other.Inputs[1]; other.Kind != "" || !p.Guess || !strings.Contains(p.Meaning, "time") || !other.Inputs[2].Given || fmt.Sprint(other.Outputs[2].Dims) != "[N+1]" {
		t.Errorf("%+v", other)
	}
}

// A file whose numbers lie elsewhere is described without them, and compared only with them.
func TestInspectOutside(t *testing.T) {
	dir := t.TempDir()
	w := &onnx.Tensor{Name: "w", DataType: 1, Dims: []int64{2}, DataLocation: 1, ExternalData: []*onnx.StringStringEntry{{Key: "location", Value: "w.bin"}}}
	m := &onnx.Model{IRVersion: 8, OpsetImport: []*onnx.OperatorSetID{{Version: 17}}, Main: &onnx.Graph{Name: "g", Initializer: []*onnx.Tensor{w},
		Output: []*onnx.ValueInfo{{Name: "w"}}}}
	path := filepath.Join(dir, "m.onnx")
	if err := os.WriteFile(path, m.Marshal(), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _, failure := run("inspect", path); failure != "" || !strings.Contains(out, "must lie beside it: w.bin") || !strings.Contains(out, "2 numbers, 8 bytes") {
		t.Errorf("%s %s", out, failure)
	}
	if _, _, failure := run("inspect", path, "--external-data"); !strings.Contains(failure, "no such file") {
		t.Error(failure)
	}
	if _, _, failure := run("diff", path, path); !strings.Contains(failure, "--external-data") {
		t.Error(failure)
	}
}

// A network by others that looks like a velocity field is described with the line that declares it, which works.
func TestInspectDeclares(t *testing.T) {
	const network = "../../testdata/foreign/silu_dynamo.onnx"
	out, _, failure := run("inspect", network)
	want := "fmtool declare " + network + " -o model.onnx --input-x x --input-t t --output-u v --time-range 0:1"
	if failure != "" || !strings.Contains(out, want) {
		t.Fatalf("%s %s", failure, out)
	}
	model := filepath.Join(t.TempDir(), "model.onnx")
	if _, _, failure := run("declare", network, "-o", model, "--input-x", "x", "--input-t", "t", "--output-u", "v", "--time-range", "0:1", "--parity", "native"); failure != "" {
		t.Error(failure)
	}
	if out, _, _ := run("inspect", model); strings.Contains(out, "fmtool declare") {
		t.Error("a line for what is declared")
	}
}

// Names and lengths of a stranger's file stay data in the programs and lines that are printed for it.
func TestInspectedNamesAreData(t *testing.T) {
	evil := "x\n\tpanic(1) //"
	dims := &onnx.Shape{Dim: []*onnx.Dimension{{Param: &evil}, {Value: new(int64(2))}}}
	value := func(name string, code int32) *onnx.ValueInfo {
		return &onnx.ValueInfo{Name: name, Type: &onnx.Type{Tensor: &onnx.TensorType{ElemType: code, Shape: dims}}}
	}
	m := &onnx.Model{IRVersion: 8, OpsetImport: []*onnx.OperatorSetID{{Version: 17}}, Main: &onnx.Graph{Name: "g",
		Input:  []*onnx.ValueInfo{value(evil, 1), value("time", 1), value("$(touch run)'", 7)},
		Output: []*onnx.ValueInfo{value(evil+"2", 1), value(evil+"3", 8)}}}
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := os.WriteFile(path, m.Marshal(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--go", "--python", "--json=false"} {
		out, _, failure := run("inspect", flag, path)
		if failure != "" {
			t.Fatal(failure)
		}
		for line := range strings.Lines(out) {
			if strings.HasPrefix(strings.TrimSpace(line), "panic(1)") {
				t.Errorf("%s: a line of the file's own: %s", flag, line)
			}
		}
	}
}
