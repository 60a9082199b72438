package models

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"

	"fmtool/models/flow"
	"fmtool/models/tensor"
)

const (
	archKey   = flow.Prefix + "architecture"
	rawPrefix = "raw/" // of the weights as training left them, beside the averaged ones
)

// Encode returns the bytes of EncodeTo.
func (m *Model) Encode(raw map[string]tensor.Tensor, facts map[string]string) ([]byte, error) {
	var b bytes.Buffer
	err := m.EncodeTo(&b, raw, facts)
	return b.Bytes(), err
}

// EncodeTo writes the model as a weights file. raw are the weights without averaging, kept beside the model's own; nil: none. facts are further metadata,
// whose keys begin with flow.Prefix.
func (m *Model) EncodeTo(w io.Writer, raw map[string]tensor.Tensor, facts map[string]string) error {
	arch, err := describe(m.Arch)
	if err != nil {
		return err
	}
	meta := maps.Clone(facts)
	if meta == nil {
		meta = map[string]string{}
	}
	maps.Copy(meta, m.Spec.Metadata())
	meta[archKey] = arch
	all := maps.Clone(m.Weights)
	for name, t := range raw {
		all[rawPrefix+name] = t
	}
	return WriteWeights(w, all, meta)
}

// Decode reads what Encode wrote and returns the model and all metadata. raw asks for the weights without averaging.
func Decode(b []byte, raw bool) (*Model, map[string]string, error) {
	all, meta, err := ReadWeights(b)
	if err != nil {
		return nil, nil, err
	}
	m := &Model{Weights: map[string]tensor.Tensor{}}
	if m.Spec, err = flow.ParseSpec(meta); err != nil {
		return nil, nil, fmt.Errorf("models: %w", err)
	}
	if m.Arch, err = parse(meta[archKey]); err != nil {
		return nil, nil, err
	}
	for name, t := range all {
		if base, isRaw := strings.CutPrefix(name, rawPrefix); isRaw == raw {
			m.Weights[base] = t
		}
	}
	if _, err := VelocityGraph(m); err != nil {
		return nil, nil, err
	}
	return m, meta, nil
}

// parse reads what describe wrote.
func parse(text string) (Architecture, error) {
	var d struct {
		Kind     string          `json:"kind"`
		Settings json.RawMessage `json:"settings"`
	}
	if err := strict([]byte(text), &d); err != nil {
		return nil, fmt.Errorf("models: metadata %s: %w", archKey, err)
	}
	a, err := NewArchitecture(d.Kind)
	if err != nil {
		return nil, err
	}
	if err := strict(d.Settings, a); err != nil {
		return nil, fmt.Errorf("models: metadata %s: %w", archKey, err)
	}
	return a, nil
}

func strict(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(v)
}
