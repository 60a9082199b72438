//go:build show

package main

const untrustedMutants = 3000
