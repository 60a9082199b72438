package onnx_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fmtool/models/onnx"
)

// plain is a model of one node, changed by change.
func plain(change func(m *onnx.Model)) *onnx.Model {
	m := &onnx.Model{
		IRVersion: 8, OpsetImport: []*onnx.OperatorSetID{{Version: 17}},
		Main: &onnx.Graph{Name: "g", Node: []*onnx.Node{{OpType: "Neg", Input: []string{"x"}, Output: []string{"y"}}},
			Input: []*onnx.ValueInfo{{Name: "x"}}, Output: []*onnx.ValueInfo{{Name: "y"}}},
	}
	if change != nil {
		change(m)
	}
	return m
}

// nested is a graph within n others.
func nested(n int) *onnx.Graph {
	g := &onnx.Graph{Name: "inner"}
	for range n {
		g = &onnx.Graph{Name: "g", Node: []*onnx.Node{{OpType: "If", Attribute: []*onnx.Attribute{{Name: "then_branch", G: g}}}}}
	}
	return g
}

// chain are functions of which each calls the next times times.
func chain(n, times int) (list []*onnx.Function) {
	for i := range n {
		f := &onnx.Function{Domain: "d", Name: fmt.Sprint("f", i)}
		for range times {
			f.Node = append(f.Node, &onnx.Node{Domain: "d", OpType: fmt.Sprint("f", i+1)})
		}
		list = append(list, f)
	}
	list[n-1].Node = nil
	return list
}

func initialiser(t *onnx.Tensor) func(m *onnx.Model) {
	return func(m *onnx.Model) { m.Main.Initializer = append(m.Main.Initializer, t) }
}

// What is beyond a limit, or does not fit itself, is refused with what and where; the model without it is taken.
func TestValidate(t *testing.T) {
	if _, err := onnx.Validate(plain(nil).Marshal(), onnx.Limits{}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		limits onnx.Limits
		change func(m *onnx.Model)
		want   string
	}{
		"bytes":             {onnx.Limits{Bytes: 10}, nil, "more than the 10 allowed"},
		"no graph":          {onnx.Limits{}, func(m *onnx.Model) { m.Main = nil }, "holds no graph"},
		"IR":                {onnx.Limits{}, func(m *onnx.Model) { m.IRVersion = 99 }, "older IR version"},
		"opset":             {onnx.Limits{}, func(m *onnx.Model) { m.OpsetImport[0].Version = 1 << 40 }, "older opset"},
		"nodes":             {onnx.Limits{Nodes: 3}, func(m *onnx.Model) { m.Main = nested(4) }, "above the 3 allowed"},
		"depth":             {onnx.Limits{Depth: 5}, func(m *onnx.Model) { m.Main = nested(6) }, "5 deep"},
		"calls in calls":    {onnx.Limits{}, func(m *onnx.Model) { m.Functions = chain(40, 1) }, "32 deep"},
		"calls that double": {onnx.Limits{}, func(m *onnx.Model) { m.Functions = chain(30, 2) }, "nodes and more"},
		"calls itself":      {onnx.Limits{}, func(m *onnx.Model) { m.Functions = chain(3, 1); m.Functions[2].Node = m.Functions[0].Node[:1] }, "calls itself"},
		"tensors":           {onnx.Limits{Tensors: 1}, func(m *onnx.Model) { initialiser(floats(1, 1))(m); initialiser(floats(1, 1))(m) }, "more than 1 tensors"},
		"product":           {onnx.Limits{}, initialiser(floats(1, 1<<32, 1<<32)), "beyond any memory"},
		"product with 0":    {onnx.Limits{}, initialiser(floats(0, 0, 1<<62, 1<<62)), "beyond any memory"},
		"negative":          {onnx.Limits{}, initialiser(floats(1, -1, -1)), "negative"},
		"too few":           {onnx.Limits{}, initialiser(floats(3, 4)), `graph "g": tensor "w": 3 numbers for dimensions [4] of float32, want 4`},
		"raw too long":      {onnx.Limits{}, initialiser(&onnx.Tensor{DataType: 1, Dims: []int64{1}, RawData: make([]byte, 5)}), "5 bytes"},
		"twice":             {onnx.Limits{}, initialiser(&onnx.Tensor{DataType: 1, FloatData: []float32{1}, RawData: make([]byte, 4)}), "twice"},
		"other field":       {onnx.Limits{}, initialiser(&onnx.Tensor{DataType: 7, Dims: []int64{0}, FloatData: []float32{1}}), "1 numbers"},
		"no type":           {onnx.Limits{}, initialiser(&onnx.Tensor{}), "type 0 is not known"},
		"four bits":         {onnx.Limits{}, initialiser(&onnx.Tensor{DataType: 22, Dims: []int64{3}, RawData: make([]byte, 3)}), "want 2"},
		"external":          {onnx.Limits{}, initialiser(&onnx.Tensor{DataType: 1, DataLocation: 1}), "another file"},
		"declared":          {onnx.Limits{}, func(m *onnx.Model) { m.Main.Input[0].Type = square(1 << 40) }, "more elements than any memory"},
		"in an attribute": {onnx.Limits{}, func(m *onnx.Model) {
			m.Main.Node[0].Attribute = []*onnx.Attribute{{Name: "value", T: floats(3, 4)}}
		}, `node 0 "" (Neg): attribute value`},
		"unknown operators": {onnx.Limits{}, func(m *onnx.Model) {
			m.Main.Node = append(m.Main.Node, &onnx.Node{OpType: "Nge"}, &onnx.Node{OpType: "Blend", Domain: "my.ops"})
		}, "Nge, my.ops.Blend"},
		"an extension": {onnx.Untrusted, func(m *onnx.Model) { m.Main.Node[0].Domain, m.Main.Node[0].OpType = "com.microsoft", "QuickGelu" }, "com.microsoft.QuickGelu"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := onnx.Validate(plain(c.change).Marshal(), c.limits)
			if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 500 {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
	if _, err := onnx.Validate(external("w.bin").Marshal(), onnx.Limits{Outside: true}); err != nil {
		t.Errorf("numbers elsewhere, not looked at: %v", err)
	}
	huge := external("w.bin")
	huge.Main.Initializer[0].Dims = []int64{1 << 40, 1 << 40}
	if _, err := onnx.Validate(huge.Marshal(), onnx.Limits{Outside: true}); err == nil || !strings.Contains(err.Error(), "beyond any memory") {
		t.Errorf("numbers elsewhere beyond any memory: %v", err)
	}
	foreign := plain(func(m *onnx.Model) { m.Main.Node[0].Domain = "my.ops" }).Marshal()
	if _, err := onnx.Validate(foreign, onnx.Limits{Foreign: true}); err != nil {
		t.Errorf("to be looked at only: %v", err)
	}
}

// floats is the initialiser w with n numbers.
func floats(n int, dims ...int64) *onnx.Tensor {
	return &onnx.Tensor{Name: "w", DataType: 1, Dims: dims, FloatData: make([]float32, n)}
}

func square(n int64) *onnx.Type {
	return &onnx.Type{Tensor: &onnx.TensorType{ElemType: 1, Shape: &onnx.Shape{Dim: []*onnx.Dimension{{Value: &n}, {Value: &n}}}}}
}

// All of ONNX's own test models pass, but for one operator that it keeps outside every set.
func TestValidateOfONNX(t *testing.T) {
	taken := 0
	count := eachModel(t, func(t *testing.T, name string, file []byte) {
		if _, err := onnx.Validate(file, onnx.Limits{}); err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		taken++
	})
	if taken != count {
		t.Errorf("%d of %d", taken, count)
	}
}

// external is a model with one initialiser of two numbers at a location.
func external(location string, more ...string) *onnx.Model {
	return plain(func(m *onnx.Model) {
		w := &onnx.Tensor{Name: "w", DataType: 1, Dims: []int64{2}, DataLocation: 1, ExternalData: []*onnx.StringStringEntry{{Key: "location", Value: location}}}
		for i := 0; i+1 < len(more); i += 2 {
			w.ExternalData = append(w.ExternalData, &onnx.StringStringEntry{Key: more[i], Value: more[i+1]})
		}
		m.Main.Initializer = []*onnx.Tensor{w}
	})
}

// Data beside the model are taken into it; every way out of its folder is refused.
func TestEmbed(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "model")
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "sub"), 0o700))
	for _, path := range []string{filepath.Join(outer, "secret"), filepath.Join(dir, "w.bin"), filepath.Join(dir, "sub", "w.bin"), filepath.Join(dir, "linked")} {
		must(os.WriteFile(path, []byte("0123\x00\x00\x80\x3f\x00\x00\x00\x40"), 0o600))
	}
	must(os.Symlink(filepath.Join("..", "secret"), filepath.Join(dir, "symlink")))
	must(os.Symlink("w.bin", filepath.Join(dir, "inside")))
	must(os.Symlink("sub", filepath.Join(dir, "folder")))
	must(os.Link(filepath.Join(dir, "linked"), filepath.Join(outer, "linked")))
	for _, location := range []string{"w.bin", "sub/w.bin"} {
		m := external(location, "offset", "4", "length", "8")
		if _, err := onnx.Validate(m.Marshal(), onnx.Limits{}); !errors.Is(err, onnx.ErrExternal) {
			t.Errorf("%s: not asked for and taken: %v", location, err)
		}
		must(m.Embed(dir, 0))
		again, err := onnx.Validate(m.Marshal(), onnx.Limits{})
		must(err)
		v, err := again.Main.Initializer[0].Value()
		if err != nil || fmt.Sprint(v.Float32()) != "[1 2]" {
			t.Errorf("%s: %v, %v", location, v, err)
		}
	}
	for name, c := range map[string]struct {
		m    *onnx.Model
		want string
	}{
		"parent":      {external("../secret"), "not within"},
		"absolute":    {external(filepath.Join(outer, "secret")), "not within"},
		"none":        {external(""), "not within"},
		"backslash":   {external(`..\secret`), "not within"},
		"symlink":     {external("symlink"), "symbolic link"},
		"link inside": {external("inside"), "symbolic link"},
		"link folder": {external("folder/w.bin"), "symbolic link"},
		"hard link":   {external("linked"), "hard links"},
		"folder":      {external("sub"), "no plain file"},
		"missing":     {external("gone"), "no such file"},
		"past end":    {external("w.bin", "offset", "8"), "which has 12"},
		"huge offset": {external("w.bin", "offset", "9223372036854775807"), "which has 12"},
		"negative":    {external("w.bin", "offset", "-4"), "from 0 on"},
		"petabyte":    {external("w.bin", "length", "1125899906842624"), "need 8 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.m.Embed(dir, 0); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
	if err := external("w.bin").Embed(dir, 7); err == nil || !strings.Contains(err.Error(), "still allowed") {
		t.Errorf("above the limit: %v", err)
	}
}
