// Package ort is the engine on onnxruntime, through github.com/yalue/onnxruntime_go. It is the only package that needs cgo; built without, its
// engine explains that.
//
//	e, err := ort.New("")                       // finds the shared library, see Candidates
//	p, err := e.Open(file, engine.Options{Threads: 1})
//	err = p.Run(ctx, []tensor.Tensor{x, t}, []tensor.Tensor{u})
//
// What the package takes care of: telemetry of onnxruntime ≥ 1.29 is switched off before the library is opened; tensors given to a session are kept
// alive, as the library keeps pointers into Go memory; a repeated Run on the same tensors binds and allocates nothing; on CUDA inputs
// are bound anew each time, as binding copies there; the CUDA provider's signal handlers are replaced by the old ones, so that
// Ctrl-C goes on working; providers are never probed, and CUDA asked for and absent is an error.
package ort

// MinVersion is the oldest onnxruntime the binding can drive: it needs version 24 of the C API.
const MinVersion = "1.24"
