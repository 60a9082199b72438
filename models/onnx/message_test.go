package onnx_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"fmtool/models/onnx"
	"fmtool/models/onnx/onnxtest"
)

// models of the onnx package 1.22.0, of which 1,914 lie in its test data.
func eachModel(t *testing.T, do func(t *testing.T, name string, file []byte)) (count int) {
	root := onnxtest.DataDir(t)
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".onnx" {
			return err
		}
		file, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		count++
		name, _ := filepath.Rel(root, path)
		do(t, name, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// Every model that ONNX ships to test its readers comes back byte for byte.
func TestLossless(t *testing.T) {
	count := eachModel(t, func(t *testing.T, name string, file []byte) {
		m, err := onnx.Unmarshal(file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if got := m.Marshal(); !bytes.Equal(got, file) {
			t.Errorf("%s: wrote %d bytes, read %d", name, len(got), len(file))
		}
	})
	if count != 1914 {
		t.Errorf("%d models, want the 1914 of onnx 1.22.0", count)
	}
}
