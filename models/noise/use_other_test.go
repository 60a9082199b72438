//go:build !amd64 || purego

package noise

import "fmtool/runtime/native/cpu"

// use has nothing to choose.
func use(cpu.Level) {}
