package native

import (
	"fmt"

	"fmtool/models/onnx"
	"fmtool/runtime/engine"
)

// Engine opens ONNX files for execution in pure Go. It implements engine.Engine.
type Engine struct{}

// Open checks the bytes of an ONNX file, converts it to a program and compiles it. An operator outside the table is an error that names it.
// Options: Threads, MaxBatch and Float64 apply; a provider other than the CPU is refused.
func (Engine) Open(model []byte, o engine.Options) (engine.Program, error) {
	if o.Provider != "" && o.Provider != "cpu" {
		return nil, fmt.Errorf("native: no provider %q: this engine runs on the CPU; use --engine ort for %s", o.Provider, o.Provider)
	}
	m, err := onnx.Validate(model, onnx.Limits{Foreign: true}) // Graph names operators that it does not read
	if err != nil {
		return nil, err
	}
	g, err := m.Graph()
	if err != nil {
		return nil, err
	}
	p, err := Compile(g, Options{Threads: o.Threads, MaxBatch: o.MaxBatch, Float64: o.Float64})
	if err != nil {
		return nil, err
	}
	return p, nil
}
