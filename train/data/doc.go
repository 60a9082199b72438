// Package data loads and makes training data: rows of float32, with labels or without.
//
//	set, err := data.Load("flowers.csv", data.Options{Columns: []string{"petal length", "petal width"}, Label: "species"})
//	set, err := data.Load("moons:noise=0.05,n=10000", data.Options{Seed: 1})
//
// A source is a file (CSV, gzipped CSV, NPY), the built-in 8×8 digits, or one of the usual shapes in two dimensions, whose formulas stand beside
// their generators (shapes.go). A Batcher says which rows a training step sees, as a pure function of seed and step, so
// that a resumed run sees the same.
package data
