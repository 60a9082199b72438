//go:build !cgo

package ort

import (
	"errors"

	"fmtool/runtime/engine"
)

// errNoCgo is what every use of the engine answers in a program built without cgo.
var errNoCgo = errors.New("ort: this program was built without cgo and cannot load onnxruntime; build it with CGO_ENABLED=1 and a C compiler, or use --engine native")

// Engine is onnxruntime; without cgo it only explains itself.
type Engine struct{}

// New explains why there is no onnxruntime.
func New(string) (*Engine, error) { return nil, errNoCgo }

// Open explains why there is no onnxruntime.
func (*Engine) Open([]byte, engine.Options) (engine.Program, error) { return nil, errNoCgo }

// Version is empty.
func (*Engine) Version() string { return "" }

// Library is the zero Candidate.
func (*Engine) Library() Candidate { return Candidate{} }
