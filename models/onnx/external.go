package onnx

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
)

// MaxInside is the size from which a model's weights belong in a file of their own, 1.5 GiB: no message of the format can be longer than 2 GiB.
const MaxInside = 3 << 29

// Tensors in a file of their own begin on multiples of sidecarStep, as memory-mapped files need on every system, and are no shorter than leastOutside.
const (
	sidecarStep  = 1 << 16
	leastOutside = 1 << 10
)

// keySidecar is the metadata key of the SHA-256 of the file beside the model, in hexadecimal.
const keySidecar = "io.fmtool.data.sha256"

// Split moves the numbers of the main graph's initialisers to one file beside the model, called name, and returns its bytes; its SHA-256 becomes metadata.
// The model keeps small tensors. Join is the reverse.
func (m *Model) Split(name string) ([]byte, error) {
	if err := checkSidecarName(name); err != nil {
		return nil, err
	}
	var data []byte
	for _, t := range m.Main.Initializer {
		if len(t.RawData) < leastOutside || t.DataLocation != 0 {
			continue
		}
		data = append(data, make([]byte, (sidecarStep-len(data)%sidecarStep)%sidecarStep)...)
		t.ExternalData = []*StringStringEntry{
			{Key: "location", Value: name}, {Key: "offset", Value: strconv.Itoa(len(data))}, {Key: "length", Value: strconv.Itoa(len(t.RawData))},
		}
		data = append(data, t.RawData...)
		t.RawData, t.DataLocation = nil, 1
	}
	if data == nil {
		return nil, fmt.Errorf("onnx: no tensor of the model is as large as %d bytes; it needs no file beside it", leastOutside)
	}
	meta := m.Metadata()
	sum := sha256.Sum256(data)
	meta[keySidecar] = hex.EncodeToString(sum[:])
	m.SetMetadata(meta)
	return data, nil
}

// Sidecar is the name of the file beside the model that holds numbers of it, "" if all are inside. More files than one, and names that lead elsewhere than
// beside the model, are refused.
func (m *Model) Sidecar() (string, error) {
	if m.Main == nil {
		return "", nil
	}
	name := ""
	for _, t := range m.Main.Initializer {
		if t.DataLocation == 0 {
			continue
		}
		where := t.external("location")
		if err := checkSidecarName(where); err != nil {
			return "", fmt.Errorf("%w (tensor %q)", err, t.Name)
		}
		if name != "" && name != where {
			return "", fmt.Errorf("onnx: the model's numbers are in several files (%.60q, %.60q), one is read", name, where)
		}
		name = where
	}
	return name, nil
}

// Join puts the numbers of the file beside the model back inside. Bytes of another SHA-256 than the metadata's, if they have one, are refused, and so are tensors
// that lie outside of them.
func (m *Model) Join(data []byte) error {
	meta := m.Metadata()
	if want, ok := meta[keySidecar]; ok {
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want {
			return fmt.Errorf("onnx: the file beside the model has SHA-256 %x…, the model was written with %.16s…: take both from one export", sum[:8], want)
		}
		delete(meta, keySidecar)
		m.SetMetadata(meta)
	}
	for _, t := range m.Main.Initializer {
		if t.DataLocation == 0 {
			continue
		}
		offset, err := t.externalNumber("offset", 0)
		length, more := t.externalNumber("length", len(data)-offset)
		if err = errors.Join(err, more); err != nil || offset < 0 || length < 0 || offset > len(data) || length > len(data)-offset {
			return fmt.Errorf("onnx: tensor %q: bytes %d to %d of a file of %d (%v)", t.Name, offset, offset+length, len(data), err)
		}
		t.RawData, t.DataLocation, t.ExternalData = slices.Clone(data[offset:offset+length]), 0, nil
	}
	return nil
}

// checkSidecarName: a plain file name, so that no model reads elsewhere than beside itself.
func checkSidecarName(name string) error {
	if name == "" || name == "." || name == ".." || filepath.Base(name) != name || slices.ContainsFunc([]rune(name), func(r rune) bool { return r == '/' || r == '\\' || r == ':' }) {
		return fmt.Errorf("onnx: %.80q is no name of a file beside the model", name)
	}
	return nil
}

func (t *Tensor) external(key string) string {
	for _, e := range t.ExternalData {
		if e.Key == key {
			return e.Value
		}
	}
	return ""
}

func (t *Tensor) externalNumber(key string, otherwise int) (int, error) {
	text := t.external(key)
	if text == "" {
		return otherwise, nil
	}
	return strconv.Atoi(text)
}
