package graph_test

import (
	"math/rand/v2"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// What a rule says of named lengths is what it says of the numbers: at every N that the operator accepts, each claimed length and integer is the exact
// one, and an operator is refused before the run only if no N would do.
func TestRulesHoldAtEveryLength(t *testing.T) {
	claimed, refused := 0, 0
	for _, name := range graph.Ops() {
		if name == "Loop" || name == "If" {
			continue
		}
		for seed := range 1500 {
			g := &guess{rand.New(rand.NewPCG(uint64(seed), 3))}
			node, in := g.node(t, name)
			said, err := graph.Infer(node, substitute(in, nil))
			if err != nil {
				refused++
			} else if said[0].Shape.Known() {
				claimed++
			}
			for v := range 5 {
				if v == 0 && name == "Reshape" {
					continue // a length that is asked for and is 0 means "copy"
				}
				exact, exactErr := graph.Infer(node, substitute(in, map[string]int{"N": v}))
				if exactErr != nil {
					continue
				}
				if err != nil {
					t.Errorf("%s %v %v: %v; N = %d gives %v", name, node.Attrs, in, err, v, exact)
					break
				}
				for i := range said {
					if !holdsAt(said[i], exact[i], v) {
						t.Errorf("%s %v %v: %v %v; N = %d gives %v %v", name, node.Attrs, in, said[i].Type, said[i].Ints, v, exact[i].Type, exact[i].Ints)
					}
				}
			}
		}
	}
	if claimed < 3000 || refused < 3000 {
		t.Errorf("%d shapes known, %d refused: the test says too little", claimed, refused)
	}
}

// holdsAt compares what is said with what is exact when N is v.
func holdsAt(said, exact graph.Known, v int) bool {
	at := func(d graph.Dim, n graph.Dim) bool {
		i, ok := d.Eval(map[string]int{"N": v})
		return !ok || n.Is(i)
	}
	if said.DType != exact.DType || said.Shape != nil && len(said.Shape) != len(exact.Shape) {
		return false
	}
	for i, d := range said.Shape {
		if !at(d, exact.Shape[i]) {
			return false
		}
	}
	for i, d := range said.Ints {
		if d.Known() && (i >= len(exact.Ints) || !at(d, exact.Ints[i])) {
			return false
		}
	}
	return true
}

// substitute puts numbers in the place of names; without any it copies.
func substitute(in []graph.Known, lengths map[string]int) []graph.Known {
	each := func(dims []graph.Dim) []graph.Dim {
		if dims == nil {
			return nil
		}
		out := append([]graph.Dim{}, dims...)
		for i, d := range out {
			if n, ok := d.Eval(lengths); ok {
				out[i] = graph.Fix(n)
			}
		}
		return out
	}
	out := append([]graph.Known{}, in...)
	for i, k := range in {
		out[i].Shape, out[i].Ints = each(k.Shape), each(k.Ints)
	}
	return out
}

// guess makes nodes whose shapes and integers hold one name.
type guess struct{ *rand.Rand }

func (g *guess) length() graph.Dim {
	n := graph.Sym("N")
	return []graph.Dim{n, n, n, n.Mul(graph.Fix(2)), n.Add(graph.Fix(1)), n.Mul(graph.Fix(2)).Add(graph.Fix(2)), graph.Fix(1), graph.Fix(2), graph.Fix(3), graph.Fix(4)}[g.IntN(10)]
}

func (g *guess) node(t *testing.T, name string) (*graph.Node, []graph.Known) {
	t.Helper()
	op, err := graph.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	node := &graph.Node{Op: name, Attrs: graph.Attrs{}, Out: []*graph.Value{{}}}
	if op.MaxOut != 1 && g.IntN(2) == 0 {
		node.Out = append(node.Out, &graph.Value{})
	}
	for attr, kind := range op.Attrs {
		switch {
		case g.IntN(2) == 0 && attr != "to":
		case attr == "to":
			node.Attrs[attr] = []int64{1, 2, 6, 7}[g.IntN(4)]
		case kind == graph.IntAttr:
			node.Attrs[attr] = int64(g.IntN(4) - 2)
		case kind == graph.IntsAttr:
			node.Attrs[attr] = []int64{1, 0}
		case kind == graph.TensorAttr:
			node.Attrs[attr] = tensor.Of([]int64{2}, 1)
		}
	}
	most := op.MaxIn
	if most < 0 {
		most = 3
	}
	common := []tensor.DType{tensor.Float32, tensor.Int64, tensor.Int64, tensor.Bool}[g.IntN(4)]
	var in []graph.Known
	for i := range op.MinIn + g.IntN(most-op.MinIn+1) {
		d := common
		if i > 0 && g.IntN(2) == 0 {
			d = tensor.Int64
		}
		k := graph.Known{Type: graph.Type{DType: d, Shape: graph.Shape{}}}
		if d == tensor.Int64 && g.IntN(3) > 0 { // a few integers
			if k.Ints = make([]graph.Dim, 1); g.IntN(4) > 0 {
				k.Ints = make([]graph.Dim, g.IntN(4))
				k.Shape = graph.ShapeOf(len(k.Ints))
			}
			for j := range k.Ints {
				if k.Ints[j] = graph.Fix(g.IntN(6) - 2); g.IntN(3) == 0 {
					k.Ints[j] = g.length()
				}
			}
		} else {
			for range g.IntN(4) {
				k.Shape = append(k.Shape, g.length())
			}
		}
		node.In, in = append(node.In, &graph.Value{}), append(in, k)
	}
	return node, in
}
