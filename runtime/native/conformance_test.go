package native_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/onnx/onnxtest"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// outside are the reasons why a node test of operators in the table is not for this engine; a case that is not listed by a reason must pass.
var outside = []struct {
	reason string
	is     func(m *onnx.Model, err error) bool
}{
	{"an element type that the toolkit does not have", func(m *onnx.Model, _ error) bool { return foreignType(m) }},
	{"a sequence, an optional value or a map", func(m *onnx.Model, _ error) bool { return foreignValue(m) }},
	{"training", func(_ *onnx.Model, err error) bool {
		return err != nil && (strings.Contains(err.Error(), "training mode") || strings.Contains(err.Error(), "BatchNormalization with 3 outputs"))
	}},
	{"a form of an operator that is not read", func(_ *onnx.Model, err error) bool {
		return errors.Is(err, errors.ErrUnsupported) && (strings.Contains(err.Error(), "Einsum") || strings.Contains(err.Error(), "GatherND") ||
			strings.Contains(err.Error(), "Pad in mode") || strings.Contains(err.Error(), "pads that are not known"))
	}},
	{"an operator set newer than the table reads", func(_ *onnx.Model, err error) bool {
		return err != nil && strings.Contains(err.Error(), "opset")
	}},
}

// ONNX's own node tests pass for every operator in the table, at ONNX's tolerance, on the native engine. How many pass for each operator is a golden
// file, so that none is lost in silence.
func TestConformance(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(onnxtest.DataDir(t), "node", "test_*"))
	if err != nil || len(dirs) < 1700 {
		t.Fatalf("%d node tests, %v: want those of onnx 1.22", len(dirs), err)
	}
	passed, left := map[string]int{}, map[string][]string{}
	total := 0
	for _, dir := range dirs {
		file, err := os.ReadFile(filepath.Join(dir, "model.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := onnx.Unmarshal(file)
		if err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		ops := operators(m)
		if ops == nil {
			continue
		}
		name := filepath.Base(dir)
		_, openErr := m.Graph()
		if openErr != nil && strings.Contains(openErr.Error(), "not known before the run") { // what the file must fix is an input here
			if file, err = fixIntegers(dir, m); err != nil {
				t.Fatal(err)
			}
			_, openErr = m.Graph()
		}
		if reason := exclusion(m, openErr); reason != "" {
			left[reason] = append(left[reason], name)
			if err := conform(dir, file); err == nil {
				t.Errorf("%s passes, though it is left out for %s", name, reason)
			}
			continue
		}
		if err := conform(dir, file); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		total++
		for op := range ops {
			passed[op]++
		}
	}
	for _, op := range graph.Ops() {
		if passed[op] == 0 {
			t.Errorf("%s: no test passed", op)
		}
	}
	golden(t, "testdata/conformance.txt", report(total, passed, left))
}

func report(total int, passed map[string]int, left map[string][]string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "ONNX 1.22 node tests on the native engine: %d pass\n\nby operator:\n", total)
	for _, op := range slices.Sorted(maps.Keys(passed)) {
		fmt.Fprintf(&s, "%-24s %d\n", op, passed[op])
	}
	for _, reason := range slices.Sorted(maps.Keys(left)) {
		fmt.Fprintf(&s, "\nleft out for %s:\n%s\n", reason, strings.Join(left[reason], "\n"))
	}
	return s.String()
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the report differs from %s (go test -update rewrites it):\n%s", path, got)
	}
}

// operators is the set a model uses, subgraphs and functions included; nil if one is not in the table.
func operators(m *onnx.Model) map[string]bool {
	ops := map[string]bool{}
	var walk func(nodes []*onnx.Node) bool
	walk = func(nodes []*onnx.Node) bool {
		for _, n := range nodes {
			if !onnx.Readable(n.Domain, n.OpType) {
				return false
			}
			ops[n.OpType] = true
			for _, a := range n.Attribute {
				if a.G != nil && !walk(a.G.Node) {
					return false
				}
			}
		}
		return true
	}
	if !walk(m.Main.Node) || len(m.Functions) > 0 {
		return nil
	}
	return ops
}

func exclusion(m *onnx.Model, err error) string {
	for _, o := range outside {
		if o.is(m, err) {
			return o.reason
		}
	}
	return ""
}

func values(m *onnx.Model) []*onnx.ValueInfo { return slices.Concat(m.Main.Input, m.Main.Output) }

func foreignType(m *onnx.Model) bool {
	return slices.ContainsFunc(values(m), func(v *onnx.ValueInfo) bool {
		if v.Type == nil || v.Type.Tensor == nil {
			return false
		}
		_, err := graph.DTypeOf(int(v.Type.Tensor.ElemType))
		return err != nil
	})
}

func foreignValue(m *onnx.Model) bool {
	return slices.ContainsFunc(values(m), func(v *onnx.ValueInfo) bool { return v.Type != nil && v.Type.Tensor == nil })
}

// fixIntegers makes the integers among the inputs behind the first ones of the file, with the numbers of the first data set.
func fixIntegers(dir string, m *onnx.Model) ([]byte, error) {
	in, err := tensors(filepath.Join(dir, "test_data_set_0"), "input")
	if err != nil {
		return nil, err
	}
	for i, v := range m.Main.Input {
		if i > 0 && i < len(in) && in[i].DType().IsInteger() {
			m.Main.Initializer = append(m.Main.Initializer, onnx.TensorOf(v.Name, in[i]))
		}
	}
	return m.Marshal(), nil
}

// conform runs a model on each of its data sets and compares.
func conform(dir string, file []byte) (err error) {
	p, err := native.Engine{}.Open(file, engine.Options{})
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, p.Close()) }()
	sets, err := filepath.Glob(filepath.Join(dir, "test_data_set_*"))
	if err != nil || len(sets) == 0 {
		return fmt.Errorf("no data: %v", err)
	}
	for _, set := range sets {
		in, err := tensors(set, "input")
		if err != nil {
			return err
		}
		want, err := tensors(set, "output")
		if err != nil {
			return err
		}
		got := make([]tensor.Tensor, len(want))
		for i, w := range want {
			got[i] = tensor.New(w.DType(), w.Shape()...)
		}
		if err := p.Run(context.Background(), fed(file, in), got); err != nil {
			return err
		}
		for i := range want {
			if err := close(got[i], want[i]); err != nil {
				return fmt.Errorf("output %d: %w", i, err)
			}
		}
	}
	return nil
}

// fed are the inputs that no initialiser gives a value.
func fed(file []byte, in []tensor.Tensor) (out []tensor.Tensor) {
	m, err := onnx.Unmarshal(file)
	if err != nil {
		return in
	}
	required := m.Main.Required()
	for i, v := range m.Main.Input {
		if i < len(in) && slices.Contains(required, v) {
			out = append(out, in[i])
		}
	}
	return out
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func tensors(set, kind string) ([]tensor.Tensor, error) {
	var out []tensor.Tensor
	for i := 0; ; i++ {
		b, err := os.ReadFile(filepath.Join(set, fmt.Sprintf("%s_%d.pb", kind, i)))
		if os.IsNotExist(err) {
			return out, nil
		} else if err != nil {
			return nil, err
		}
		t, err := onnx.UnmarshalTensor(b)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
}

// close compares as ONNX's backend test does: integers and bools exactly, floats within 1e-7 + 1e-3·|want|.
func close(got, want tensor.Tensor) error {
	if !want.DType().IsFloat() {
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			return fmt.Errorf("got %v, want %v", got.Any(), want.Any())
		}
		return nil
	}
	g, w := got.Convert(tensor.Float64).Float64(), want.Convert(tensor.Float64).Float64()
	for i := range w {
		if g[i] == w[i] || math.IsNaN(g[i]) && math.IsNaN(w[i]) {
			continue
		}
		if !(math.Abs(g[i]-w[i]) <= 1e-7+1e-3*math.Abs(w[i])) {
			return fmt.Errorf("[%d] = %g, want %g", i, g[i], w[i])
		}
	}
	return nil
}
