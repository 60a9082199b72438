//go:build !amd64 || purego

package kernel

import "fmtool/runtime/native/cpu"

// Use has nothing to choose.
func Use(cpu.Level) {}
