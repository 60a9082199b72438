package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
)

// eulerSteps is the number of steps of every sampling.
const eulerSteps = 100

// multiplications is how many the four layers of a network take for one row, time left out.
func multiplications(dim, width int) float64 { return float64(dim*width + 2*width*width + width*dim) }

// velocityFile writes the file of an untrained network of four linear layers and returns its path and bytes.
func (b *bench) velocityFile(dim, width int) (path string, file []byte, err error) {
	one := flow.Normaliser{Kind: "none", Mean: []float32{0}, Scale: []float32{1}}
	spec := flow.Spec{Dims: []int{dim}, Schedule: flow.Linear, TimeMax: 1, Condition: flow.Condition{Kind: flow.Unconditional}, Normaliser: one}
	m, err := models.New(spec, &models.MLP{Width: width, Depth: 3}, noise.New(1, noise.Weights))
	if err != nil {
		return "", nil, err
	}
	for _, w := range m.Weights { // the last layer begins at zero: give it numbers
		if v := w.Float32(); w.Rank() > 1 && v[0] == 0 {
			noise.New(2, noise.Weights).Normals(v, 0)
			for i := range v {
				v[i] *= 0.01
			}
		}
	}
	g, err := models.VelocityGraph(m)
	if err != nil {
		return "", nil, err
	}
	f, err := onnx.FromGraph(g, onnx.Wide, m.Spec.Metadata())
	if err != nil {
		return "", nil, err
	}
	path, file = filepath.Join(b.temp, fmt.Sprintf("velocity-%d-%d.onnx", dim, width)), f.Marshal()
	return path, file, os.WriteFile(path, file, 0o644)
}

// samplings are Euler loops on the native engine and on onnxruntime, from Go, of the same file, one thread each.
func (b *bench) samplings() []block {
	var list []block
	for _, size := range [][2]int{{2, 64}, {2, 256}, {64, 512}} {
		for _, batch := range []int{1, 64, 1024, 8192} {
			c := b.sampling("sample", size[0], size[1], batch)
			c.candidates = []candidate{
				{key: "fmtool", open: b.sampler(nativeEngine, size[0], size[1], batch)},
				{key: "ort", open: b.sampler(b.ortEngine, size[0], size[1], batch)},
			}
			list = append(list, block{c})
		}
	}
	return list
}

// loops are our loop on onnxruntime and the README's Python program, of the same file, one thread each.
func (b *bench) loops() []block {
	var list []block
	for _, batch := range []int{1, 8192} {
		c := b.sampling("loop", 2, 64, batch)
		path, _, err := b.velocityFile(2, 64)
		python := func() (work, error) {
			if err != nil {
				return nil, err
			}
			return b.asks(" (Python)", b.python, "ort_loop.py", 1, map[string]any{"model": path, "batch": batch, "steps": eulerSteps, "threads": 1})()
		}
		c.candidates = []candidate{{key: "ort", open: b.sampler(b.ortEngine, 2, 64, batch)}, {key: "ort-python", open: python}}
		list = append(list, block{c})
	}
	return list
}

func (b *bench) sampling(table string, dim, width, batch int) benchCase {
	return benchCase{table: table, name: fmt.Sprintf("D=%d H=%d, batch %d", dim, width, batch), threads: 1, unit: "sampling", per: 1,
		flops: 2 * float64(batch) * eulerSteps * multiplications(dim, width)}
}

func nativeEngine() (engine.Engine, error) { return native.Engine{}, nil }

func (b *bench) ortEngine() (engine.Engine, error) {
	if b.ort == nil {
		return nil, fmt.Errorf("%w: no onnxruntime library was found", errAbsent)
	}
	return b.ort, nil
}

// sampler opens a sampling on an engine.
func (b *bench) sampler(choose func() (engine.Engine, error), dim, width, batch int) func() (work, error) {
	return func() (work, error) {
		e, err := choose()
		if err != nil {
			return nil, err
		}
		_, file, err := b.velocityFile(dim, width)
		if err != nil {
			return nil, err
		}
		field, err := runtime.Open(e, file, engine.Options{Threads: 1, MaxBatch: batch})
		if err != nil {
			return nil, err
		}
		samples := tensor.New(tensor.Float32, batch, dim)
		draw := func(steps int) error {
			_, err := runtime.Sampler{Field: field, Steps: steps, Batch: batch, Seed: 1}.Sample(context.Background(), samples, tensor.Tensor{})
			return err
		}
		if err := draw(3); err != nil { // warm: whole samplings can take many seconds
			return nil, err
		}
		return local{1, func() error { return draw(eulerSteps) }, func() { field.Close() }}, nil //nolint:errcheck // it only frees
	}
}
