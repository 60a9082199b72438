package export

import _ "embed" // for the Python consumer

// PythonSample is the Python program that samples a velocity.onnx with onnxruntime and numpy alone, python/sample.py.
//
//go:embed python/sample.py
var PythonSample string
