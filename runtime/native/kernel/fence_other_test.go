//go:build !unix

package kernel_test

import "testing"

// fenced has no pages to protect here.
func fenced[T float32 | float64](_ *testing.T, n int, _ bool) []T { return make([]T, n) }
