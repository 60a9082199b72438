//go:build amd64 && !purego

package kernel

// Use sets the instructions that the kernels use, so that one machine tests them all.
var Use = use
