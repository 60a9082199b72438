package export_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"fmtool/export"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/ort/orttest"
)

// foreign is a file that says nothing of itself: inputs and outputs of the builder, in opset 17.
func foreign(t testing.TB, build func(b *graph.Builder)) []byte {
	t.Helper()
	b := graph.NewBuilder("main_graph")
	build(b)
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.FromGraph(g, onnx.Wide, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m.Marshal()
}

func declare(t testing.TB, file []byte, settings map[string]string) []byte {
	t.Helper()
	out, err := export.Adopt(file, settings)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// linear is a network v = a·x + b·time, in whatever shape and type it has its inputs.
func linear(t testing.TB, a, b float64, float tensor.DType, time graph.Type, dims ...graph.Dim) []byte {
	return foreign(t, func(g *graph.Builder) {
		x := g.Input("x_t", float, append([]graph.Dim{graph.Sym("rows")}, dims...)...)
		at := g.Input("time", time.DType, time.Shape...)
		at.Type.Shape = time.Shape
		if time.DType != float {
			at = g.Op("Cast", graph.Attrs{"to": int64(graph.Code(float))}, at)
		}
		if time.Shape == nil || len(time.Shape) == 1 && time.Shape[0] == graph.Sym("rows") { // a column for each row
			at = g.Reshape(at, g.Ints(append([]int{-1}, ones(len(dims))...)...))
		}
		g.Output("v", g.Add(g.Scale(x, a), g.Scale(at, b)))
	})
}

func ones(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = 1
	}
	return list
}

// The time reaches the network in its own shape, type, range and direction, and the velocity leaves in ours: for one time and for a time of each row.
func TestDeclaredTime(t *testing.T) {
	rows, one := graph.Sym("rows"), graph.Fix(1)
	shape := func(d ...graph.Dim) graph.Shape { return append(graph.Shape{}, d...) }
	engines := map[string]engine.Engine{"native": native.Engine{}, "onnxruntime": orttest.Engine(t)}
	for _, c := range []struct {
		time        graph.Type
		float       tensor.DType
		rng         string
		noise, data float64
		dims        []graph.Dim
		tolerance   float64
	}{
		{graph.Type{DType: tensor.Float32, Shape: shape()}, tensor.Float32, "0:1", 0, 1, []graph.Dim{graph.Fix(2)}, 1e-6},
		{graph.Type{DType: tensor.Float32, Shape: shape(one)}, tensor.Float32, "1:0", 1, 0, []graph.Dim{graph.Fix(2)}, 1e-6},
		{graph.Type{DType: tensor.Float32, Shape: shape(rows)}, tensor.Float32, "0:1", 0, 1, []graph.Dim{graph.Fix(2)}, 1e-6},
		{graph.Type{DType: tensor.Float32, Shape: shape(rows)}, tensor.Float32, "1:0.25", 1, 0.25, []graph.Dim{graph.Fix(1), graph.Fix(2), graph.Fix(3)}, 1e-6},
		{graph.Type{DType: tensor.Float32, Shape: shape(rows, one)}, tensor.Float32, "1000:0", 1000, 0, []graph.Dim{graph.Fix(2)}, 1e-6},
		{graph.Type{DType: tensor.Float32, Shape: shape(rows, one, one, one)}, tensor.Float32, "0:1", 0, 1, []graph.Dim{graph.Fix(1), graph.Fix(2), graph.Fix(3)}, 1e-6},
		{graph.Type{DType: tensor.Float32, Shape: shape(one, one)}, tensor.Float32, "0:1", 0, 1, []graph.Dim{graph.Fix(2)}, 1e-6},
		{graph.Type{DType: tensor.Int64, Shape: shape(rows)}, tensor.Float32, "999:0", 999, 0, []graph.Dim{graph.Fix(2)}, 1e-6},
		{graph.Type{DType: tensor.Int32, Shape: shape()}, tensor.Float32, "0:999", 0, 999, []graph.Dim{graph.Fix(2)}, 1e-6},
		{graph.Type{DType: tensor.Float64, Shape: shape(rows)}, tensor.Float64, "0:1", 0, 1, []graph.Dim{graph.Fix(2)}, 1e-6},
		{graph.Type{DType: tensor.Float16, Shape: shape(rows)}, tensor.Float16, "0:1", 0, 1, []graph.Dim{graph.Fix(2)}, 4e-3},
		{graph.Type{DType: tensor.Float64, Shape: nil}, tensor.Float32, "0:1", 0, 1, []graph.Dim{graph.Fix(2)}, 1e-6},
	} {
		settings := map[string]string{"input-x": "x_t", "input-t": "time", "time-range": c.rng}
		file := declare(t, linear(t, 2, 3, c.float, c.time, c.dims...), settings)
		for name, e := range engines {
			t.Run(fmt.Sprintf("%v in %s for %v on %s", c.time, c.rng, c.float, name), func(t *testing.T) {
				m, err := runtime.Open(e, file, engine.Options{MaxBatch: 8})
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				want := func(x, at float64) float64 { // in our time, towards data
					time := c.noise + (c.data-c.noise)*at
					if c.time.DType.IsInteger() {
						time = math.Floor(time + 0.5)
					}
					return math.Copysign(1, c.data-c.noise) * (2*x + 3*time)
				}
				for _, times := range [][]float32{{0.25}, {0, 0.6}} {
					compareField(t, m, times, want, c.tolerance*max(1, math.Abs(c.noise), math.Abs(c.data)))
				}
			})
		}
	}
}

// compareField evaluates two rows at a time for both, or one for each.
func compareField(t *testing.T, m *runtime.Model, times []float32, want func(x, t float64) float64, tolerance float64) {
	t.Helper()
	x := tensor.New(tensor.Float32, append([]int{2}, m.Spec().Dims...)...)
	for i := range x.Float32() {
		x.Float32()[i] = float32(i)/4 - 1
	}
	got := tensor.New(tensor.Float32, x.Shape()...)
	if err := m.Velocity(context.Background(), got, x, tensor.Of(times, len(times), 1), tensor.Tensor{}); err != nil {
		t.Fatal(err)
	}
	for i, v := range got.Float32() {
		at := float64(times[min(i/m.Spec().Dim(), len(times)-1)])
		if w := want(float64(x.Float32()[i]), at); !(math.Abs(float64(v)-w) <= tolerance) {
			t.Errorf("t %v, element %d = %g, want %g", times, i, v, w)
		}
	}
}

// What a network predicts becomes the velocity by the formula of its path, and an output scale comes before that.
func TestDeclaredPrediction(t *testing.T) {
	for _, schedule := range flow.Schedules() {
		for _, q := range []flow.Quantity{flow.Velocity, flow.X1, flow.Noise, flow.Score} {
			t.Run(fmt.Sprint(schedule, "/", q), func(t *testing.T) {
				time := graph.Type{DType: tensor.Float32, Shape: graph.Shape{graph.Sym("rows")}}
				file := declare(t, linear(t, 2, 0, tensor.Float32, time, graph.Fix(2)),
					map[string]string{"input-x": "x_t", "input-t": "time", "prediction": q.String(), "path": schedule, "output-scale": "-0.5"})
				m, err := runtime.Open(native.Engine{}, file, engine.Options{})
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				s, err := flow.ParseSchedule(schedule)
				if err != nil {
					t.Fatal(err)
				}
				compareField(t, m, []float32{0.3, 0.8}, func(x, t float64) float64 {
					a, b := s.At(t).Convert(q, flow.Velocity)
					return a*x + b*-0.5*2*x
				}, 3e-5)
			})
		}
	}
}

// A vector is 0 where there is none, a label goes on as it is, and numbers of the data's scale are the normaliser's.
func TestDeclaredCondition(t *testing.T) {
	rows := graph.Sym("rows")
	build := func(y graph.Type) []byte {
		return foreign(t, func(b *graph.Builder) {
			x := b.Input("x", tensor.Float32, rows, graph.Fix(1))
			b.Input("t", tensor.Float32)
			c := b.Input("c", y.DType, y.Shape...)
			b.Output("v", b.Add(x, b.Reshape(b.Op("Cast", graph.Attrs{"to": int64(1)}, c), b.Ints(-1, 1))))
		})
	}
	labels := map[string]string{"input-y": "c", "classes": "a,b,c", "null": "0.2"}
	for _, c := range []struct {
		name     string
		file     []byte
		settings map[string]string
		y        tensor.Tensor
		want     []float32
	}{
		{"labels int64 [rows]", build(graph.Type{DType: tensor.Int64, Shape: graph.Shape{rows}}), labels, tensor.Of([]int64{0, 2, 3}, 3), []float32{0, 2, 3}},
		{"labels int32 [rows 1]", build(graph.Type{DType: tensor.Int32, Shape: graph.Shape{rows, graph.Fix(1)}}), labels, tensor.Of([]int64{1, 1, 0}, 3), []float32{1, 1, 0}},
		{"none of labels", build(graph.Type{DType: tensor.Int64, Shape: graph.Shape{rows}}), labels, tensor.Tensor{}, []float32{3, 3, 3}},
		{"a vector", build(graph.Type{DType: tensor.Float32, Shape: graph.Shape{rows, graph.Fix(1)}}), map[string]string{"input-y": "c", "vector": "1", "null": "0.2"},
			tensor.Of([]float32{5, 0, 6, 0, 7, 1}, 3, 2), []float32{5, 6, 0}},
		{"none of a vector", build(graph.Type{DType: tensor.Float32, Shape: graph.Shape{rows, graph.Fix(1)}}), map[string]string{"input-y": "c", "vector": "1", "null": "0.2"},
			tensor.Tensor{}, []float32{0, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := runtime.Open(native.Engine{}, declare(t, c.file, c.settings), engine.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			got := tensor.New(tensor.Float32, 3, 1)
			if err := m.Velocity(context.Background(), got, tensor.New(tensor.Float32, 3, 1), tensor.Of([]float32{0.5}, 1, 1), c.y); err != nil {
				t.Fatal(err)
			}
			for i, w := range c.want {
				if g := got.Float32()[i]; g != w {
					t.Errorf("row %d: %g, want %g", i, g, w)
				}
			}
		})
	}
}

// A file that declares itself in its metadata needs no more, what is said on top of it goes before, and the copy says what was declared; twice gives the same
// bytes, and a copy declares nothing any more.
func TestDeclaredByMetadata(t *testing.T) {
	time := graph.Type{DType: tensor.Float32, Shape: graph.Shape{}}
	m, err := onnx.Unmarshal(linear(t, 1, 0, tensor.Float32, time, graph.Fix(2)))
	if err != nil {
		t.Fatal(err)
	}
	m.SetMetadata(map[string]string{"author": "a colleague", export.DeclaredPrefix + "input-x": "x_t", export.DeclaredPrefix + "input-t": "time",
		export.DeclaredPrefix + "time-range": "1:0", export.DeclaredPrefix + "mean": "1,2", export.DeclaredPrefix + "column-names": "a,b"})
	file := declare(t, m.Marshal(), nil)
	if again := declare(t, m.Marshal(), nil); !bytes.Equal(again, file) {
		t.Error("declared twice, other bytes")
	}
	spec, meta, err := runtime.Describe(file)
	if err != nil {
		t.Fatal(err)
	}
	if meta["author"] != "a colleague" || meta[flow.Prefix+"onnxruntime.min"] != "1.12" || !strings.Contains(meta[flow.Prefix+"declaration"], "time-range=1:0") || export.Declared(meta) != nil {
		t.Errorf("metadata %q", meta)
	}
	if n := spec.Normaliser; len(n.Mean) != 2 || n.Mean[1] != 2 || n.Scale[1] != 1 || spec.Columns[1] != "b" || !spec.SharedTime {
		t.Errorf("spec %+v", spec)
	}
	if f, err := onnx.Unmarshal(file); err != nil || !strings.Contains(f.DocString, "one time for all rows") {
		t.Errorf("the doc string says %q, %v", f.DocString, err)
	}
	if same := declare(t, file, nil); !bytes.Equal(same, file) {
		t.Error("a model of ours is changed")
	}
	spec, _, err = runtime.Describe(declare(t, m.Marshal(), map[string]string{"mean": "7"}))
	if err != nil || spec.Normaliser.Mean[0] != 7 {
		t.Errorf("mean %v, %v; want 7, as said last", spec.Normaliser.Mean, err)
	}
}

// A network that does not fit its declaration is refused with what both say, and what to do.
func TestDeclaredMistakes(t *testing.T) {
	rows := graph.Sym("rows")
	scalar := graph.Type{DType: tensor.Float32, Shape: graph.Shape{}}
	plain := linear(t, 1, 0, tensor.Float32, scalar, graph.Fix(2))
	own := map[string]string{"input-x": "x_t", "input-t": "time"}
	with := func(more ...string) map[string]string {
		s := map[string]string{"input-x": "x_t", "input-t": "time"}
		for i := 0; i < len(more); i += 2 {
			s[more[i]] = more[i+1]
		}
		return s
	}
	bfloat := func() []byte {
		m, err := onnx.Unmarshal(plain)
		if err != nil {
			t.Fatal(err)
		}
		m.Main.Input[0].Type.Tensor.ElemType = 16
		return m.Marshal()
	}
	network := func(x graph.Shape, out ...graph.Dim) []byte {
		return foreign(t, func(b *graph.Builder) {
			v := b.Input("x_t", tensor.Float32, x...)
			b.Input("time", tensor.Float32)
			b.Output("v", v)
			if out != nil {
				b.Output("w", b.Input("mask", tensor.Float32, out...))
			}
		})
	}
	for _, c := range []struct {
		name     string
		file     []byte
		settings map[string]string
		want     []string
	}{
		{"an input of another name", plain, map[string]string{"input-t": "time"}, []string{`"x"`, "input-x", "x_t float32[rows 2]"}},
		{"one left over", network(graph.Shape{rows, graph.Fix(2)}, rows), with("output-u", "v"), []string{`"mask" is not declared`}},
		{"which output", network(graph.Shape{rows, graph.Fix(2)}, rows), own, []string{`"mask"`}},
		{"no such output", plain, with("output-u", "u"), []string{`"u"`, "output-u", "gives v"}},
		{"a batch that is fixed", network(graph.Shape{graph.Fix(4), graph.Fix(2)}), own, []string{"float32[4 2]", "4 rows", "dynamic_axes", "any-batch"}},
		{"a sample without a batch", network(graph.Shape{rows}), own, []string{"without a batch"}},
		{"lengths left open", network(graph.Shape{rows, graph.Sym("width")}), own, []string{"sample-dims"}},
		{"other dims", plain, with("sample-dims", "3"), []string{"float32[rows 2]", "[3]"}},
		{"bfloat16", bfloat(), own, []string{"input x_t", "16"}},
		{"a condition of no kind", plain, with("input-y", "y"), []string{"classes 10"}},
		{"no such condition", plain, with("classes", "10"), []string{`"y"`, "input-y"}},
		{"a range of one time", plain, with("time-range", "1:1"), []string{"time-range", "two different times"}},
		{"a range of one number", plain, with("time-range", "1"), []string{"time-range", "colon"}},
		{"another prediction", plain, with("prediction", "eps"), []string{"prediction", "noise"}},
		{"another path", plain, with("path", "linaer"), []string{"path", "linear"}},
		{"a setting that is none", plain, with("prediktion", "x1"), []string{"prediktion", "prediction"}},
		{"both kinds of conditions", plain, with("classes", "3", "vector", "2"), []string{"not both"}},
		{"the mean of three columns", plain, with("mean", "1,2,3"), []string{"3 means", "2 columns"}},
		{"times of training in reverse", plain, with("trained-times", "0.5:0.1"), []string{"time.min", "0.5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := export.Adopt(c.file, c.settings)
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("got %v, want one line with %q", err, want)
				}
			}
		})
	}
	own["any-batch"] = "true"
	if _, err := export.Adopt(network(graph.Shape{graph.Fix(4), graph.Fix(2)}), own); err != nil {
		t.Errorf("any-batch: %v", err)
	}
}

// What stands around a network means the same in every opset that a network may have, on onnxruntime too.
func TestDeclaredOpsets(t *testing.T) {
	e := orttest.Engine(t)
	for _, opset := range []int64{7, 11, 13, 15, 18, 21, 23} {
		m, err := onnx.Unmarshal(linear(t, 2, 3, tensor.Float32, graph.Type{DType: tensor.Float32, Shape: graph.Shape{graph.Sym("rows"), graph.Fix(1)}}, graph.Fix(2)))
		if err != nil {
			t.Fatal(err)
		}
		m.OpsetImport[0].Version = opset
		file := declare(t, m.Marshal(), map[string]string{"input-x": "x_t", "input-t": "time", "prediction": "noise", "path": "cosine", "time-range": "1:0"})
		for name, e := range map[string]engine.Engine{"native": native.Engine{}, "onnxruntime": e} {
			f, err := runtime.Open(e, file, engine.Options{})
			if err != nil {
				t.Fatalf("opset %d on %s: %v", opset, name, err)
			}
			s, _ := flow.ParseSchedule("cosine")
			compareField(t, f, []float32{0.3, 0.8}, func(x, t float64) float64 {
				a, b := s.At(t).Convert(flow.Noise, flow.Velocity)
				return a*x + b*(2*x+3*(1-t))
			}, 1e-5)
			f.Close()
		}
	}
}
