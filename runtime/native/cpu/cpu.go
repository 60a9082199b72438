// Package cpu chooses the vector instructions that the kernels of this module use: the best that processor and system have, or less if the
// environment variable FMTOOL_CPU says so, which lets one machine test them all:
//
//	FMTOOL_CPU=portable   plain Go
//	FMTOOL_CPU=avx2       AVX2 and FMA, on amd64
//	FMTOOL_CPU=avx512     AVX-512 F, BW, DQ and VL, on amd64
//
// A level that the machine does not have gives the best below it, any other value the best there is. The variable is read once, when the program
// starts. Builds with the tag purego, or for other processors, have plain Go alone, but that products on arm64 always use NEON, which every such processor
// has.
package cpu

import "os"

// Level is a set of vector instructions; each includes those before it.
type Level int

// The levels.
const (
	Portable Level = iota
	AVX2
	AVX512
)

var names = []string{"portable", "avx2", "avx512"}

func (l Level) String() string { return names[l] }

// Variable is the environment variable that lowers the level.
const Variable = "FMTOOL_CPU"

// Use is the level to use.
var Use = choose(os.Getenv(Variable))

func choose(name string) Level {
	for l, n := range names {
		if n == name {
			return min(Level(l), Best())
		}
	}
	return Best()
}

// Levels are those that this build can use on this machine, lowest first.
func Levels() (list []Level) {
	for l := Portable; l <= Best(); l++ {
		list = append(list, l)
	}
	return list
}
