package onnx_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
)

// large is a model with a large parameter, a small one and a constant.
func large(t *testing.T) *onnx.Model {
	t.Helper()
	w := tensor.New(tensor.Float32, 50, 40)
	for i := range w.Float32() {
		w.Float32()[i] = float32(i)
	}
	b := graph.NewBuilder("large")
	x := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(50))
	y := b.Add(b.MatMul(x, b.Param("w", w)), b.Param("bias", tensor.Full(float32(2), 1, 40)))
	b.Output("y", b.Add(y, b.MatMul(x, b.Param("v", tensor.Full(float32(3), 50, 40)))))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.FromGraph(g, onnx.Wide, map[string]string{"io.fmtool.kind": "test"})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Numbers in a file beside the model, aligned, come back as the very bytes of the model with them inside.
func TestSplitAndJoin(t *testing.T) {
	want := large(t).Marshal()
	m := large(t)
	data, err := m.Split("large.onnx.data")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range m.Main.Initializer {
		outside := len(w.RawData) == 0
		if outside != (w.Name != "bias") {
			t.Errorf("%s is outside: %v", w.Name, outside)
		}
		if offset := w.ExternalData; outside && (offset[1].Key != "offset" || offset[1].Value != "0" && offset[1].Value != "65536") {
			t.Errorf("%s lies at %s %s, want a multiple of 65536", w.Name, offset[1].Key, offset[1].Value)
		}
	}
	small := m.Marshal()
	if back, err := onnx.Unmarshal(small); err != nil || len(small) > 2000 {
		t.Errorf("%d bytes remain (%v)", len(small), err)
	} else if name, err := back.Sidecar(); err != nil || name != "large.onnx.data" {
		t.Errorf("the file beside it is %q (%v)", name, err)
	} else if err := back.Join(data); err != nil || !bytes.Equal(back.Marshal(), want) {
		t.Errorf("joined again it is another model (%v)", err)
	}
}

// Files that do not belong to the model, places outside of them and names that lead elsewhere are refused.
func TestJoinRefuses(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(m *onnx.Model, data []byte) []byte
	}{
		{"one bit", "take both from one export", func(_ *onnx.Model, data []byte) []byte { data[100] ^= 1; return data }},
		{"cut", "take both from one export", func(_ *onnx.Model, data []byte) []byte { return data[:len(data)-1] }},
		{"beyond the end", "of a file of", edited("offset", "9999999")},
		{"too long", "of a file of", edited("length", "99999999999")},
		{"negative", "of a file of", edited("offset", "-4")},
		{"no number", "of a file of", edited("offset", "four")},
		{"folder above", "no name of a file beside", edited("location", "../secret")},
		{"absolute", "no name of a file beside", edited("location", "/etc/passwd")},
		{"other system", "no name of a file beside", edited("location", `C:\secret`)},
		{"nowhere", "no name of a file beside", edited("location", "")},
		{"two files", "in several files", edited("location", "other.data")},
	} {
		m := large(t)
		data, err := m.Split("large.onnx.data")
		if err != nil {
			t.Fatal(err)
		}
		data = c.change(m, data)
		_, err = m.Sidecar()
		if err == nil {
			err = m.Join(data)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := large(t).Split(fmt.Sprint("a/b")); err == nil {
		t.Error("a path taken for a name")
	}
}

// edited changes where a tensor's numbers are said to be, and forgets the sum, as a hostile file would.
func edited(key, value string) func(m *onnx.Model, data []byte) []byte {
	return func(m *onnx.Model, data []byte) []byte {
		m.MetadataProps = nil
		for _, e := range m.Main.Initializer[0].ExternalData {
			if e.Key == key {
				e.Value = value
			}
		}
		return data
	}
}
