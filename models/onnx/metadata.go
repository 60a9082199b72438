package onnx

import (
	"maps"
	"slices"
)

// Metadata is the model's metadata as a map. A key that stands twice has its last value; Check reports it.
func (m *Model) Metadata() map[string]string {
	meta := map[string]string{}
	for _, e := range m.MetadataProps {
		meta[e.Key] = e.Value
	}
	return meta
}

// SetMetadata replaces the model's metadata, sorted by key.
func (m *Model) SetMetadata(meta map[string]string) {
	m.MetadataProps = nil
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		m.MetadataProps = append(m.MetadataProps, &StringStringEntry{Key: key, Value: meta[key]})
	}
}
