//go:build unix

package main

import (
	"os"
	goruntime "runtime"
	"syscall"
	"time"
)

// cpuSeconds is the processor time of this process so far, all threads, user and system.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// peakBytes is the largest resident memory of a process that has ended; 0: unknown.
func peakBytes(p *os.ProcessState) float64 {
	u, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	unit := 1024.0
	if goruntime.GOOS == "darwin" {
		unit = 1
	}
	return float64(u.Maxrss) * unit
}
