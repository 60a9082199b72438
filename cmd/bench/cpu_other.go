//go:build !unix

package main

import (
	"os"
	"time"
)

var start = time.Now()

// cpuSeconds stands for processor time where there is no getrusage: wall time.
func cpuSeconds() float64 { return time.Since(start).Seconds() }

// peakBytes is not known here.
func peakBytes(*os.ProcessState) float64 { return 0 }
