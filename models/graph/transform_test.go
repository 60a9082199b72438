package graph_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// sample is a program with everything in it: parameter, constant, function, branch with captures, loop.
func sample(t *testing.T) *graph.Graph {
	t.Helper()
	inner := graph.NewBuilder("twice")
	v := inner.Input("v", tensor.Float32, n, graph.Fix(2))
	inner.Output("w", inner.Add(v, v))
	body, err := inner.Graph()
	if err != nil {
		t.Fatal(err)
	}
	f := &graph.Function{Domain: "fm", Name: "Twice", Body: body}

	b := graph.NewBuilder("sample")
	x := b.Input("x", tensor.Float32, n, graph.Fix(2))
	c := b.Input("c", tensor.Bool)
	w := b.Param("w", tensor.Full(float32(3), 2, 2))
	var h *graph.Value
	b.Scope("layer", func() { h = b.Call(f, b.MatMul(x, w))[0] })
	b.Op("Exp", nil, h) // nobody reads it
	h = b.Op("If", graph.Attrs{
		"then_branch": b.Sub("then", func(s *graph.Builder) { s.Output("a", s.Mul(h, w)) }),
		"else_branch": b.Sub("else", func(s *graph.Builder) { s.Output("b", s.Neg(h)) }),
	}, c)
	loop := b.Sub("body", func(s *graph.Builder) {
		s.SubInput("i", graph.Type{DType: tensor.Int64, Shape: graph.Shape{}})
		on := s.SubInput("on", graph.Type{DType: tensor.Bool, Shape: graph.Shape{}})
		state := s.SubInput("state", graph.Type{DType: tensor.Float32, Shape: graph.Shape{n, graph.Fix(2)}})
		s.Output("on.next", s.Op("Identity", nil, on))
		s.Output("state.next", s.Add(state, x))
	})
	b.Output("y", b.Op("Loop", graph.Attrs{"body": loop}, b.Const(tensor.Scalar(int64(3))), nil, h))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// A copy is the same program; flattened it has no functions; retyped it has other element types everywhere.
func TestCopies(t *testing.T) {
	g := sample(t)
	c, err := g.Clone()
	if err != nil {
		t.Fatal(err)
	}
	if c.String() != g.String() {
		t.Errorf("the clone differs:\n%s\n%s", g, c)
	}
	flat, err := g.Flatten()
	if err != nil {
		t.Fatal(err)
	}
	for node := range flat.Walk() {
		if node.Domain != "" {
			t.Errorf("%s is still a call", node.Name)
		}
	}
	if len(flat.Functions) != 0 || len(flat.Nodes) != len(g.Nodes) {
		t.Errorf("%d functions, %d nodes", len(flat.Functions), len(flat.Nodes))
	}
	wide, err := flat.Retype(func(d tensor.DType) tensor.DType {
		if d == tensor.Float32 {
			return tensor.Float64
		}
		return d
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := wide.String(); strings.Contains(s, "float32") || !strings.Contains(s, "param    w float64[2 2]") {
		t.Errorf("float32 is left:\n%s", s)
	}
	if g.String() != sample(t).String() {
		t.Error("the original was changed")
	}
}

// Pruning removes what no output needs and keeps the inputs.
func TestPrune(t *testing.T) {
	g := sample(t)
	before := len(g.Nodes)
	g.Prune()
	if len(g.Nodes) != before-1 || len(g.Inputs) != 2 || len(g.Params) != 1 || g.Verify() != nil {
		t.Errorf("%d of %d nodes, %d inputs, %d parameters, %v", len(g.Nodes), before, len(g.Inputs), len(g.Params), g.Verify())
	}
	for node := range g.Walk() {
		if node.Op == "Exp" {
			t.Error("the dead node lives")
		}
	}
}

// A graph inlined twice shares its parameters.
func TestInlineSharesParameters(t *testing.T) {
	g := sample(t)
	b := graph.NewBuilder("twice")
	x, c := b.Input("x", tensor.Float32, n, graph.Fix(2)), b.Input("c", tensor.Bool)
	y := b.Inline(g, b.Inline(g, x, c)[0], c)[0]
	b.Output("y", y)
	out, err := b.Graph()
	if err != nil || len(out.Params) != 1 || len(out.Functions) != 1 {
		t.Fatalf("%v: %d parameters, %d functions", err, len(out.Params), len(out.Functions))
	}
	b.Inline(g, x)
	if b.Err() == nil {
		t.Error("a missing input was accepted")
	}
}

// Each way of breaking a program is found by Verify.
func TestVerifyFinds(t *testing.T) {
	if err := sample(t).Verify(); err != nil {
		t.Fatal(err)
	}
	for name, breakIt := range map[string]func(g *graph.Graph){
		"order":           func(g *graph.Graph) { g.Nodes[0], g.Nodes[1] = g.Nodes[1], g.Nodes[0] },
		"missing node":    func(g *graph.Graph) { g.Nodes = g.Nodes[1:] },
		"node twice":      func(g *graph.Graph) { g.Nodes = append(g.Nodes, g.Nodes[0]) },
		"foreign output":  func(g *graph.Graph) { g.Nodes[0].Out[0].Node = g.Nodes[1] },
		"name twice":      func(g *graph.Graph) { g.Params[0].Name = "x" },
		"no name":         func(g *graph.Graph) { g.Params[0].Name = "" },
		"wrong list":      func(g *graph.Graph) { g.Params[0].Kind = graph.Input },
		"arity":           func(g *graph.Graph) { g.Nodes[0].In = g.Nodes[0].In[:1] },
		"attribute":       func(g *graph.Graph) { g.Nodes[0].Attrs = graph.Attrs{"axis": int64(1)} },
		"operator":        func(g *graph.Graph) { g.Nodes[0].Op = "Nonsense" },
		"function":        func(g *graph.Graph) { g.Functions = nil },
		"function twice":  func(g *graph.Graph) { g.Functions = append(g.Functions, g.Functions[0]) },
		"no type":         func(g *graph.Graph) { g.Nodes[0].Out[0].Type.DType = tensor.Invalid },
		"arity of a call": func(g *graph.Graph) { g.Nodes[1].In = append(g.Nodes[1].In, g.Nodes[1].In[0]) },
		"inner parameter": func(g *graph.Graph) {
			s := branch(g)
			s.Params = append(s.Params, &graph.Value{Name: "p", Kind: graph.Param})
		},
		"output":           func(g *graph.Graph) { g.Outputs[0].Value = &graph.Value{Name: "ghost"} },
		"outputs' name":    func(g *graph.Graph) { g.Outputs = append(g.Outputs, g.Outputs[0]) },
		"capture":          func(g *graph.Graph) { branch(g).Captures[0].Outer = &graph.Value{Name: "ghost"} },
		"unlisted capture": func(g *graph.Graph) { branch(g).Captures = nil },
		"recursion": func(g *graph.Graph) {
			n := g.Functions[0].Body.Nodes[0]
			n.Op, n.Domain, n.In = "Twice", "fm", n.In[:1]
		},
		"function's parameter": func(g *graph.Graph) { g.Functions[0].Body.Params = g.Params },
	} {
		g := sample(t)
		breakIt(g)
		if err := g.Verify(); err == nil {
			t.Errorf("%s: not found", name)
		}
	}
}

func branch(g *graph.Graph) *graph.Graph {
	for node := range g.Walk() {
		if node.Op == "If" {
			return node.Graph("then_branch")
		}
	}
	return nil
}

var update = flag.Bool("update", false, "rewrite the golden file")

// The text of a program with a function, a branch and a loop is fixed.
func TestDump(t *testing.T) {
	got := sample(t).String()
	if *update {
		if err := os.WriteFile("testdata/dump.txt", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/dump.txt")
	if err != nil || got != string(want) {
		t.Errorf("got\n%s\nwant\n%s(%v)", got, want, err)
	}
}

// A function holds for other shapes than those it was written for, in its branches too.
func TestCallAtOtherShapes(t *testing.T) {
	inner := graph.NewBuilder("choose")
	v, c := inner.Input("v", tensor.Float32, n, graph.Fix(2)), inner.Input("c", tensor.Bool)
	branch := func(s *graph.Builder) { s.Output("w", s.Neg(v)) }
	inner.Output("w", inner.Op("If", graph.Attrs{"then_branch": inner.Sub("then", branch), "else_branch": inner.Sub("else", branch)}, c))
	body, err := inner.Graph()
	if err != nil {
		t.Fatal(err)
	}
	f := &graph.Function{Domain: "fm", Name: "Choose", Body: body}
	b := graph.NewBuilder("calls")
	x := b.Input("x", tensor.Float32, graph.Fix(5), graph.Fix(7))
	y := b.Call(f, x, b.Input("c", tensor.Bool))[0]
	b.Output("y", b.Add(x, y))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	flat, err := g.Flatten()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range []*graph.Graph{g, flat} {
		if got := g.Output("y").Type.String(); got != "float32[5 7]" {
			t.Errorf("%s", got)
		}
	}
}

// Functions that each call the one before twice are refused before they fill the memory.
func TestCallsDoNotExplode(t *testing.T) {
	var list []*graph.Function
	for i := range 40 {
		b := graph.NewBuilder("double")
		v := b.Input("v", tensor.Float32, n)
		w := b.Neg(v)
		if i > 0 {
			b.Inline(&graph.Graph{Functions: list})
			w = b.Call(list[i-1], b.Call(list[i-1], v)[0])[0]
		}
		b.Output("w", w)
		body, err := b.Graph()
		if err != nil {
			if want := "expands to more than 65536 nodes"; !strings.Contains(err.Error(), want) || i < 12 {
				t.Errorf("%d: %v, want %s", i, err, want)
			}
			return
		}
		body.Functions = nil
		list = append(list, &graph.Function{Domain: "fm", Name: fmt.Sprint("f", i), Body: body})
	}
	t.Error("forty doublings were accepted")
}
