package native_test

import (
	"testing"

	"fmtool/runtime/engine"
	"fmtool/runtime/enginetest"
	"fmtool/runtime/native"
)

var _ engine.Engine = native.Engine{}

func TestEngine(t *testing.T) { enginetest.Run(t, native.Engine{}) }
