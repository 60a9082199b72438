package onnx_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
)

// written is a graph as a model.
func written(t testing.TB, p onnx.Profile, build func(b *graph.Builder)) *onnx.Model {
	t.Helper()
	b := graph.NewBuilder("g")
	build(b)
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.FromGraph(g, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func use(t *testing.T, in onnx.Inspection, op string) onnx.OperatorUse {
	t.Helper()
	for _, u := range in.Operators {
		if u.Name == op {
			return u
		}
	}
	t.Errorf("no %s among %+v", op, in.Operators)
	return onnx.OperatorUse{}
}

// A layer on one row costs 2·3·5 for the product and 5 each for bias and activation, on 7 rows seven times that; without the declared types of values in
// between too.
func TestInspectLayer(t *testing.T) {
	m := written(t, onnx.Wide, func(b *graph.Builder) {
		x := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(3))
		b.Output("y", b.Sigmoid(b.Add(b.MatMul(x, b.Param("w", tensor.New(tensor.Float32, 3, 5))), b.Param("b", tensor.New(tensor.Float32, 1, 5)))))
	})
	for range 2 {
		for rows, want := range map[int64]float64{0: 40, 7: 280} {
			in := onnx.Inspect(m, map[string]int64{"batch": max(rows, 1)})
			if in.Cost.Once != want || use(t, in, "MatMul").FLOPs != want*3/4 || len(in.Cost.Unknown)+len(in.Cost.Loops) > 0 {
				t.Errorf("%d rows: %+v, want %v", rows, in, want)
			}
			if in.Parameters != 20 || in.Bytes != 80 || in.Runtime != "1.12" || len(in.Warnings) > 0 || !slices.Equal(in.Types, []string{"float32"}) {
				t.Errorf("%+v", in)
			}
		}
		m.Main.ValueInfo, m.Main.Output[0].Type = nil, nil
	}
}

// A loop's body is counted for a step, once for the loop; of two branches the dearer one; a function at each of its calls.
func TestInspectGraphs(t *testing.T) {
	m := written(t, onnx.Modern, func(b *graph.Builder) {
		x := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(4))
		n := b.Input("n", tensor.Int64)
		body := b.Sub("body", func(s *graph.Builder) {
			s.SubInput("k", graph.Type{DType: tensor.Int64, Shape: graph.Shape{}})
			c := s.SubInput("c", graph.Type{DType: tensor.Bool, Shape: graph.Shape{}})
			v := s.SubInput("v", x.Type)
			s.Output("c_out", s.Op("Identity", nil, c))
			s.Output("v_out", s.Op("Sin", nil, s.MatMul(v, s.Param("w", tensor.New(tensor.Float32, 4, 4)))))
		})
		b.Output("y", b.OpN("Loop", graph.Attrs{"body": body}, 1, n, nil, x)[0])
	})
	m.Functions = []*onnx.Function{{Domain: "d", Name: "twice", Input: []string{"a"}, Output: []string{"s"}, OpsetImport: []*onnx.OperatorSetID{{Version: 17}},
		Node: []*onnx.Node{{OpType: "Add", Input: []string{"a", "a"}, Output: []string{"s"}}}}}
	branch := func(name, op string) *onnx.Attribute {
		return &onnx.Attribute{Name: name, Type: onnx.GraphAttribute, G: &onnx.Graph{Name: name, Node: []*onnx.Node{{OpType: op, Input: []string{"x"}, Output: []string{name}}},
			Output: []*onnx.ValueInfo{{Name: name}}}}
	}
	m.Main.Node = append(m.Main.Node, &onnx.Node{Domain: "d", OpType: "twice", Input: []string{"x"}, Output: []string{"p"}},
		&onnx.Node{Domain: "d", OpType: "twice", Input: []string{"p"}, Output: []string{"q"}},
		&onnx.Node{OpType: "If", Input: []string{"cond"}, Output: []string{"r"}, Attribute: []*onnx.Attribute{branch("then_branch", "Identity"), branch("else_branch", "Cos")}})
	in := onnx.Inspect(m, nil)
	loops := in.Cost.Loops
	if len(loops) != 1 || loops[0].Step != 2*4*4+4 || loops[0].Steps != -1 || use(t, in, "MatMul").StepCost != 32 || use(t, in, "Sin").Count != 1 {
		t.Errorf("loops %+v of %+v", loops, in.Operators)
	}
	if use(t, in, "Add").FLOPs != 8 || use(t, in, "d.twice").Count != 2 || use(t, in, "Cos").FLOPs != 4 || in.Cost.Once != 12 {
		t.Errorf("%+v", in)
	}
	if all := strings.Join(in.Warnings, "\n"); !strings.Contains(all, "control flow (If, Loop)") || !strings.Contains(all, "below 1.25") || in.Runtime != "1.18" {
		t.Errorf("%s, %s", all, in.Runtime)
	}
}

// Convolutions by others: [1 2 8 8] with 3×3 weights at stride 2 and padding 1, and the way back.
func TestInspectConvolution(t *testing.T) {
	weights := func(name string, dims ...int) *onnx.Tensor {
		return onnx.TensorOf(name, tensor.New(tensor.Float32, dims...))
	}
	m := &onnx.Model{IRVersion: 8, OpsetImport: []*onnx.OperatorSetID{{Version: 17}}, Main: &onnx.Graph{Name: "g",
		Input:       []*onnx.ValueInfo{{Name: "x", Type: floatType("N", 2, "H", 8)}},
		Output:      []*onnx.ValueInfo{{Name: "y", Type: floatType("N", 2, "H", 8)}},
		Initializer: []*onnx.Tensor{weights("w", 6, 2, 3, 3), weights("b", 6), weights("v", 6, 2, 2, 2)},
		Node: []*onnx.Node{
			{OpType: "Conv", Input: []string{"x", "w", "b"}, Output: []string{"h"}, Attribute: []*onnx.Attribute{
				{Name: "strides", Type: onnx.IntsAttribute, Ints: []int64{2, 2}}, {Name: "pads", Type: onnx.IntsAttribute, Ints: []int64{1, 1, 1, 1}}}},
			{OpType: "Relu", Input: []string{"h"}, Output: []string{"r"}},
			{OpType: "ConvTranspose", Input: []string{"r", "v"}, Output: []string{"y"}, Attribute: []*onnx.Attribute{{Name: "strides", Type: onnx.IntsAttribute, Ints: []int64{2, 2}}}},
		}}}
	in := onnx.Inspect(m, map[string]int64{"H": 8})
	small := 6.0 * 4 * 4
	if conv, relu, back := use(t, in, "Conv").FLOPs, use(t, in, "Relu").FLOPs, use(t, in, "ConvTranspose").FLOPs; conv != small*(2*2*9+1) || relu != small || back != small*2*2*4 {
		t.Errorf("%v, %v, %v of %+v", conv, relu, back, in.Cost)
	}
	m.Main.Input[0].Type.Tensor.Shape = nil
	if in := onnx.Inspect(m, nil); !slices.Equal(in.Cost.Unknown, []string{"Conv", "ConvTranspose", "Relu"}) {
		t.Errorf("of no rank: %+v", in.Cost)
	}
}

// floatType is float32 with lengths and names.
func floatType(dims ...any) *onnx.Type {
	s := &onnx.Shape{}
	for _, d := range dims {
		switch d := d.(type) {
		case int:
			s.Dim = append(s.Dim, &onnx.Dimension{Value: new(int64(d))})
		case string:
			s.Dim = append(s.Dim, &onnx.Dimension{Param: &d})
		}
	}
	return &onnx.Type{Tensor: &onnx.TensorType{ElemType: 1, Shape: s}}
}

// What a user should know before running a file is a warning that says where and what to do.
func TestInspectWarnings(t *testing.T) {
	typed := func(code int32, op string) func(*onnx.Model) {
		return func(m *onnx.Model) {
			m.Main.Input[0].Type, m.Main.Node[0].OpType = floatType("N"), op
			m.Main.Input[0].Type.Tensor.ElemType = code
		}
	}
	for name, c := range map[string]struct {
		change  func(*onnx.Model)
		want    string
		runtime string
	}{
		"bfloat16":   {typed(16, "Neg"), "no release of onnxruntime has a CPU kernel of Neg for bfloat16; save the model in float32", ""},
		"float64":    {typed(11, "Erf"), "CPU kernel of Erf for float64", ""},
		"late":       {typed(11, "Cos"), "onnxruntime below 1.32 has no CPU kernel of Cos for float64", "1.32"},
		"fine":       {typed(11, "Neg"), "", "1.12"},
		"Swish":      {func(m *onnx.Model) { typed(1, "Swish")(m); m.OpsetImport[0].Version = 25; m.IRVersion = 11 }, "Mul(x, Sigmoid(x))", ""},
		"IR":         {func(m *onnx.Model) { m.IRVersion = 10 }, "onnxruntime below 1.18 refuses IR 10", "1.18"},
		"opset":      {func(m *onnx.Model) { m.OpsetImport[0].Version = 99 }, "no released onnxruntime loads", ""},
		"outside":    {func(m *onnx.Model) { *m = *external("w.bin") }, "in other files, which must lie beside it: w.bin", "1.12"},
		"unused":     {initialiser(floats(2, 2)), "1 initialisers that nothing uses: w", "1.12"},
		"random":     {func(m *onnx.Model) { m.Main.Node[0].OpType = "RandomNormalLike" }, "two runs differ", "1.12"},
		"doc":        {func(m *onnx.Model) { m.Main.Node[0].DocString = `File "/home/ann/net.py", line 3` }, "in a doc string (node): /home/ann/net.py", "1.12"},
		"user":       {func(m *onnx.Model) { m.Main.Node[0].Name = "/Users/ann/x" }, "the name of a user: ann", "1.12"},
		"Windows":    {func(m *onnx.Model) { m.ProducerName = `C:\Users\bob\x` }, `C:\Users\bob\x`, "1.12"},
		"metadata":   {func(m *onnx.Model) { m.MetadataProps = []*onnx.StringStringEntry{{Key: "k", Value: "from /tmp/run7"}} }, "metadata (k): /tmp/run7", "1.12"},
		"layer name": {func(m *onnx.Model) { m.Main.Node[0].Name = "/data/0/Gemm" }, "", "1.12"},
		"extension":  {func(m *onnx.Model) { m.Main.Node[0].Domain, m.Main.Node[0].OpType = "com.microsoft", "QuickGelu" }, "other engines lack: com.microsoft.QuickGelu", "1.12"},
		"unknown":    {func(m *onnx.Model) { m.Main.Node[0].OpType = "Nge" }, "no known set, which no engine has: Nge", ""},
		"invalid":    {func(m *onnx.Model) { m.Main.Node[0].Input[0] = "z" }, "not valid", "1.12"},
	} {
		t.Run(name, func(t *testing.T) {
			m := plain(func(m *onnx.Model) { m.Main.Input[0].Type = floatType("N") })
			c.change(m)
			in := onnx.Inspect(m, nil)
			all := strings.Join(in.Warnings, "\n")
			if !strings.Contains(all, c.want) || c.want == "" && all != "" || in.Runtime != c.runtime {
				t.Errorf("runtime %q, warnings %q; want %q and %q in it", in.Runtime, all, c.runtime, c.want)
			}
		})
	}
}

// Numbers that no machine holds are counted as the most there is, not as what an overflow leaves.
func TestInspectOverflow(t *testing.T) {
	for _, dims := range [][]int64{{1 << 40, 1 << 40}, {-1}, {1 << 62, 4, 0}} {
		if in := onnx.Inspect(plain(initialiser(floats(1, dims...))), nil); in.Parameters != math.MaxInt64 || !strings.Contains(strings.Join(in.Warnings, " "), "beyond any memory") {
			t.Errorf("%v: %d, %v", dims, in.Parameters, in.Warnings)
		}
	}
	twice := plain(func(m *onnx.Model) {
		initialiser(&onnx.Tensor{Name: "a", DataType: 11, Dims: []int64{1 << 47}})(m)
		for range 1 << 16 {
			m.Main.Initializer = append(m.Main.Initializer, m.Main.Initializer[0])
		}
	})
	if in := onnx.Inspect(twice, nil); in.Bytes != math.MaxInt64 {
		t.Errorf("%d bytes", in.Bytes)
	}
}

// Shapes that the walk infers are those that ONNX's own test models declare: costs do not change when the declarations are taken away.
func TestInspectInfers(t *testing.T) {
	same, open := 0, map[string]int{}
	eachModel(t, func(t *testing.T, name string, file []byte) {
		m, err := onnx.Unmarshal(file)
		if err != nil {
			t.Fatal(err)
		}
		want := onnx.Inspect(m, nil).Cost
		m.Main.ValueInfo = nil
		for _, o := range m.Main.Output {
			o.Type = nil
		}
		got := onnx.Inspect(m, nil).Cost
		switch {
		case len(got.Unknown) > len(want.Unknown):
			for _, op := range got.Unknown {
				open[op]++
			}
		case len(got.Unknown) == 0 && got.Once != want.Once:
			t.Errorf("%s: %v without declarations, %v with", name, got, want)
		default:
			same++
		}
	})
	if same < 1500 {
		t.Errorf("%d models as declared, want 1500 and more; open: %v", same, open)
	}
	t.Logf("%d models, open: %v", same, open)
}

// Networks that PyTorch exported are counted whole, through the shapes that its exporters compute in the graph, and cost the same from either exporter where
// the graphs do the same.
func TestInspectPyTorch(t *testing.T) {
	cost := map[string]float64{}
	for _, name := range []string{"silu_dynamo", "silu_torchscript", "noise_dynamo", "noise_torchscript", "classes_dynamo", "classes_torchscript", "blocks_dynamo", "blocks_torchscript"} {
		file, err := os.ReadFile(filepath.Join("../../testdata/foreign", name+".onnx"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := onnx.Validate(file, onnx.Untrusted)
		if err != nil {
			t.Fatal(err)
		}
		in := onnx.Inspect(m, nil)
		if len(in.Cost.Unknown) > 0 || in.Cost.Once < 2*float64(in.Parameters)*0.9 {
			t.Errorf("%s: %+v with %d parameters", name, in.Cost, in.Parameters)
		}
		cost[name] = in.Cost.Once
	}
	if cost["silu_dynamo"] != 10130 || cost["silu_dynamo"] != cost["silu_torchscript"] || cost["noise_dynamo"] != cost["noise_torchscript"] {
		t.Errorf("%v", cost)
	}
}
