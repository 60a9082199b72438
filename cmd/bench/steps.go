package main

import (
	"fmt"

	"fmtool/models"
	"fmtool/models/noise"
	"fmtool/train"
	"fmtool/train/data"
	"fmtool/train/optim"
)

// step is a training step as the peers are asked for it.
type step struct {
	Mode    string `json:"mode"` // "eager" or "compile"
	Dim     int    `json:"dim"`
	Width   int    `json:"width"`
	Batch   int    `json:"batch"`
	Rows    int    `json:"rows"`
	Threads int    `json:"threads"`
}

// steps are training steps of four linear layers with SiLU, at one thread and at two, all in one block of each size.
func (b *bench) steps() []block {
	var list []block
	for _, dim := range []int{2, 64} {
		for _, width := range []int{64, 256, 512} {
			list = append(list, block{b.step(dim, width, 1), b.step(dim, width, 2)})
		}
	}
	return list
}

func (b *bench) step(dim, width, threads int) benchCase {
	const batch = 256
	p := step{"eager", dim, width, batch, 10000, threads}
	compiled := p
	compiled.Mode = "compile"
	// Forward and both gradients of every layer, but that of the first layer's input.
	first := float64((dim + 1) * width)
	flops := 2 * batch * (2*first + 3*float64(2*width*width+width*dim))
	return benchCase{table: "step", name: fmt.Sprintf("D=%d H=%d", dim, width), threads: threads, unit: "step", per: 1, flops: flops,
		wall: threads > 1, candidates: []candidate{
			{key: "fmtool", open: func() (work, error) { return openStep(p) }},
			{key: "torch", open: b.asks("", b.python, "torch_step.py", threads, p)},
			{key: "torch-compile", open: b.asks("", b.python, "torch_step.py", threads, compiled)},
			{key: "torch-old", open: b.asks(" (old)", b.oldPython, "torch_step.py", threads, p)},
		}}
}

// openStep prepares our step: the path of fmtool train without its log and checkpoints. Time goes in as the sine and cosine of one frequency where
// the peers take the number itself; the norm of the gradient is computed beside.
func openStep(p step) (work, error) {
	c := train.Default()
	c.Steps, c.Batch, c.Threads, c.Normaliser = 1<<30, p.Batch, p.Threads, "none"
	c.Model = train.Network{Architecture: &models.MLP{Width: p.Width, Depth: 3, Features: 1}}
	c.Clip, c.EMA, c.HeldOut, c.Drop = 0, 0, 0, 0
	c.Rate = optim.Rate{Kind: "constant", Peak: 1e-3}
	rows := make([]float32, p.Rows*p.Dim)
	noise.New(1, noise.Data).Normals(rows, 0)
	s, err := train.NewSteps(c, &data.Set{Rows: rows, Dims: []int{p.Dim}, Columns: make([]string, p.Dim)})
	if err != nil {
		return nil, err
	}
	return warm(local{p.Threads, func() error { _, err := s.Take(1); return err }, s.Close})
}
