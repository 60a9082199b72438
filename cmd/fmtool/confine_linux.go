package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func confinable() error { return nil }

// confine limits this process: its address space to what it has now and the bytes given, its processor time, no core dump. The limits are hard, so
// that nothing in the process lifts them.
func confine(text string) error {
	var memory, seconds, pages uint64
	if _, err := fmt.Sscan(text, &memory, &seconds); err != nil {
		return fmt.Errorf("%s=%q: want bytes and seconds: %w", confinedKey, text, err)
	}
	now, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return err
	}
	if _, err := fmt.Sscan(string(now), &pages); err != nil {
		return err
	}
	for _, l := range []struct {
		what  int
		limit uint64
	}{{unix.RLIMIT_CORE, 0}, {unix.RLIMIT_CPU, seconds}, {unix.RLIMIT_AS, pages*uint64(os.Getpagesize()) + memory}} {
		if err := unix.Setrlimit(l.what, &unix.Rlimit{Cur: l.limit, Max: l.limit}); err != nil {
			return fmt.Errorf("limits of this process: %w", err)
		}
	}
	return nil
}
