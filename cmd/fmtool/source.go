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
	set, err := loadStart(f.source, spec, f.s.Seed)
	if err != nil {
		return tensor.Tensor{}, err
	}
	if rows := uint64(set.Len()); uint64(f.n) > rows || f.s.Offset > rows-uint64(f.n) {
		return tensor.Tensor{}, fmt.Errorf("--source %s: %d rows for %d samples from row %d on; give -n and --offset that fit", f.source, rows, f.n, f.s.Offset)
	}
	at := int(f.s.Offset) * spec.Dim()
	return tensor.Of(set.Rows[at:at+f.n*spec.Dim()], f.n, spec.Dim()), nil
}

// loadStart loads rows that a model starts at.
func loadStart(source string, spec flow.Spec, seed uint64) (*data.Set, error) {
	o := data.Options{Seed: seed, Draw: 2}
	if strings.HasSuffix(source, ".csv") || strings.HasSuffix(source, ".csv.gz") {
		o.Columns = spec.Columns
	}
	set, err := data.Load(source, o)
	if err != nil {
		return nil, err
	}
	if set.Dim() != spec.Dim() {
		return nil, fmt.Errorf("--source %s: rows of %d numbers, the model takes %d", source, set.Dim(), spec.Dim())
	}
	return set, nil
}
