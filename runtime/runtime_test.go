package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/noise"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/solver"
)

var _ runtime.VelocityField = (*runtime.Model)(nil)

func spec(c flow.Condition, dims ...int) flow.Spec {
	return flow.Spec{Dims: dims, Condition: c, Schedule: flow.Linear, TimeMax: 1, Normaliser: flow.Normaliser{Kind: "global", Mean: []float32{10}, Scale: []float32{2}}}
}

// open opens a model with random weights on the native engine.
func open(t *testing.T, s flow.Spec) *runtime.Model {
	t.Helper()
	file, _ := networkFile(t, s)
	return openFile(t, file)
}

// networkFile is the file of a model with random weights.
func networkFile(t *testing.T, s flow.Spec) ([]byte, flow.Spec) {
	t.Helper()
	m, err := models.New(s, &models.MLP{Width: 16, Depth: 2}, noise.New(1, noise.Weights))
	if err != nil {
		t.Fatal(err)
	}
	noise.New(2, noise.Weights).Normals(m.Weights["net.out.weight"].Float32(), 0)
	for name, w := range m.Weights { // tables of conditions start small or at zero
		if strings.Contains(name, "y.") || strings.Contains(name, "null") || strings.Contains(name, "label") {
			noise.New(3, noise.Weights).Normals(w.Float32(), 0)
		}
	}
	g, err := models.VelocityGraph(m)
	if err != nil {
		t.Fatal(err)
	}
	return graphFile(t, g, m.Spec), m.Spec
}

func openGraph(t *testing.T, g *graph.Graph, s flow.Spec) *runtime.Model {
	t.Helper()
	return openFile(t, graphFile(t, g, s))
}

func graphFile(t *testing.T, g *graph.Graph, s flow.Spec) []byte {
	t.Helper()
	f, err := onnx.FromGraph(g, onnx.Wide, s.Metadata())
	if err != nil {
		t.Fatal(err)
	}
	return f.Marshal()
}

func openFile(t *testing.T, file []byte) *runtime.Model {
	t.Helper()
	m, err := runtime.Open(native.Engine{}, file, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// A sample depends on seed and row alone: not on the batch, nor on the rows around it; and it is in data units.
func TestRowsAreIndependent(t *testing.T) {
	s := spec(flow.Condition{Kind: flow.Labels, Classes: 3}, 2, 3)
	m := open(t, s)
	y := make([]int64, 50)
	for i := range y {
		y[i] = int64(i % 4)
	}
	draw := func(r runtime.Sampler, from, n int) []float32 {
		t.Helper()
		r.Field, r.Seed, r.Offset = m, 9, uint64(from)
		dst := tensor.New(tensor.Float32, n, 2, 3)
		if _, err := r.Sample(t.Context(), dst, tensor.Of(y[from:from+n], n)); err != nil {
			t.Fatal(err)
		}
		return dst.Float32()
	}
	for _, method := range solver.Methods {
		r := runtime.Sampler{Steps: 7, Method: method}
		whole := draw(r, 0, 50)
		r.Batch = 7
		if !slices.Equal(whole, draw(r, 0, 50)) {
			t.Errorf("%s: the batch changes the samples", method.Name)
		}
		if !slices.Equal(whole[20*6:25*6], draw(r, 20, 5)) {
			t.Errorf("%s: rows 20…24 differ when drawn alone", method.Name)
		}
	}
	mean := 0.0
	for _, v := range draw(runtime.Sampler{Steps: 1}, 0, 50) {
		mean += float64(v) / 300
	}
	if math.Abs(mean-10) > 3 {
		t.Errorf("mean %g is not in data units", mean)
	}
}

// No condition means the null class, or the learned null row; a condition changes the field.
func TestConditions(t *testing.T) {
	x, at := tensor.Of([]float32{0.1, -0.2, 0.3, 0.4}, 2, 2), tensor.Of([]float32{0.5}, 1, 1)
	field := func(m *runtime.Model, y tensor.Tensor) string {
		t.Helper()
		u := tensor.New(tensor.Float32, 2, 2)
		if err := m.Velocity(t.Context(), u, x, at, y); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(u.Float32())
	}
	labels := open(t, spec(flow.Condition{Kind: flow.Labels, Classes: 3}, 2))
	if none, null, one := field(labels, tensor.Tensor{}), field(labels, tensor.Of([]int64{3, 3}, 2)), field(labels, tensor.Of([]int64{1, 1}, 2)); none != null || none == one {
		t.Errorf("labels: none %s, null %s, class 1 %s", none, null, one)
	}
	vectors := open(t, spec(flow.Condition{Kind: flow.Vector, Width: 2}, 2))
	if none, zero, one := field(vectors, tensor.Tensor{}), field(vectors, tensor.New(tensor.Float32, 2, 2)), field(vectors, tensor.Full(float32(1), 2, 2)); none == zero || zero == one {
		t.Errorf("vectors: none %s, zeros %s, ones %s", none, zero, one)
	}
	plain := open(t, spec(flow.Condition{Kind: flow.Unconditional}, 2))
	for name, c := range map[string]struct {
		m          *runtime.Model
		dst, at, y tensor.Tensor
	}{
		"label out of range": {labels, x.Clone(), at, tensor.Of([]int64{0, 4}, 2)},
		"one label for two":  {labels, x.Clone(), at, tensor.Of([]int64{0}, 1)},
		"vector for labels":  {labels, x.Clone(), at, tensor.New(tensor.Float32, 2, 3)},
		"wide vector":        {vectors, x.Clone(), at, tensor.New(tensor.Float32, 2, 4)},
		"label for none":     {plain, x.Clone(), at, tensor.Of([]int64{0, 0}, 2)},
		"three times":        {plain, x.Clone(), tensor.New(tensor.Float32, 3, 1), tensor.Tensor{}},
		"scalar time":        {plain, x.Clone(), tensor.Scalar(float32(0)), tensor.Tensor{}},
		"narrow dst":         {plain, tensor.New(tensor.Float32, 2, 1), at, tensor.Tensor{}},
	} {
		if err := c.m.Velocity(t.Context(), c.dst, x, c.at, c.y); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// half is a network that gives x/2 whatever the time.
func half(t *testing.T) *graph.Graph {
	t.Helper()
	b := graph.NewBuilder("half")
	x := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(1))
	at := b.Input("t", tensor.Float32, graph.Sym(graph.TimeDim), graph.Fix(1))
	b.Output("velocity", b.Add(b.Scale(x, 0.5), b.Scale(at, 0)))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Where a prediction has no velocity, noise and score at t = 0 and x1 at t = 1, there is an error and no sample of NaN.
func TestPredictionsWithoutVelocity(t *testing.T) {
	cosine, err := flow.ParseSchedule("cosine")
	if err != nil {
		t.Fatal(err)
	}
	for _, schedule := range []flow.Schedule{flow.Linear, cosine} {
		for q, at := range map[flow.Quantity]float32{flow.Noise: 0, flow.Score: 0, flow.X1: 1} {
			s := spec(flow.Condition{Kind: flow.Unconditional}, 1)
			s.Schedule, s.Prediction = schedule, q
			m, u := openGraph(t, half(t), s), tensor.New(tensor.Float32, 1, 1)
			err := m.Velocity(t.Context(), u, tensor.Full(float32(1), 1, 1), tensor.Full(at, 1, 1), tensor.Tensor{})
			if err == nil || !strings.Contains(err.Error(), "no velocity at t") {
				t.Errorf("%v on %s at %g: %v, u = %v", q, schedule.Name(), at, err, u.Float32())
			}
		}
	}
	s := spec(flow.Condition{Kind: flow.Unconditional}, 1)
	s.Prediction = flow.X1
	sampler := runtime.Sampler{Field: openGraph(t, half(t), s), Steps: 5, Seed: 1}
	if _, err := sampler.Sample(t.Context(), tensor.New(tensor.Float32, 2, 1), tensor.Tensor{}); err != nil {
		t.Errorf("x1 by Euler steps, which stop short of t = 1: %v", err)
	}
	sampler.Method = solver.Heun
	if _, err := sampler.Sample(t.Context(), tensor.New(tensor.Float32, 2, 1), tensor.Tensor{}); err == nil {
		t.Error("x1 by Heun's method, which ends at t = 1: no error")
	}
}

// A model that predicts x1, noise or score gives the velocity that follows from it, with one time and with a time for each row.
func TestPredictionsAreConverted(t *testing.T) {
	for _, q := range []flow.Quantity{flow.Velocity, flow.X1, flow.Noise, flow.Score} {
		s := spec(flow.Condition{Kind: flow.Unconditional}, 1)
		s.Prediction = q
		g := half(t)
		m := openGraph(t, g, s)
		for _, times := range [][]float32{{0.3}, {0.3, 0.6}} {
			u, in := tensor.New(tensor.Float32, 2, 1), tensor.Of([]float32{1, -2}, 2, 1)
			if err := m.Velocity(t.Context(), u, in, tensor.Of(times, len(times), 1), tensor.Tensor{}); err != nil {
				t.Fatal(err)
			}
			for i, v := range in.Float32() {
				a, k := s.Schedule.At(float64(times[min(i, len(times)-1)])).Convert(q, flow.Velocity)
				if want := a*float64(v) + k*float64(v)/2; math.Abs(float64(u.Float32()[i])-want) > 1e-5 {
					t.Errorf("%v at %g: %g, want %g", q, times, u.Float32()[i], want)
				}
			}
		}
	}
}

// A file that is no velocity field is refused with what it is.
func TestDescribeRefuses(t *testing.T) {
	b := graph.NewBuilder("other")
	b.Output("scores", b.Neg(b.Input("image", tensor.Float32, graph.Sym("n"), graph.Fix(3))))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	for _, meta := range []map[string]string{nil, spec(flow.Condition{Kind: flow.Unconditional}, 3).Metadata()} {
		f, err := onnx.FromGraph(g, onnx.Wide, meta)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := runtime.Describe(f.Marshal()); err == nil || !strings.Contains(err.Error(), "image float32[n 3]") || !strings.Contains(err.Error(), "not a velocity field") {
			t.Errorf("got %v", err)
		}
	}
	if _, _, err := runtime.Describe([]byte("hello")); err == nil {
		t.Error("text was accepted")
	}
}

// A cancelled context ends sampling with its error; progress counts up to the whole.
func TestCancelAndProgress(t *testing.T) {
	m := open(t, spec(flow.Condition{Kind: flow.Unconditional}, 2))
	dst := tensor.New(tensor.Float32, 10, 2)
	last := 0
	r := runtime.Sampler{Field: m, Steps: 5, Batch: 4, Progress: func(done, total int) {
		if done <= last || total != 50 {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	}}
	if stats, err := r.Sample(t.Context(), dst, tensor.Tensor{}); err != nil || last != 50 || stats.Evaluations != 5 {
		t.Errorf("%v, %d, %+v", err, last, stats)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.Progress = func(int, int) { cancel() }
	if _, err := r.Sample(ctx, dst, tensor.Tensor{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := (runtime.Sampler{Field: m}).Sample(t.Context(), tensor.New(tensor.Float32, 10, 3), tensor.Tensor{}); err == nil {
		t.Error("samples of another width accepted")
	}
}
