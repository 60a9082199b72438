package onnx

import (
	"bytes"
	"maps"
	"reflect"
	"testing"
)

// digested is a model with a layer in a subgraph and one in a function.
func digested() *Model {
	node := func(name string, in, out string, a ...*Attribute) *Node {
		return &Node{Name: name, OpType: "Identity", Input: []string{in}, Output: []string{out}, Attribute: a}
	}
	weight := func(name string) *Tensor {
		return &Tensor{Name: name, DataType: 1, Dims: []int64{1}, RawData: []byte{0, 0, 128, 63}}
	}
	body := &Graph{Name: "body", Node: []*Node{node("inner/a", "x", "b")}, Initializer: []*Tensor{weight("w")}}
	return &Model{IRVersion: 8, OpsetImport: []*OperatorSetID{{Version: 17}}, DocString: "d", Main: &Graph{
		Node:        []*Node{node("net/a/one", "x", "y"), node("net/a/two", "y", "z"), node("net/loop", "z", "o", &Attribute{Name: "body", Type: GraphAttribute, G: body})},
		Initializer: []*Tensor{weight("v")}, Input: []*ValueInfo{{Name: "x"}, {Name: "t"}}, Output: []*ValueInfo{{Name: "o"}},
	}, Functions: []*Function{{Domain: "d", Name: "f", Input: []string{"x"}, Output: []string{"y"}, Node: []*Node{node("g/b", "x", "y")}}}}
}

// What is altered has its name among the sums that change, and no other has.
func TestDigestsNameWhatChanged(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(m *Model)
	}{
		{"tensors v", func(m *Model) { m.Main.Initializer[0].RawData[0] ^= 1 }},
		{"tensors net/loop/w", func(m *Model) { m.Main.Node[2].Attribute[0].G.Initializer[0].Dims = nil }},
		{"layers net/a", func(m *Model) { m.Main.Node[0], m.Main.Node[1] = m.Main.Node[1], m.Main.Node[0] }},
		{"layers net/loop/inner", func(m *Model) { m.Main.Node[2].Attribute[0].G.Node[0].OpType = "Neg" }},
		{"layers net", func(m *Model) { m.Main.Node[2].Input[0] = "y" }},
		{"layers f/g", func(m *Model) { m.Functions[0].Node[0].OpType = "Neg" }},
		{"parts inputs", func(m *Model) { m.Main.Input[0], m.Main.Input[1] = m.Main.Input[1], m.Main.Input[0] }},
		{"parts function f", func(m *Model) { m.Functions[0].Input[0] = "t" }},
		{"parts format", func(m *Model) { m.OpsetImport[0].Version = 18 }},
		{"parts doc string", func(m *Model) { m.DocString = "" }},
	} {
		before, m := digested().Digests(), digested()
		c.change(m)
		after := m.DigestsAt(before.Depth)
		var got []string
		for what, pair := range map[string][2]map[string]string{"tensors": {before.Tensors, after.Tensors}, "layers": {before.Layers, after.Layers}, "parts": {before.Parts, after.Parts}} {
			for name := range maps.Keys(pair[0]) {
				if pair[0][name] != pair[1][name] {
					got = append(got, what+" "+name)
				}
			}
		}
		if len(got) != 1 || got[0] != c.want {
			t.Errorf("changed sums %q, want %q", got, c.want)
		}
	}
}

// The sums are those of what is read back, and a model of many layers has no more than maxLayers.
func TestDigestsOfBytes(t *testing.T) {
	m := digested()
	back, err := Unmarshal(bytes.Clone(m.Marshal()))
	if err != nil {
		t.Fatal(err)
	}
	if got := back.Digests(); !reflect.DeepEqual(got, m.Digests()) {
		t.Errorf("read back %v, written %v", got, m.Digests())
	}
	for i := range 2 * maxLayers {
		m.Main.Node = append(m.Main.Node, &Node{Name: "net/" + string(rune('a'+i%3)) + "/" + string(rune(0x4e00+i)) + "/mul"})
	}
	if d := m.Digests(); len(d.Layers) > maxLayers || d.Depth != 2 || d.Layers["net/a"] == "" {
		t.Errorf("%d layers of paths of %d", len(d.Layers), d.Depth)
	}
}
