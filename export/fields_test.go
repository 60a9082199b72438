package export_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"

	"fmtool/export"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/ort/orttest"
)

// fields are the networks of testdata/foreign and what must be said of them.
var fields = []struct {
	name, exporter string
	declared       map[string]string
	class          int // −1: unconditional
}{
	{"silu", "torchscript", map[string]string{"prediction": "velocity"}, -1},
	{"silu", "dynamo", map[string]string{"prediction": "velocity"}, -1},
	{"blocks", "torchscript", blocksDeclared, -1},
	{"blocks", "dynamo", blocksDeclared, -1},
	{"noise", "torchscript", noiseDeclared, -1},
	{"noise", "dynamo", noiseDeclared, -1},
	{"classes", "torchscript", classesDeclared, 3},
	{"classes", "dynamo", classesDeclared, 3},
	{"score", "jax", scoreDeclared, -1},
}

var (
	blocksDeclared = map[string]string{"input-x": "sample", "input-t": "timestep", "output-u": "out_sample", "time-range": "1000:0"}
	noiseDeclared  = map[string]string{"input-t": "timestep", "time-range": "999:0", "prediction": "noise", "path": "vp"}
	// The network's own β = √(1 − e^…) loses its digits in float32 near the data, where the loop of 50 steps does not go.
	scoreDeclared   = map[string]string{"input-x": "in_0", "input-t": "in_1", "time-range": "1:0", "prediction": "score", "path": "vp", "trained-times": "0:0.98"}
	classesDeclared = map[string]string{"input-y": "label", "classes": "8", "null": "0.1", "prediction": "x1"}
)

func foreignFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("../testdata/foreign/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Networks that PyTorch and JAX exported sample here, on both engines, as an Euler loop in NumPy does with the networks themselves, whatever the
// conventions.
func TestFieldsOfOthers(t *testing.T) {
	engines := map[string]engine.Engine{"native": native.Engine{}, "onnxruntime": orttest.Engine(t)}
	for _, f := range fields {
		d, err := export.NewDeclaration(f.declared)
		if err != nil {
			t.Fatal(err)
		}
		file, err := export.Declare(foreignFile(t, f.name+"_"+f.exporter+".onnx"), d)
		if err != nil {
			t.Errorf("%s by %s: %v", f.name, f.exporter, err)
			continue
		}
		want := readSamples(t, f.name)
		for name, e := range engines {
			t.Run(fmt.Sprint(f.name, "/", f.exporter, "/", name), func(t *testing.T) {
				m, err := runtime.Open(e, file, engine.Options{})
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				got := tensor.New(tensor.Float32, len(want)/2, 2)
				y := tensor.Tensor{}
				if f.class >= 0 {
					y = tensor.Full(int64(f.class), got.Dim(0))
				}
				if _, err := (runtime.Sampler{Field: m, Steps: 50, Seed: 7}).Sample(context.Background(), got, y); err != nil {
					t.Fatal(err)
				}
				worst, scale := 0.0, 1.0
				for i, w := range want {
					worst, scale = max(worst, math.Abs(float64(got.Float32()[i])-w)), max(scale, math.Abs(w))
				}
				if t.Logf("deviation %.1e", worst/scale); !(worst/scale <= 1e-4) {
					t.Errorf("samples deviate by %.1e of %g, want at most 1e-4", worst/scale, scale)
				}
			})
		}
	}
}

// readSamples are NumPy's.
func readSamples(t *testing.T, name string) (v []float64) {
	t.Helper()
	f, err := os.Open("../testdata/foreign/" + name + ".csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		for _, text := range row {
			x, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			v = append(v, x)
		}
	}
	return v
}
