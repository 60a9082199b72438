// Package onnxtest finds the test data that comes with the onnx package of Python: thousands of models, most of one operator each, with inputs and
// expected outputs. Only tests import it.
package onnxtest

import (
	"os"
	"path/filepath"
	"testing"
)

// Variable names the environment variable that holds the path of the data, the folder onnx/backend/test/data of an installed onnx package.
const Variable = "FMTOOL_ONNX_DATA"

// version is the release whose data the tests count.
const version = "1.22.0"

// DataDir is that folder: the variable's, or that of a virtual environment .venv* at the root of the repository with the counted release. Without either
// the test is skipped; under CI=true it fails.
func DataDir(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv(Variable); dir != "" {
		if _, err := os.Stat(filepath.Join(dir, "node")); err != nil {
			t.Fatalf("%s: %v", Variable, err)
		}
		return dir
	}
	for dir, depth := ".", 0; depth < 8; dir, depth = filepath.Join(dir, ".."), depth+1 {
		found, _ := filepath.Glob(filepath.Join(dir, ".venv*/lib/python*/site-packages/onnx-"+version+".dist-info"))
		for _, info := range found {
			if data := filepath.Join(info, "../onnx/backend/test/data"); exists(filepath.Join(data, "node")) {
				return data
			}
		}
		if exists(filepath.Join(dir, "go.mod")) {
			break
		}
	}
	const missing = "needs the test data of the onnx package: pip install onnx==" + version + ", and set " + Variable + " to its backend/test/data"
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
