package main

import (
	goruntime "runtime"
	"time"
)

// sample is what was done in a slice: calls of a case's unit, and the seconds that all of them took together.
type sample struct {
	Units float64 `json:"units"`
	Wall  float64 `json:"wall"`
	CPU   float64 `json:"cpu"`
}

// work is a case as a candidate has prepared it, warm.
type work interface {
	slice(seconds float64) (sample, error) // at least one unit
	close()
}

// local is work of this process.
type local struct {
	threads int
	unit    func() error
	done    func() // nil: nothing to free
}

// warm calls the unit three times, but no longer than a second.
func warm(l local) (work, error) {
	begun := time.Now()
	for range 3 {
		if err := l.unit(); err != nil {
			l.close()
			return nil, err
		}
		if time.Since(begun) > time.Second {
			break
		}
	}
	return l, nil
}

func (l local) slice(seconds float64) (s sample, err error) {
	before := goruntime.GOMAXPROCS(l.threads)
	defer goruntime.GOMAXPROCS(before)
	cpu, begun := cpuSeconds(), time.Now()
	for s.Units == 0 || s.Wall < seconds {
		if err := l.unit(); err != nil {
			return sample{}, err
		}
		s.Units++
		s.Wall = time.Since(begun).Seconds()
	}
	s.CPU = cpuSeconds() - cpu
	return s, nil
}

func (l local) close() {
	if l.done != nil {
		l.done()
	}
}
