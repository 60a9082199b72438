//go:build !cgo

package ort_test

import (
	"strings"
	"testing"

	"fmtool/runtime/engine"
	"fmtool/runtime/ort"
)

// Without cgo the engine says what to do instead.
func TestExplainsItself(t *testing.T) {
	_, err := ort.New("")
	_, openErr := (&ort.Engine{}).Open(nil, engine.Options{})
	for _, e := range []error{err, openErr} {
		if e == nil || !strings.Contains(e.Error(), "CGO_ENABLED=1") || !strings.Contains(e.Error(), "--engine native") {
			t.Errorf("got %v", e)
		}
	}
}
