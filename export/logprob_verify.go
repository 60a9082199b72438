package export

import (
	"context"
	"fmt"
	"math"
	"slices"

	"fmtool/models/autodiff"
	"fmtool/models/graph"
	"fmtool/models/noise"
	"fmtool/models/tensor"
)

// densityTries are what a graph of log-densities is tried with: rows, steps and probes.
var densityTries = []densityTry{{1, 1, 1}, {7, 3, 2}, {5, 10, 3}}

type densityTry struct{ rows, steps, probes int }

// densityTries are those above, with the numbers of rows that are asked for.
func (c Checks) densityTries() []densityTry {
	list := slices.Clone(densityTries)
	if len(c.Batches) > 0 {
		list = nil
	}
	for i, rows := range c.Batches {
		list = append(list, densityTries[i%len(densityTries)])
		list[i].rows = rows
	}
	return list
}

// logProbTrials are those of a graph of log-densities. Their reference is the field in float64, solved by runtime/solver with the divergence from difference
// quotients, so that it knows neither of the graph nor of its derivatives.
func (d *described) logProbTrials(ctx context.Context, c Checks, field *graph.Graph) ([]trial, error) {
	way, err := Options{Divergence: d.divergence}.divergenceOf(d.spec)
	if err == nil && way != d.divergence {
		err = fmt.Errorf("metadata %s is %q, want %s or %s", keyDivergence, d.divergence, ExactDivergence, ProbesDivergence)
	}
	if err != nil {
		return nil, err
	}
	if field == nil {
		if field, err = d.velocityOnly(); err != nil {
			return nil, err
		}
	}
	ref, err := d.openReference(c, field)
	if err != nil {
		return nil, err
	}
	defer ref.Close() //nolint:errcheck // it only frees
	var trials []trial
	for salt, try := range c.densityTries() {
		if d.steps > 0 {
			try.steps = d.steps
		}
		rows := append(d.inputs(try.rows, 1, uint64(salt)), d.weights(try.rows, uint64(salt))...)
		d.spec.Normaliser.Decode(rows[0].Float32(), rows[0].Float32(), d.spec.Dim())
		w := &densityWalk{d: d, ref: program{ref, tensor.Float64}, rows: rows, steps: try.steps, probes: d.drawProbes(try.probes, try.rows, uint64(salt))}
		t := w.trial()
		t.tolerance = c.solved()
		if field == nil {
			want, err := t.run(ctx, w.ref)
			if err != nil {
				return nil, err
			}
			t.against, t.want = "itself", want.Float64()
		} else if t.want, err = w.exact(ctx); err != nil {
			return nil, err
		}
		trials = append(trials, t)
	}
	return trials, nil
}

// velocityOnly is the velocity in the file, without its divergence; nil as of field.
func (d *described) velocityOnly() (*graph.Graph, error) {
	g, err := d.field()
	if err != nil || g == nil {
		return nil, err
	}
	g.Outputs = g.Outputs[:1]
	g.Prune()
	g.Inputs = slices.DeleteFunc(g.Inputs, func(v *graph.Value) bool { return v.Name == autodiff.ProbesInput })
	return g, g.Verify()
}

// drawProbes are p probes of n rows, +1 or −1, [p n D...]; the zero Tensor if the graph takes none.
func (d *described) drawProbes(p, n int, salt uint64) tensor.Tensor {
	if !d.estimated() {
		return tensor.Tensor{}
	}
	v := tensor.New(tensor.Float32, append([]int{p, n}, d.spec.Dims...)...)
	noise.New(1, noise.Probe).Sub(uint32(salt)).Normals(v.Float32(), 0)
	for i, z := range v.Float32() {
		v.Float32()[i] = float32(math.Copysign(1, float64(z)))
	}
	return v
}

// densityWalk is one try: rows of the field's inputs, of which x is in data units, and probes.
type densityWalk struct {
	d      *described
	ref    program
	rows   []tensor.Tensor // x, t, condition and weights of guidance
	probes tensor.Tensor
	steps  int
}

// trial is the comparison of log-densities in nats per number of a sample, and of the number of evaluations with what the solver took, 1.
func (w *densityWalk) trial() trial {
	n := w.rows[0].Dim(0)
	t := trial{graph: string(w.d.kind), against: "solver", batch: n, tolerance: solvedTolerance}
	in := []tensor.Tensor{w.rows[0]}
	switch {
	case w.d.adapts:
		in = append(in, tensor.Scalar(float32(fineTolerance)))
	case w.d.steps == 0:
		in = append(in, tensor.Scalar(int64(w.steps)))
	}
	if w.d.estimated() {
		in = append(in, w.probes)
	}
	in = append(in, w.rows[2:]...)
	t.run = func(ctx context.Context, p program) (tensor.Tensor, error) { return w.evaluate(ctx, p, in, n) }
	return t
}

// evaluate runs the file.
func (w *densityWalk) evaluate(ctx context.Context, p program, in []tensor.Tensor, n int) (tensor.Tensor, error) {
	own := make([]tensor.Tensor, len(in))
	for i, t := range in {
		if own[i] = t; t.DType().IsFloat() {
			own[i] = t.Convert(p.float)
		}
	}
	nfe := tensor.New(tensor.Int64)
	if w.d.adapts {
		nfe = tensor.New(tensor.Int64, n)
	}
	out := tensor.New(p.float, n)
	if err := p.Run(ctx, own, []tensor.Tensor{out, nfe}); err != nil {
		return out, err
	}
	_, kept := w.d.spec.Varying()
	result := make([]float64, n+1)
	for i, v := range out.Convert(tensor.Float64).Float64() {
		result[i] = v / float64(kept)
	}
	if result[n] = 1; !w.d.adapts {
		result[n] = float64(nfe.Int64()[0]) / float64(w.steps*w.d.method.Stages())
	}
	return tensor.Of(result, n+1), nil
}
