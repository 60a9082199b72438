//go:build !linux

package main

import (
	"fmt"
	goruntime "runtime"
)

func confinable() error {
	return fmt.Errorf("--untrusted needs limits on the memory of a process, which %s does not hold to; use Linux, or a container with limits", goruntime.GOOS)
}

func confine(string) error { return confinable() }
