//go:build !amd64 || purego

package cpu

// Best is the highest level that this build has.
func Best() Level { return Portable }
