package models

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"

	"fmtool/models/tensor"
)

// The safetensors format: 8 bytes little-endian length of the header; the header, a JSON object {name: {dtype, shape, data_offsets},
// "__metadata__": {text: text}}; then the numbers, little-endian, row-major. The reader is stricter than the format: it refuses gaps, overlaps,
// duplicate names and keys it does not know.

// maxHeader bounds the header in bytes, maxTensors the tensors of a file.
const (
	maxHeader  = 16 << 20
	maxTensors = 1 << 16
	metaKey    = "__metadata__"
)

// safeNames are the names of the element types in a header.
var safeNames = map[tensor.DType]string{
	tensor.Float16: "F16", tensor.Float32: "F32", tensor.Float64: "F64", tensor.Int8: "I8", tensor.Int16: "I16", tensor.Int32: "I32", tensor.Int64: "I64",
	tensor.Uint8: "U8", tensor.Uint16: "U16", tensor.Uint32: "U32", tensor.Uint64: "U64", tensor.Bool: "BOOL",
}

var safeTypes = func() map[string]tensor.DType {
	m := map[string]tensor.DType{}
	for d, name := range safeNames {
		m[name] = d
	}
	return m
}()

// entry is a tensor's line of the header.
type entry struct {
	DType   string    `json:"dtype"`
	Shape   []int     `json:"shape"`
	Offsets *[2]int64 `json:"data_offsets"`
}

// WriteWeights writes tensors and metadata as safetensors. The bytes depend on nothing but the arguments: names are sorted. The data starts at a
// multiple of 8.
func WriteWeights(w io.Writer, weights map[string]tensor.Tensor, meta map[string]string) error {
	names := make([]string, 0, len(weights))
	for name := range weights {
		if name == metaKey || name == "" {
			return fmt.Errorf("models: a weight cannot be called %q", name)
		}
		names = append(names, name)
	}
	sort.Strings(names)
	header := map[string]any{}
	if len(meta) > 0 {
		header[metaKey] = meta
	}
	at := int64(0)
	for _, name := range names {
		t := weights[name]
		if t.IsZero() {
			return fmt.Errorf("models: weight %s is absent", name)
		}
		end := at + int64(t.Len())*int64(t.DType().Size())
		header[name] = entry{safeNames[t.DType()], append([]int{}, t.Shape()...), &[2]int64{at, end}}
		at = end
	}
	text, err := json.Marshal(header) // map keys come out sorted
	if err != nil {
		return fmt.Errorf("models: %w", err)
	}
	text = append(text, bytes.Repeat([]byte(" "), (8-len(text)%8)%8)...)
	if len(text) > maxHeader {
		return fmt.Errorf("models: a header of %d bytes, at most %d", len(text), maxHeader)
	}
	if _, err := w.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)); err != nil {
		return err
	}
	for _, name := range names {
		if _, err := weights[name].WriteTo(w); err != nil {
			return err
		}
	}
	return nil
}

// ReadWeights reads safetensors: the tensors, which share nothing with b, and the metadata.
func ReadWeights(b []byte) (map[string]tensor.Tensor, map[string]string, error) {
	weights, meta, err := readWeights(b)
	if err != nil {
		return nil, nil, fmt.Errorf("models: not a weights file: %w", err)
	}
	return weights, meta, nil
}

func readWeights(b []byte) (map[string]tensor.Tensor, map[string]string, error) {
	if len(b) < 8 {
		return nil, nil, fmt.Errorf("%d bytes, want at least 8", len(b))
	}
	n := binary.LittleEndian.Uint64(b)
	if n > maxHeader || n > uint64(len(b)-8) {
		return nil, nil, fmt.Errorf("a header of %d bytes in a file of %d, at most %d", n, len(b), maxHeader)
	}
	entries, meta, err := readHeader(b[8 : 8+n])
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	data := b[8+n:]
	if err := tile(entries, int64(len(data))); err != nil {
		return nil, nil, err
	}
	weights := map[string]tensor.Tensor{}
	for name, e := range entries {
		t, err := tensor.FromBytes(safeTypes[e.DType], data[e.Offsets[0]:e.Offsets[1]], e.Shape...)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		weights[name] = t
	}
	return weights, meta, nil
}

// readHeader reads the JSON object entry by entry, since Go's decoder would let the last of two equal names win.
func readHeader(text []byte) (map[string]entry, map[string]string, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		return nil, nil, errors.New("not a JSON object")
	}
	entries, meta, seen := map[string]entry{}, map[string]string(nil), map[string]bool{}
	for d.More() {
		tok, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		name := tok.(string) // a key of an object is a string
		if seen[name] {
			return nil, nil, fmt.Errorf("%.60q stands there twice", name)
		}
		seen[name] = true
		if name == metaKey {
			if meta, err = readMeta(d); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", metaKey, err)
			}
			continue
		}
		var e entry
		if err := d.Decode(&e); err != nil {
			return nil, nil, fmt.Errorf("%.60q: %w", name, err)
		}
		if len(entries) == maxTensors {
			return nil, nil, fmt.Errorf("more than %d tensors", maxTensors)
		}
		entries[name] = e
	}
	if _, err := d.Token(); err != nil {
		return nil, nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, nil, errors.New("something follows the JSON object")
	}
	return entries, meta, nil
}

// readMeta reads an object of texts without duplicates.
func readMeta(d *json.Decoder) (map[string]string, error) {
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		return nil, errors.New("not an object of texts")
	}
	meta := map[string]string{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := d.Token()
		if err != nil {
			return nil, err
		}
		text, ok := value.(string)
		if _, twice := meta[key.(string)]; !ok || twice {
			return nil, fmt.Errorf("%.60q is no text or stands there twice", key)
		}
		meta[key.(string)] = text
	}
	_, err := d.Token()
	return meta, err
}

// tile checks that the tensors cover the data without gap or overlap and have the sizes of their shapes.
func tile(entries map[string]entry, size int64) error {
	names := make([]string, 0, len(entries))
	for name, e := range entries {
		d, ok := safeTypes[e.DType]
		if !ok {
			return fmt.Errorf("%.60q: unknown dtype %.20q", name, e.DType)
		}
		if e.Offsets == nil || e.Shape == nil {
			return fmt.Errorf("%.60q: shape or data_offsets missing", name)
		}
		want := int64(d.Size())
		for _, n := range e.Shape {
			if n < 0 || n > 0 && want > size/int64(n) {
				return fmt.Errorf("%.60q: shape %v does not fit %d bytes", name, e.Shape, size)
			}
			want *= int64(n)
		}
		if e.Offsets[1]-e.Offsets[0] != want || e.Offsets[0] < 0 || e.Offsets[1] > size {
			return fmt.Errorf("%.60q: data_offsets %v for %d bytes of %s%v in %d", name, *e.Offsets, want, e.DType, e.Shape, size)
		}
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := entries[names[i]].Offsets, entries[names[j]].Offsets
		return a[0] < b[0] || a[0] == b[0] && a[1] < b[1]
	})
	at := int64(0)
	for _, name := range names {
		if o := entries[name].Offsets; o[0] != at {
			return fmt.Errorf("%.60q: data starts at %d, the one before ends at %d", name, o[0], at)
		}
		at = entries[name].Offsets[1]
	}
	if at != size {
		return fmt.Errorf("%d bytes of data, the tensors take %d", size, at)
	}
	return nil
}
