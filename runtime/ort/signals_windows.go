//go:build cgo && windows

package ort

func keepSignals()    {}
func restoreSignals() {}
