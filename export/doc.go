// Package export writes models as ONNX files, checked on the bytes that leave.
package export
