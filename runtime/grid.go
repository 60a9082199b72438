package runtime

import (
	"fmt"
	"slices"

	"fmtool/models/flow"
)

// times are those between which the sampler steps: its own, Grid's, or the model's.
func (s Sampler) times(spec flow.Spec) ([]float64, error) {
	if n := len(s.Times); n > 0 {
		if n < 2 || s.Times[0] != 0 || s.Times[n-1] != 1 || !rises(s.Times) {
			return nil, fmt.Errorf("runtime: times %v: want times that rise from 0 to 1, both included", s.Times)
		}
		return slices.Clone(s.Times), nil
	}
	g := spec.Grid
	if s.Grid != nil {
		g = *s.Grid
	}
	return g.Steps(s.Steps)
}

// rises reports that each time is after the one before; NaN is after none.
func rises(times []float64) bool {
	for i, t := range times[1:] {
		if !(t > times[i]) {
			return false
		}
	}
	return true
}
