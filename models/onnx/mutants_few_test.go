//go:build !show

package onnx_test

const mutants = 3000
