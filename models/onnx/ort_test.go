package onnx_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fmtool/models/onnx"
	"fmtool/models/onnx/onnxtest"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
	"fmtool/runtime/ort/orttest"
)

// Every program among ONNX's test models, read from its own version, written in the oldest profile that can say it and run by onnxruntime, gives the
// expected outputs: reading and lowering keep the meaning.
func TestRewrittenModelsOnOnnxruntime(t *testing.T) {
	e := orttest.Engine(t)
	root := onnxtest.DataDir(t)
	ran := map[string]int{}
	eachModel(t, func(t *testing.T, name string, file []byte) {
		m, err := onnx.Unmarshal(file)
		if err != nil {
			t.Fatal(err)
		}
		g, err := m.Graph()
		dir := filepath.Join(root, filepath.Dir(name), "test_data_set_0")
		if err != nil || len(g.Nodes) == 0 {
			return
		}
		in, err := tensors(dir, "input", len(g.Inputs))
		want, wantErr := tensors(dir, "output", len(g.Outputs))
		if err != nil || wantErr != nil {
			return // a sequence or an optional among the files
		}
		for _, p := range onnx.Profiles() {
			written, err := onnx.FromGraph(g, p, nil)
			if err != nil {
				continue
			}
			err = run(e, written.Marshal(), in, want)
			if err != nil && limited(err) {
				break
			}
			if err != nil {
				t.Errorf("%s in profile %s: %v", name, p.Name, err)
			}
			ran[p.Name]++
			break
		}
	})
	if ran["wide"] < 590 || ran["seeded"] < 28 {
		t.Errorf("cases by profile: %v; want at least 590 in wide and 28 in seeded", ran)
	}
}

// limits are errors that say onnxruntime, or its Go binding, has no such kernel or tensor; they concern none of the types that networks use.
var limits = []string{"Could not find an implementation for", "no scalars of this type", "the binding has no such tensors"}

func limited(err error) bool {
	return slices.ContainsFunc(limits, func(l string) bool { return strings.Contains(err.Error(), l) })
}

func tensors(dir, kind string, n int) ([]tensor.Tensor, error) {
	list := make([]tensor.Tensor, n)
	for i := range list {
		b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%s_%d.pb", kind, i)))
		if err != nil {
			return nil, err
		}
		if list[i], err = onnx.UnmarshalTensor(b); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// run compares the outputs of a file with the expected ones, within ONNX's own tolerance.
func run(e engine.Engine, file []byte, in, want []tensor.Tensor) error {
	p, err := e.Open(file, engine.Options{})
	if err != nil {
		return err
	}
	out := make([]tensor.Tensor, len(want))
	for i, w := range want {
		out[i] = tensor.New(w.DType(), w.Shape()...)
	}
	if err := errors.Join(p.Run(context.Background(), in, out), p.Close()); err != nil {
		return err
	}
	for i := range want {
		got, w := out[i].Convert(tensor.Float64).Float64(), want[i].Convert(tensor.Float64).Float64()
		for j := range w {
			if math.IsNaN(w[j]) != math.IsNaN(got[j]) || math.Abs(got[j]-w[j]) > 1e-7+1e-3*math.Abs(w[j]) {
				return fmt.Errorf("output %d, element %d is %v, want %v", i, j, got[j], w[j])
			}
		}
	}
	return nil
}
