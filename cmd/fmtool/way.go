package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/train/data"
)

// checkWay refuses pictures of trajectories and more of them than fit.
func (f *sampleFlags) checkWay(spec flow.Spec) error {
	if !f.adaptive.trajectory {
		return nil
	}
	if filepath.Ext(f.out) == ".png" {
		return errors.New("--trajectory writes numbers; give -o a name that ends in .csv or .npy, or see fmtool plot")
	}
	if most := maxNumbers / (spec.Dim() + 1) / f.s.Steps; f.n > most {
		return fmt.Errorf("%d trajectories are too many at once, want at most %d: draw them in shards with --offset", f.n, most)
	}
	f.s.Batch = max(f.s.Batch, f.n)
	return nil
}

// way is the rows at every time of the steps, after a column t, all rows of a time before those of the next.
func (f *sampleFlags) way(ctx context.Context, spec flow.Spec, y tensor.Tensor) (*data.Set, error) {
	dim := spec.Dim()
	set := &data.Set{Dims: []int{dim + 1}, Columns: append([]string{"t"}, slices.Clone(spec.Columns)...)}
	for j := len(set.Columns) - 1; j < dim; j++ {
		set.Columns = append(set.Columns, "x"+strconv.Itoa(j+1))
	}
	for frame, err := range f.s.Trajectory(ctx, f.n, y) {
		if err != nil {
			return nil, err
		}
		for i := range f.n {
			set.Rows = append(append(set.Rows, float32(frame.T)), frame.X.Float32()[i*dim:(i+1)*dim]...)
		}
		if spec.Condition.Kind == flow.Labels && !y.IsZero() {
			set.Labels, set.Classes = append(set.Labels, y.Int64()...), spec.Condition.Names
		}
	}
	return set, nil
}
