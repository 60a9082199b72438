package runtime

import "fmtool/models/flow"

// times are those between which the sampler steps: Grid's, or the model's own.
func (s Sampler) times(spec flow.Spec) ([]float64, error) {
	g := spec.Grid
	if s.Grid != nil {
		g = *s.Grid
	}
	return g.Steps(s.Steps)
}
