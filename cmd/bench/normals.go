package main

import (
	"fmt"

	"fmtool/models/noise"
)

// numbers is how many normals are drawn at a time: 256 KiB, which the second-level cache holds.
const numbers = 1 << 16

// normals are standard normals by position, as training draws them, and by row, as sampling does.
func (b *bench) normals() []block {
	at := uint64(0)
	out := make([]float32, numbers)
	c := b.normal("by position", func() error {
		noise.New(1, noise.Training).Normals(out, at)
		at += numbers / 2
		return nil
	})
	all := block{c}
	for _, dim := range []int{2, 64} {
		row := uint64(0)
		all = append(all, b.normal(fmt.Sprintf("rows of %d", dim), func() error {
			noise.New(1, noise.Sampling).Rows(out, row, dim)
			row += numbers / uint64(dim)
			return nil
		}))
	}
	p := map[string]any{"kind": "normals", "numbers": numbers, "threads": 1}
	all[0].candidates = append(all[0].candidates,
		candidate{key: "numpy", open: b.asks("", b.python, "numpy_kernels.py", 1, p)},
		candidate{key: "torch", open: b.asks("", b.python, "torch_noise.py", 1, p)},
		candidate{key: "torch-old", open: b.asks(" (old)", b.oldPython, "torch_noise.py", 1, p)})
	return []block{all}
}

func (b *bench) normal(name string, unit func() error) benchCase {
	return benchCase{table: "normals", name: name, threads: 1, unit: "number", per: numbers,
		candidates: []candidate{{key: "fmtool", open: func() (work, error) { return warm(local{1, unit, nil}) }}}}
}
