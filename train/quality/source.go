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

// starts are N starts of a seed in model space: noise, or rows of the source.
func (j *Judge) starts(seed uint64) []float32 {
	spec := j.field.Spec()
	x0 := make([]float32, j.N*spec.Dim())
	if j.Source != nil {
		spec.Normaliser.Encode(x0, j.start(seed, j.N).Float32())
		return x0
	}
	noise.New(seed, noise.Sampling).Rows(x0, 0, spec.Dim())
	spec.Normaliser.Decode(x0, x0, spec.Dim()) // there and back again: columns that are constant start where they end
	spec.Normaliser.Encode(x0, x0)
	return x0
}
