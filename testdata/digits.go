// Package testdata carries the built-in data set, so that an installed program has it too.
package testdata

import _ "embed" // for the data

// Digits is the gzipped CSV of the 1,797 digits of 8 × 8 pixels: 64 numbers from 0 to 16 and the digit a line, no header. See README.md.
//
//go:embed digits.csv.gz
var Digits []byte
