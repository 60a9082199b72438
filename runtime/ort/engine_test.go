//go:build cgo

package ort_test

import (
	"testing"

	"fmtool/runtime/engine"
	"fmtool/runtime/enginetest"
	"fmtool/runtime/ort"
	"fmtool/runtime/ort/orttest"
)

var _ engine.Engine = (*ort.Engine)(nil)

func TestEngine(t *testing.T) { enginetest.Run(t, orttest.Engine(t)) }
