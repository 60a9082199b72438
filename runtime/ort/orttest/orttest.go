// Package orttest finds onnxruntime for tests.
package orttest

import (
	"os"
	"testing"

	"fmtool/runtime/ort"
)

// Engine returns onnxruntime, found as the program finds it. Without one the test is skipped with a word on what to do; under CI=true it fails.
func Engine(t testing.TB) *ort.Engine {
	t.Helper()
	e, err := ort.New("")
	if err == nil {
		return e
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skipf("no onnxruntime: run `fmtool ort install` or set FMTOOL_ORT_LIB (%v)", err)
	return nil
}
