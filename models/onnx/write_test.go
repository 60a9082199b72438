package onnx_test

import (
	"bytes"
	"strings"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
)

// layers is a program with everything FromGraph writes: named and unknown lengths, parameters, a frozen table of floats, an integer parameter, a function
// called twice, a Loop that captures a parameter, a value that leaves under two names, and an input that leaves as it came.
func layers(t *testing.T) *graph.Graph {
	t.Helper()
	b := graph.NewBuilder("layers")
	batch := graph.Sym("batch")
	x := b.Input("x", tensor.Float32, batch, graph.Fix(2))
	times := b.Input("t", tensor.Float32, graph.Sym(graph.TimeDim), graph.Fix(1))
	w := b.Param("net.0.weight", tensor.Of([]float32{1, 2, 3, 4}, 2, 2))
	step := b.Param("step", tensor.Of([]int64{7}, 1))

	f := graph.NewBuilder("silu")
	z := f.Input("z", tensor.Float32, batch, graph.Fix(2))
	f.Output("y", f.Mul(z, f.Scale(f.Sigmoid(z), 1)))
	body, err := f.Graph()
	if err != nil {
		t.Fatal(err)
	}
	silu := &graph.Function{Domain: "fmtool", Name: "SiLU", Body: body}

	var h *graph.Value
	b.Scope("net", func() {
		h = b.Call(silu, b.MatMul(x, w))[0]
		h = b.Add(h, b.Mul(times, b.NamedConst("freq", tensor.Of([]float32{0.5, 0.25}, 1, 2))))
		h = b.Call(silu, h)[0]
	})
	loop := b.Sub("body", func(s *graph.Builder) {
		s.SubInput("i", graph.Type{DType: tensor.Int64, Shape: graph.Shape{}})
		cond := s.SubInput("cond", graph.Type{DType: tensor.Bool, Shape: graph.Shape{}})
		v := s.SubInput("v", h.Type)
		s.Output("go", s.Op("Identity", nil, cond))
		s.Output("next", s.MatMul(v, w))
	})
	trips := b.Const(tensor.Scalar(int64(3)))
	u := b.OpN("Loop", graph.Attrs{"body": loop}, 1, trips, nil, h)[0]
	b.Output("velocity", u)
	b.Output("same", u)
	b.Output("mean", b.ReduceMean(u, true, 1))
	b.Output("count", b.Add(step, b.Ints(1)))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	g.Doc = "how to use it"
	return g
}

// A program with functions, subgraphs and captures is the same after writing and reading; the file passes Check and has the same bytes each time.
func TestRoundTripOfEverything(t *testing.T) {
	for _, p := range onnx.Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			g := layers(t)
			back, file := again(t, g, p)
			if got, want := back.String(), g.String(); got != want && p.Opset >= 18 {
				t.Errorf("a round trip changed the program: %s\n%s", firstDifference(got, want), want)
			}
			if back.Doc != g.Doc {
				t.Errorf("doc = %q, want %q", back.Doc, g.Doc)
			}
			if _, twice := again(t, layers(t), p); !bytes.Equal(file, twice) {
				t.Error("the same program gave other bytes")
			}
			_, first := again(t, back, p)
			if !bytes.Equal(file, first) && p.Opset >= 18 {
				t.Error("the program read back gave other bytes")
			}
			m, err := onnx.Unmarshal(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Each value of the main graph has its type and shape in the file; names, metadata and versions are those promised.
func TestWhatIsWritten(t *testing.T) {
	g := layers(t)
	m, err := onnx.FromGraph(g, onnx.Wide, map[string]string{"b": "2", "a": "1"})
	if err != nil {
		t.Fatal(err)
	}
	if m.IRVersion != 8 || m.OpsetImport[0].Version != 17 || m.ProducerName != "fmtool" {
		t.Errorf("IR %d, opset %d, producer %q", m.IRVersion, m.OpsetImport[0].Version, m.ProducerName)
	}
	if m.MetadataProps[0].Key != "a" || m.MetadataProps[1].Key != "b" {
		t.Error("metadata is not sorted")
	}
	typed := map[string]*onnx.Type{}
	for _, list := range [][]*onnx.ValueInfo{m.Main.Input, m.Main.Output, m.Main.ValueInfo} {
		for _, v := range list {
			if typed[v.Name] != nil {
				t.Errorf("%s is declared twice", v.Name)
			}
			typed[v.Name] = v.Type
		}
	}
	for _, n := range m.Main.Node {
		if n.Name == "" {
			t.Errorf("a node %s has no name", n.OpType)
		}
		for _, out := range n.Output {
			if typed[out] == nil || typed[out].Tensor.Shape == nil {
				t.Errorf("value %s has no shape", out)
			}
		}
		if n.OpType == "ReduceMean" && (len(n.Input) != 1 || n.Attribute[0].Name != "axes") {
			t.Errorf("ReduceMean of opset 17 has inputs %v, attributes %v", n.Input, n.Attribute)
		}
	}
	if d := typed["velocity"].Tensor.Shape.Dim; d[0].Param == nil || *d[0].Param != "batch" || *d[1].Value != 2 {
		t.Error("velocity is not [batch, 2]")
	}
	if d := typed["net/add"].Tensor.Shape.Dim; d[0].Param == nil || *d[0].Param != "batch" {
		t.Error("[batch, 2] + [T, 2] is not declared [batch, 2]")
	}
	for i, want := range []string{"net.0.weight", "step"} {
		if got := m.Main.Initializer[i].Name; got != want {
			t.Errorf("initialiser %d is %s, want %s", i, got, want)
		}
	}
}

// What a profile cannot say is refused with the operator and a profile that can.
func TestProfilesRefuse(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(b *graph.Builder, x *graph.Value) *graph.Value
		want  string // in profile wide
		never bool   // no profile has it
	}{
		{"bitwise", func(b *graph.Builder, x *graph.Value) *graph.Value {
			i := b.Op("Cast", graph.Attrs{"to": int64(7)}, x)
			return b.Op("BitwiseXor", nil, i, i)
		}, "operator BitwiseXor needs opset 18, profile wide has 17: write the model with profile seeded", false},
		{"computed axes", func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Op("ReduceMax", nil, x, b.Input("axes", tensor.Int64, graph.Fix(1)))
		}, "ReduceMax over axes that are computed needs opset 18", false},
		{"floor of fractions", func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Op("Mod", nil, x, b.Scalar(tensor.Float32, 2))
		}, "Mod of floats without fmod needs opset 28; no profile has it", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := graph.NewBuilder(c.name)
			b.Output("y", c.build(b, b.Input("x", tensor.Float32, graph.Fix(3))))
			g, err := b.Graph()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := onnx.FromGraph(g, onnx.Wide, nil); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if _, err := onnx.FromGraph(g, onnx.Seeded, nil); (err != nil) != c.never {
				t.Errorf("seeded: %v", err)
			}
		})
	}
}

// Every operator of the table can be read and written.
func TestVersionsCoverTheTable(t *testing.T) {
	for _, op := range graph.Ops() {
		m := &onnx.Model{IRVersion: 8, OpsetImport: []*onnx.OperatorSetID{{Version: 18}}, Main: &onnx.Graph{Name: "g", Node: []*onnx.Node{{OpType: op, Output: []string{"y"}}}}}
		if _, err := m.Graph(); err != nil && strings.Contains(err.Error(), "is not in the table") {
			t.Errorf("%s has no row in the table of versions", op)
		}
	}
}

// What is refused is refused with a reason: versions that no runtime takes or no consumer needs, bfloat16, Swish.
func TestProfileRefusals(t *testing.T) {
	b := graph.NewBuilder("g")
	b.Output("y", b.Neg(b.Input("x", tensor.Float32, graph.Fix(2))))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		try        func() error
	}{
		{"opset of the future", "no released onnxruntime loads more than IR 14 and opset 28", func() error {
			_, err := onnx.FromGraph(g, onnx.Profile{Name: "bold", IR: 10, Opset: 29}, nil)
			return err
		}},
		{"IR of the future", "no released onnxruntime", func() error {
			_, err := onnx.FromGraph(g, onnx.Profile{Name: "bold", IR: 15, Opset: 21}, nil)
			return err
		}},
		{"opset of the past", "written from IR 8 and opset 17 on", func() error {
			_, err := onnx.FromGraph(g, onnx.Profile{Name: "old", IR: 8, Opset: 11}, nil)
			return err
		}},
		{"bf16", "no CPU kernel that computes in bfloat16", func() error { _, err := onnx.ParseProfile("bf16"); return err }},
		{"latest", "loads in no released onnxruntime", func() error { _, err := onnx.ParseProfile("latest"); return err }},
		{"typing mistake", "modern", func() error { _, err := onnx.ParseProfile("moder"); return err }},
		{"Swish", "write Mul(x, Sigmoid(x))", func() error {
			b := graph.NewBuilder("g")
			b.Output("y", b.Op("Swish", nil, b.Input("x", tensor.Float32)))
			_, err := b.Graph()
			return err
		}},
		{"bfloat16 weights", "save the model in float32", func() error {
			_, err := (&onnx.Tensor{Name: "w", DataType: 16, RawData: []byte{0, 0}}).Value()
			return err
		}},
	} {
		if err := c.try(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	for _, p := range onnx.Profiles() {
		if got, err := onnx.ParseProfile(p.Name); err != nil || got != p || !strings.Contains(p.Why(), p.Runtime) {
			t.Errorf("profile %s: %+v, %v, %q", p.Name, got, err, p.Why())
		}
	}
}
