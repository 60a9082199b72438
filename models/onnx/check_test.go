package onnx_test

import (
	"testing"

	"fmtool/models/onnx"
)

// Check accepts every model in ONNX's test data: they are valid, programs or not.
func TestCheckAcceptsValidModels(t *testing.T) {
	eachModel(t, func(t *testing.T, name string, file []byte) {
		m, err := onnx.Unmarshal(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
}
