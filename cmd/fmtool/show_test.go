//go:build show

package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"fmtool/export"
	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/ort/orttest"
	"fmtool/train/data"
	"fmtool/train/metric"
)

// The figures of the README on the models of `make demo`: run with `make show`, after it.

// demo opens a model that make demo left, on onnxruntime.
func demo(t *testing.T, name string) *runtime.Model {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("..", "..", "demo", name))
	if err != nil {
		t.Fatalf("run make demo first: %v", err)
	}
	m, err := runtime.Open(orttest.Engine(t), file, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// The digits are of the class asked for, and neither copies of the training rows nor a blur; a memoriser fails the same measure.
func TestShowDigits(t *testing.T) {
	m := demo(t, "digits.onnx")
	set, err := data.Digits()
	if err != nil {
		t.Fatal(err)
	}
	const n = 1000
	want := make([]int64, n)
	for i := range want {
		want[i] = int64(i * 10 / n)
	}
	samples := tensor.New(tensor.Float32, n, 64)
	if _, err := (runtime.Sampler{Field: m, Steps: 100, Seed: 1}).Sample(context.Background(), samples, tensor.Of(want, n)); err != nil {
		t.Fatal(err)
	}
	agreement := metric.Agreement(samples.Float32(), want, set.Rows, set.Labels, 64)
	novelty := metric.Novelty(samples.Float32(), set.Rows, 64)
	t.Logf("digits: 1-NN agreement %.1f %% (want ≥ 97), novelty %.3f (want 0.85 to 1.3)", 100*agreement, novelty)
	if agreement < 0.97 || novelty < 0.85 || novelty > 1.3 {
		t.Error("out of bounds")
	}
	if v := memoriser(t, set, m.Spec()); v > 0.85 {
		t.Errorf("the memoriser has novelty %.3f: the measure would not see copies", v)
	} else {
		t.Logf("digits: novelty of the closed-form sampler over the training rows %.3f", v)
	}
}

// memoriser is the novelty of samples that follow the exact marginal field of the training rows.
func memoriser(t *testing.T, set *data.Set, spec flow.Spec) float64 {
	points := make([]float64, len(set.Rows))
	z := make([]float32, len(set.Rows))
	spec.Normaliser.Encode(z, set.Rows)
	for i, v := range z {
		points[i] = float64(v)
	}
	m, err := flow.NewMixture(flow.Linear, 64, points, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	const n, steps = 100, 50
	out := make([]float32, n*64)
	for i := range n {
		x, u := make([]float64, 64), make([]float64, 64)
		row := out[i*64 : (i+1)*64]
		noise.New(1, noise.Sampling).Row(row, uint64(i))
		for j, v := range row {
			x[j] = float64(v)
		}
		for k := range steps {
			m.Velocity(u, x, float64(k)/steps)
			for j := range x {
				x[j] += u[j] / steps
			}
		}
		for j, v := range x {
			row[j] = float32(v)
		}
	}
	spec.Normaliser.Decode(out, out, 64)
	return metric.Novelty(out, set.Rows, 64)
}

// The sampled epicentres are within twice the sampling floor of the real ones in sliced W2.
func TestShowEarthquakes(t *testing.T) {
	m := demo(t, "earthquakes.onnx")
	set, err := data.Load("../../testdata/earthquakes.csv", data.Options{Columns: []string{"longitude", "latitude"}})
	if err != nil {
		t.Fatal(err)
	}
	perm := make([]int, set.Len())
	noise.New(1, noise.Split).Perm(perm)
	half := set.Len() / 2
	a, b := set.Take(perm[:half]), set.Take(perm[half:2*half])
	samples := tensor.New(tensor.Float32, half, 2)
	if _, err := (runtime.Sampler{Field: m, Steps: 100, Seed: 1}).Sample(context.Background(), samples, tensor.Tensor{}); err != nil {
		t.Fatal(err)
	}
	s := noise.New(1, noise.Projection)
	floor, err := metric.SlicedW2(a.Rows, b.Rows, 2, 200, s)
	if err != nil {
		t.Fatal(err)
	}
	d, err := metric.SlicedW2(samples.Float32(), b.Rows, 2, 200, s)
	t.Logf("earthquakes: sliced W2 %.3f, floor %.3f (want ≤ 2 × floor), %v", d, floor, err)
	if d > 2*floor {
		t.Error("out of bounds")
	}
}

// The trained models agree on every engine with float64 for batches up to 4097.
func TestShowParity(t *testing.T) {
	for _, name := range []string{"digits.onnx", "earthquakes.onnx"} {
		file, err := os.ReadFile(filepath.Join("..", "..", "demo", name))
		if err != nil {
			t.Fatalf("run make demo first: %v", err)
		}
		report, err := export.Verify(t.Context(), file, export.Checks{Reference: native.Engine{}, Batches: []int{1, 7, 512, 4097}, Engines: []export.Engine{
			{Name: "native", Engine: native.Engine{}}, {Name: "onnxruntime", Engine: orttest.Engine(t)}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %+v", name, report.Worst())
		if err := report.Err(); err != nil {
			t.Error(err)
		}
	}
}
