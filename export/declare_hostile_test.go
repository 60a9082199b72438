package export_test

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"fmtool/export"
	"fmtool/models/onnx"
)

// adopts declares what may be no network, and reads what came of it.
func adopts(t *testing.T, file []byte, settings map[string]string) bool {
	out, err := export.Adopt(file, settings)
	if err != nil {
		return false
	}
	m, err := onnx.Validate(out, onnx.Limits{})
	if err != nil {
		t.Errorf("declared, but not valid: %v", err)
		return false
	}
	_ = m.Check()
	_, _ = m.Graph()
	return true
}

// Changed and cut networks are refused or declared, without a panic.
func TestDeclareMutants(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	taken, tries := 0, 0
	for _, f := range fields {
		file := foreignFile(t, f.name+"_"+f.exporter+".onnx")
		settings := map[string]string{"any-batch": "true"}
		for name, text := range f.declared {
			settings[name] = text
		}
		for range 60 {
			b := append([]byte{}, file...)
			for range 1 + rng.IntN(3) {
				i, j := rng.IntN(len(b)), rng.IntN(len(b))
				switch rng.IntN(4) {
				case 0:
					b[i] ^= 1 << rng.IntN(8)
				case 1:
					b[i] = 0xff
				case 2:
					b = b[:1+i]
				case 3:
					b = append(b[:min(i, j):min(i, j)], b[max(i, j):]...)
				}
			}
			if tries++; adopts(t, b, settings) {
				taken++
			}
		}
	}
	if taken == 0 || taken == tries {
		t.Errorf("%d of %d taken: want some of both", taken, tries)
	}
}

// No file and no text of a setting panics.
func FuzzAdopt(f *testing.F) {
	files, err := filepath.Glob("../testdata/foreign/*.onnx")
	if err != nil || len(files) == 0 {
		f.Fatal("no networks", err)
	}
	for i, path := range files {
		f.Add(foreignFile(f, filepath.Base(path)), export.Settings[i%len(export.Settings)].Name, "1:0")
	}
	f.Fuzz(func(t *testing.T, file []byte, setting, text string) {
		adopts(t, file, map[string]string{"any-batch": "true", setting: text})
	})
}
