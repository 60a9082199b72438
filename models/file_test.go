package models_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/tensor"
)

// A file made by another program, from the format's description, is read as meant.
func TestReadsGoldenSafetensors(t *testing.T) {
	b, err := os.ReadFile("testdata/tiny.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	w, meta, err := models.ReadWeights(b)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(len(w), w["a"], w["a"].Float32(), w["b/c"], w["b/c"].Int64(), w["flag"], w["flag"].Bool(), meta)
	want := "3 float32[2 3] [0 1.5 -2 3 -4.25 5] int64[2] [-7 1099511627776] bool[3] [true false true] map[note:Grüße]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func encode(t testing.TB, w map[string]tensor.Tensor, meta map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := models.WriteWeights(&b, w, meta); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// every holds a tensor of each element type, an empty one and a scalar.
func every() map[string]tensor.Tensor {
	w := map[string]tensor.Tensor{"empty": tensor.New(tensor.Float32, 0, 3), "scalar": tensor.Scalar(float32(7))}
	for d := tensor.Float16; d <= tensor.Bool; d++ {
		w["of "+d.String()] = tensor.Of([]float32{1, 0, 1, 1, 0, 0}, 2, 3).Convert(d)
	}
	return w
}

// What is written is read back, and the bytes are the same each time.
func TestWeightsRoundTrip(t *testing.T) {
	meta := map[string]string{"key": "value", "other": "\"<>\u2028"}
	b := encode(t, every(), meta)
	if !bytes.Equal(b, encode(t, every(), meta)) {
		t.Error("two writes differ")
	}
	w, m, err := models.ReadWeights(b)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(m, meta) || len(w) != len(every()) {
		t.Errorf("got %d tensors and %v", len(w), m)
	}
	for name, want := range every() {
		if got := w[name]; got.String() != want.String() || !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if start := 8 + binary.LittleEndian.Uint64(b); start%8 != 0 {
		t.Errorf("the data starts at %d", start)
	}
}

// raw is a file of a header and bytes of data.
func raw(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

// Hostile and damaged files are refused with a reason.
func TestReadWeightsRefuses(t *testing.T) {
	const a = `"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	for _, c := range []struct {
		name, want string
		file       []byte
	}{
		{"nothing", "0 bytes, want at least 8", nil},
		{"huge header", "a header of 18446744073709551615 bytes", bytes.Repeat([]byte{255}, 8)},
		{"header beyond the file", "a header of 100 bytes in a file of 10", append(binary.LittleEndian.AppendUint64(nil, 100), "{}"...)},
		{"no object", "not a JSON object", raw(`[]`, 0)},
		{"truncated JSON", "header", raw(`{"a":`, 0)},
		{"two objects", "something follows", raw(`{}{}`, 0)},
		{"twice", `"a" stands there twice`, raw(`{`+a+`,`+a+`}`, 8)},
		{"unknown key", "unknown field", raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}`, 8)},
		{"unknown dtype", `unknown dtype "F33"`, raw(`{"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}`, 8)},
		{"no offsets", "missing", raw(`{"a":{"dtype":"F32","shape":[2]}}`, 8)},
		{"no shape", "missing", raw(`{"a":{"dtype":"F32","data_offsets":[0,8]}}`, 8)},
		{"negative length", "does not fit", raw(`{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8)},
		{"overflowing shape", "does not fit", raw(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`, 0)},
		{"wrong size", "for 8 bytes of F32[2]", raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 8)},
		{"beyond the data", "does not fit 7 bytes", raw(`{`+a+`}`, 7)},
		{"offsets beyond the data", "data_offsets [8 16]", raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}`, 8)},
		{"backwards", "data_offsets [8 0]", raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8)},
		{"negative offset", "data_offsets [-8 0]", raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, 8)},
		{"overlap", "data starts at 4", raw(`{`+a+`,"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12)},
		{"gap", "data starts at 12", raw(`{`+a+`,"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}`, 16)},
		{"rest", "16 bytes of data, the tensors take 8", raw(`{`+a+`}`, 16)},
		{"metadata of numbers", "is no text", raw(`{"__metadata__":{"a":1}}`, 0)},
		{"metadata twice", "twice", raw(`{"__metadata__":{"a":"1","a":"2"}}`, 0)},
		{"metadata no object", "not an object", raw(`{"__metadata__":3}`, 0)},
	} {
		_, _, err := models.ReadWeights(c.file)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "models: not a weights file: ") {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestWriteWeightsRefuses(t *testing.T) {
	for want, w := range map[string]map[string]tensor.Tensor{
		`cannot be called "__metadata__"`: {"__metadata__": tensor.Scalar(float32(1))},
		`cannot be called ""`:             {"": tensor.Scalar(float32(1))},
		"weight a is absent":              {"a": {}},
	} {
		if err := models.WriteWeights(&bytes.Buffer{}, w, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// A model file gives back the model: spec, architecture, either set of weights, facts.
func TestModelFile(t *testing.T) {
	arch := &models.MLP{Width: 8, Depth: 2, Activation: "gelu", Residual: true}
	m := random(t, conditional(spec(1, 2, 2), flow.Labels, 3), arch)
	last := map[string]tensor.Tensor{}
	for name, w := range m.Weights {
		last[name] = tensor.Full(float32(2), w.Shape()...)
	}
	b, err := m.Encode(last, map[string]string{flow.Prefix + "train.steps": "12"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.Encode(last, map[string]string{flow.Prefix + "train.steps": "12"})
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("two encodings differ: %v", err)
	}
	for _, isRaw := range []bool{false, true} {
		got, meta, err := models.Decode(b, isRaw)
		if err != nil {
			t.Fatal(err)
		}
		if *got.Arch.(*models.MLP) != *m.Arch.(*models.MLP) || fmt.Sprint(got.Spec.Metadata()) != fmt.Sprint(m.Spec.Metadata()) ||
			meta[flow.Prefix+"train.steps"] != "12" {
			t.Errorf("got %+v, %v", got.Arch, got.Spec)
		}
		want := m.Weights
		if isRaw {
			want = last
		}
		if len(got.Weights) != len(want) {
			t.Errorf("raw %v: %d weights, want %d", isRaw, len(got.Weights), len(want))
		}
		for name, w := range want {
			if !bytes.Equal(got.Weights[name].Bytes(), w.Bytes()) {
				t.Errorf("raw %v: %s differs", isRaw, name)
			}
		}
	}
}

// A weights file that is no model of ours is refused with what is missing.
func TestDecodeRefuses(t *testing.T) {
	m := random(t, spec(2), &models.MLP{Width: 4})
	with := func(key, value string) []byte {
		b, err := m.Encode(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		w, meta, err := models.ReadWeights(b)
		if err != nil {
			t.Fatal(err)
		}
		meta[flow.Prefix+key] = value
		return encode(t, w, meta)
	}
	for want, file := range map[string][]byte{
		"not a velocity field":       encode(t, m.Weights, nil),
		`unknown architecture "cnn"`: with("architecture", `{"kind":"cnn","settings":{}}`),
		"io.fmtool.architecture":     with("architecture", `{"kind":"mlp","settings":{"wide":3}}`),
		"EOF":                        with("architecture", ""),
		"float32[3 4]":               with("dims", "3"),
		"the network needs":          with("architecture", `{"kind":"mlp","settings":{"width":5}}`),
	} {
		if _, _, err := models.Decode(file, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, _, err := models.Decode(with("x", ""), true); err == nil || !strings.Contains(err.Error(), "the weights have no") {
		t.Errorf("raw weights of a file without: %v", err)
	}
}

// No input panics, and what is accepted is written back to a file that reads the same.
func FuzzReadWeights(f *testing.F) {
	golden, err := os.ReadFile("testdata/tiny.safetensors")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Add(encode(f, every(), map[string]string{"a": "b"}))
	f.Add(raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, meta, err := models.ReadWeights(b)
		if err != nil {
			return
		}
		if _, named := w[""]; named {
			return // the format has nothing against it, the writer has
		}
		w2, meta2, err := models.ReadWeights(encode(t, w, meta))
		if err != nil || len(w2) != len(w) || !maps.Equal(meta, meta2) && len(meta) > 0 {
			t.Fatalf("read back: %v, %d tensors of %d, %v of %v", err, len(w2), len(w), meta2, meta)
		}
		for name := range w {
			if !bytes.Equal(w[name].Bytes(), w2[name].Bytes()) {
				t.Errorf("%s differs", name)
			}
		}
	})
}
