package main

import (
	"errors"
	"fmt"
	"strings"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/train/data"
)

// start is the rows that the samples start at, the zero tensor for noise.
func (f *sampleFlags) start(spec flow.Spec) (tensor.Tensor, error) {
	if (f.source == "") != (spec.Source == flow.NormalSource) {
		return tensor.Tensor{}, map[flow.SourceKind]error{
			flow.NormalSource: errors.New("the model starts at noise; leave --source out"),
			flow.DataSource:   errors.New("the model starts at rows of a data set, not at noise; give them: --source DATA"),
		}[spec.Source]
	}
	if f.source == "" {
		return tensor.Tensor{}, nil
	}
	o := data.Options{Seed: f.s.Seed, Draw: 2}
	if strings.HasSuffix(f.source, ".csv") || strings.HasSuffix(f.source, ".csv.gz") {
		o.Columns = spec.Columns
	}
	set, err := data.Load(f.source, o)
	if err != nil {
		return tensor.Tensor{}, err
	}
	if set.Dim() != spec.Dim() {
		return tensor.Tensor{}, fmt.Errorf("--source %s: rows of %d numbers, the model takes %d", f.source, set.Dim(), spec.Dim())
	}
	if rows := uint64(set.Len()); uint64(f.n) > rows || f.s.Offset > rows-uint64(f.n) {
		return tensor.Tensor{}, fmt.Errorf("--source %s: %d rows for %d samples from row %d on; give -n and --offset that fit", f.source, rows, f.n, f.s.Offset)
	}
	at := int(f.s.Offset) * spec.Dim()
	return tensor.Of(set.Rows[at:at+f.n*spec.Dim()], f.n, spec.Dim()), nil
}
