package train

import (
	"context"
	"fmt"
	"strings"

	"fmtool/train/data"
)

// Load reads the data of a configuration: the rows x1, and with them the source or the x0 of pairs. A reflow's pairs are drawn from its model.
//
// Rows of a source or of pairs are in the units and columns of the data and go through the normaliser that is fitted on the data's rows alone, so that both ends of a
// path lie in one model space: x0 = (row − mean)/scale. Without a normaliser (none) they are taken as they are.
func (c Config) Load(ctx context.Context) (*data.Set, error) {
	if c.Reflow.Model != "" {
		return c.pairs(ctx)
	}
	set, err := data.Load(c.Data, data.Options{Columns: c.Columns, Label: c.Label, Condition: c.Condition, Seed: c.Seed})
	if err != nil {
		return nil, err
	}
	if c.Source != "" {
		if set.Source, err = loadStart(c.Source, c, set); err != nil {
			return nil, fmt.Errorf("train: source: %w", err)
		}
	}
	if c.Pairs != "" {
		pairs, err := loadStart(c.Pairs, c, set)
		if err != nil {
			return nil, fmt.Errorf("train: pairs: %w", err)
		}
		if pairs.Len() != set.Len() {
			return nil, fmt.Errorf("train: pairs: %s has %d rows, %s %d; row i of one is the x0 of row i of the other", c.Pairs, pairs.Len(), c.Data, set.Len())
		}
		set.Paired = pairs.Rows
	}
	return set, nil
}

// loadStart reads rows x0 for a set of rows x1. Generated ones come from numbers of their own: the same shape on both sides is not the same rows.
func loadStart(path string, c Config, set *data.Set) (*data.Set, error) {
	o := data.Options{Seed: c.Seed, Draw: 1}
	if strings.HasSuffix(path, ".csv") || strings.HasSuffix(path, ".csv.gz") {
		o.Columns = set.Columns
	}
	start, err := data.Load(path, o)
	if err != nil {
		return nil, err
	}
	if start.Dim() != set.Dim() {
		return nil, fmt.Errorf("rows of %s have %d numbers, those of %s %d", path, start.Dim(), c.Data, set.Dim())
	}
	return &data.Set{Rows: start.Rows, Dims: set.Dims, Columns: set.Columns}, nil
}
