package graph_test

import (
	"strings"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// A program becomes a function whose parameters the caller hands in, and comes back from it as the same program.
func TestFunctionOfAProgram(t *testing.T) {
	b := graph.NewBuilder("affine")
	x := b.Input("x", tensor.Float32, n, graph.Fix(2))
	w, c := tensor.Of([]float32{1, 2, 3, 4}, 2, 2), tensor.Full(float32(5), 1, 2)
	h := b.Reshape(b.Reshape(x, b.Ints(-1)), b.Ints(-1, 2))
	b.Output("y", b.Scale(b.Add(b.MatMul(h, b.Param("w", w)), b.Param("c", c)), 2))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	f, rest, err := g.AsFunction("fm", "affine")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range f.Body.Inputs {
		names = append(names, v.Name)
	}
	if got := strings.Join(names, " "); got != "x w c const const_2" || len(f.Body.Params) > 0 || len(f.Body.Constants) != 1 || len(rest) != 4 {
		t.Errorf("the function takes %s, want x w c and two shapes; it holds %d constants, want 1", got, len(f.Body.Constants))
	}
	if g.Param("w") == nil || g.Param("w").Data.IsZero() {
		t.Error("the program lost its parameter")
	}

	two := graph.NewBuilder("twice")
	v := two.Input("x", tensor.Float32, n, graph.Fix(2))
	args := []*graph.Value{two.Param("w", w), two.Param("c", c), two.NamedConst("const", rest[2].Data), two.NamedConst("const_2", rest[3].Data)}
	for range 2 {
		v = two.Call(f, append([]*graph.Value{v}, args...)...)[0]
	}
	two.Output("y", v)
	main, err := two.Graph()
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Type.String(); got != "float32[N 2]" || len(main.Params) != 2 {
		t.Errorf("two calls give %s from %d parameters, want float32[N 2] from 2", got, len(main.Params))
	}

	back, err := f.AsProgram(main.Nodes[0].In[1:])
	if err != nil {
		t.Fatal(err)
	}
	if got, want := back.String(), g.String(); got != want {
		t.Errorf("back from the function:\n%s\nwant\n%s", got, want)
	}
	if _, err := f.AsProgram(make([]*graph.Value, 6)); err == nil || !strings.Contains(err.Error(), "takes 5 inputs, called with 6") {
		t.Errorf("more parameters than inputs: %v", err)
	}
}
