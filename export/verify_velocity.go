package export

import (
	"context"
	"fmt"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/solver"
)

// The Euler loop that a velocity field is tried in.
const eulerSteps, eulerRows = 100, 16

// velocityTrials are those of a velocity field, whose reference is the file itself in float64.
func (d *described) velocityTrials(ctx context.Context, c Checks, field *graph.Graph) ([]trial, error) {
	against := "itself"
	if c.Model == nil || d.guided {
		field = nil
	} else {
		against = "run"
	}
	ref, err := d.openReference(c, field)
	if err != nil {
		return nil, err
	}
	defer ref.Close() //nolint:errcheck // it only frees
	var trials []trial
	add := func(t trial) error {
		want, err := t.run(ctx, program{ref, tensor.Float64})
		t.want = want.Float64()
		trials = append(trials, t)
		return err
	}
	for _, n := range c.rows() {
		for salt, at := range []float32{0, 1, anyTime, eachTime} {
			if at == eachTime && d.spec.SharedTime {
				continue
			}
			in := d.velocityInputs(n, uint64(salt), at)
			t := trial{graph: "velocity", against: against, batch: n, tolerance: c.bound(d.spec, d.converted)}
			t.run = func(ctx context.Context, p program) (tensor.Tensor, error) {
				return p.evaluate(ctx, in, in[0].Shape(), false)
			}
			if err := add(t); err != nil {
				return nil, err
			}
		}
	}
	in := append(d.inputs(eulerRows, 1, 1000), d.weights(eulerRows, 1000)...)
	t := trial{graph: fmt.Sprintf("%d Euler steps", eulerSteps), against: against, batch: eulerRows, tolerance: c.solved()}
	t.run = func(ctx context.Context, p program) (tensor.Tensor, error) {
		return p.solve(ctx, solver.Euler, solver.Grid(eulerSteps), d.spec, in)
	}
	return trials, add(t)
}

// Times of a try that are no numbers: one random time for all rows, and one for each.
const anyTime, eachTime = -1, -2

// velocityInputs are n rows at a time.
func (d *described) velocityInputs(n int, salt uint64, at float32) []tensor.Tensor {
	times := 1
	if at == eachTime {
		times = n
	}
	in := append(d.inputs(n, times, salt), d.weights(n, salt)...)
	switch t := in[1].Float32(); {
	case at >= 0:
		t[0] = at
	case at == eachTime:
		t[n-1], t[0] = 1, 0
	}
	return in
}
