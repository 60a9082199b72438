// Package engine is the boundary between samplers and whatever executes an ONNX file.
//
// An Engine opens the bytes of a file; the Program it returns runs the file's graph on tensors:
//
//	p, err := e.Open(file, engine.Options{Threads: 1})
//	defer p.Close()
//	err = p.Run(ctx, []tensor.Tensor{x, t}, []tensor.Tensor{u})
//
// There are two: runtime/native (pure Go) and runtime/ort (onnxruntime). runtime/enginetest is the suite that both pass. What the inputs
// mean is not known here; the file's metadata says so and models/flow reads it.
package engine

import (
	"context"

	"fmtool/models/tensor"
)

// Engine opens ONNX files.
type Engine interface {
	// Open prepares the graph in the bytes of an ONNX file. It refuses what it cannot run.
	Open(model []byte, o Options) (Program, error)
}

// Program is an opened graph. It serves one goroutine at a time; Open is cheap enough to make several.
type Program interface {
	// Run computes the outputs, in the graph's order, into out from the inputs, in the graph's order, in in. Types and shapes of both are
	// given by the tensors and must fit the graph; a zero Tensor in out says that this output is not wanted. Repeating a Run on
	// the same tensors allocates nothing. A cancelled ctx ends it between operators with the context's error.
	Run(ctx context.Context, in, out []tensor.Tensor) error
	Close() error
}

// Options are what every engine understands; each ignores what has no meaning for it. The zero value is a good choice for small networks.
type Options struct {
	Threads  int  // goroutines or threads inside one Run; 0 means 1
	MaxBatch int  // largest batch planned for at once, 0: grow as asked
	Float64  bool // compute in float64 (native only): the reference of the parity checks; float32 inputs and outputs become float64

	Provider  string // onnxruntime: "cpu" (also "") or "cuda"
	Device    int    // cuda: device id
	MemoryCap int64  // cuda: bytes of device memory, 0: no limit
	TF32      bool   // cuda: allow TensorFloat-32 in matrix products; off by default, as it costs parity
	Profile   string // onnxruntime: prefix of a profile file to write, "" for none
	Spin      bool   // onnxruntime: let idle threads spin
	AsIs      bool   // onnxruntime: run the graph as written, without its optimisers
}
