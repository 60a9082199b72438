package quality

import (
	"fmt"

	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/train/data"
)

// checkSource refuses rows to start at that a field does not take, and too few of them.
func checkSource(spec flow.Spec, source *data.Set, n int) error {
	switch {
	case spec.Source == flow.NormalSource && source != nil:
		return fmt.Errorf("quality: the model starts at noise; leave the source out")
	case spec.Source == flow.NormalSource:
		return nil
	case source == nil:
		return fmt.Errorf("quality: the model starts at rows of a data set, not at noise; give them as a source")
	case source.Dim() != spec.Dim() || source.Len() < n:
		return fmt.Errorf("quality: a source of %d rows of %d numbers for %d samples of %d", source.Len(), source.Dim(), n, spec.Dim())
	}
	return nil
}

// start is n random rows of the source [n, dim] in data units, other ones for each seed; the zero tensor where samples start at noise.
func (j *Judge) start(seed uint64, n int) tensor.Tensor {
	if j.Source == nil {
		return tensor.Tensor{}
	}
	perm := make([]int, j.Source.Len())
	noise.New(seed, noise.Comparison).Sub(1).Perm(perm)
	return tensor.Of(j.Source.Take(perm[:n]).Rows, n, j.Source.Dim())
}

// startModel writes x0 in model space: noise, or rows of the source.
func (j *Judge) startModel(x0 []float32, seed uint64) {
	spec := j.field.Spec()
	if j.Source == nil {
		noise.New(seed, noise.Sampling).Rows(x0, 0, spec.Dim())
		return
	}
	spec.Normaliser.Encode(x0, j.start(seed, len(x0)/spec.Dim()).Float32())
}
