package export

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
)

// suspect is a mistake that a graph that solves may have against its metadata. The zero value is none.
type suspect struct {
	place, says string
	mean, scale func(n flow.Normaliser) []float32 // that the graph decodes with; nil: its own
	late        int                               // steps by which it is late
}

// suspects are tried where a graph computes in float64 something else than its metadata say.
var suspects = []suspect{
	{place: "normaliser", says: "is left out: the graph's samples are in model space",
		mean:  func(flow.Normaliser) []float32 { return []float32{0} },
		scale: func(flow.Normaliser) []float32 { return []float32{1} }},
	{place: "normaliser", says: "has mean and scale exchanged",
		mean:  func(n flow.Normaliser) []float32 { return n.Scale },
		scale: func(n flow.Normaliser) []float32 { return n.Mean }},
	{place: "normaliser's mean", says: "is left out", mean: func(flow.Normaliser) []float32 { return []float32{0} }},
	{place: "normaliser's scale", says: "is left out", scale: func(flow.Normaliser) []float32 { return []float32{1} }},
	{place: "grid of times", says: "is a step late", late: 1},
	{place: "grid of times", says: "is a step early", late: -1},
}

// normaliser is what the graph would decode with.
func (s suspect) normaliser(n flow.Normaliser) flow.Normaliser {
	own := n
	if s.mean != nil {
		own.Mean = s.mean(n)
	}
	if s.scale != nil {
		own.Scale = s.scale(n)
	}
	return own
}

// times are those it would take its steps at, every one of the true size where all are equal.
func (s suspect) times(grid []float64) []float64 {
	own := slices.Clone(grid)
	for i := range own {
		own[i] += float64(s.late) / float64(len(grid)-1)
	}
	return own
}

// findSuspect runs the file itself in float64 against what the trials want. Where that differs, no engine is to blame: the fault is the graph's, or
// the metadata's, and is the first of the suspects that explains all.
func (d *described) findSuspect(ctx context.Context, c Checks, trials []trial) error {
	whole, err := c.Reference.Open(d.file, engine.Options{Float64: true})
	if errors.Is(err, errors.ErrUnsupported) { // as those of quantised files are: the rows tell
		return nil
	}
	if err != nil {
		return err
	}
	defer whole.Close() //nolint:errcheck // it only frees
	var got [][]float64
	worst := 0.0
	for _, t := range trials {
		r, err := t.run(ctx, program{whole, tensor.Float64})
		if err != nil {
			return err
		}
		got = append(got, r.Convert(tensor.Float64).Float64())
		off, err := t.difference(got[len(got)-1])
		if err != nil {
			return err
		}
		worst = max(worst, off/t.tolerance)
	}
	if worst <= 1 {
		return nil
	}
	fault := Fault{Check: "reference", Place: "graph and metadata"}
	fault.Says = fmt.Sprintf("disagree even in float64, by %.3g times the tolerance, and no known mistake explains it", worst)
	for _, s := range suspects {
		explains, err := s.explains(ctx, trials, got)
		if err != nil {
			return err
		}
		if explains {
			fault.Place, fault.Says = s.place, fmt.Sprintf("%s, or the metadata were altered: they disagree even in float64", s.says)
			break
		}
	}
	d.faults = append(d.faults, fault)
	return nil
}

// explains says that the graph computes what it would with the mistake.
func (s suspect) explains(ctx context.Context, trials []trial, got [][]float64) (bool, error) {
	for i, t := range trials {
		if t.expect == nil {
			return false, nil
		}
		var err error
		if t.want, err = t.expect(ctx, s); err != nil {
			return false, err
		}
		if off, err := t.difference(got[i]); err != nil || !(off <= t.tolerance) {
			return false, err
		}
	}
	return true, nil
}
