//go:build !show

package main

const untrustedMutants = 40
