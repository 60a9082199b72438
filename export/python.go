package export

import _ "embed" // for the Python consumer

// PythonSample is the Python program that samples a velocity.onnx with onnxruntime and numpy alone, python/sample.py.
//
//go:embed python/sample.py
var PythonSample string

// PythonFineTune is the Python program that fine-tunes with a train_step.onnx and onnxruntime and numpy alone, python/fine_tune.py.
//
//go:embed python/fine_tune.py
var PythonFineTune string
