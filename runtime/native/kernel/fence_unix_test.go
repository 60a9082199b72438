//go:build unix

package kernel_test

import (
	"syscall"
	"testing"
	"unsafe"
)

// fenced returns n numbers that end, or begin, where memory may neither be read nor written: a kernel that touches what lies beyond ends the test.
func fenced[T float32 | float64](t *testing.T, n int, end bool) []T {
	t.Helper()
	page, size := syscall.Getpagesize(), n*int(unsafe.Sizeof(T(0)))
	room := (size + page - 1) / page * page
	all, err := syscall.Mmap(-1, 0, room+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(all) }) //nolint:errcheck // the process ends soon
	for _, fence := range [][]byte{all[:page], all[page+room:]} {
		if err := syscall.Mprotect(fence, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	if n == 0 {
		return nil
	}
	at := page
	if end {
		at += room - size
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&all[at])), n)
}
