//go:build amd64 && !purego

package kernel

import "fmtool/runtime/native/cpu"

//go:generate go run ./gen

// HasFMA reports that the assembly is in use: AVX2 and FMA on amd64, and no build tag purego.
var HasFMA bool

// wide reports that vectors have 512 bits, of AVX-512. The assembly reads it.
var wide bool

// use sets the instructions that the kernels use.
func use(l cpu.Level) {
	HasFMA, wide = l >= cpu.AVX2, l >= cpu.AVX512
	shape = narrowShape
	if wide {
		shape = wideShape
	}
}

// whole is the number of elements that the assembly takes: full vectors of AVX2, any number for AVX-512.
func whole(n int) int {
	if wide {
		return n
	}
	return n &^ (lanes - 1)
}

func init() { use(cpu.Use) }
