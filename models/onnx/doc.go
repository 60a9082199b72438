// Package onnx reads and writes the ONNX file format.
package onnx
