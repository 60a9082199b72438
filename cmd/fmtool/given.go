package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/train/data"
	"fmtool/train/quality"
)

// givenFlags say which rows a model is shown, and under which condition.
type givenFlags struct {
	label         string
	class         string
	condition     []float64
	unconditional bool
	dataSeed      uint64
}

func (f *givenFlags) add(cmd *cobra.Command) {
	s := cmd.Flags()
	s.StringVar(&f.label, "label", "", "column of a CSV that holds the classes of a model with classes")
	s.StringVar(&f.class, "class", "", "class of all rows, instead of the data's own")
	s.Float64SliceVar(&f.condition, "condition", nil, "numbers that all rows are conditioned on, instead of the data's own")
	s.BoolVar(&f.unconditional, "unconditional", false, "leave classes and conditions out")
	s.Uint64Var(&f.dataSeed, "data-seed", 0, "seed of DATA that is generated")
}

// checkNone refuses to leave the condition out of a model that was never trained without it.
func checkNone(spec flow.Spec, y tensor.Tensor) error {
	if c := spec.Condition; y.IsZero() && c.Kind != flow.Unconditional && c.Drop == 0 {
		return fmt.Errorf("the model was trained without label drop-out, or its file does not tell, and knows nothing of rows without %s: "+
			"give --class, --per-class or --condition, or train it with --label-drop 0.1", c.Kind)
	}
	return nil
}

// load reads the rows, and the condition of each: the data's own unless the flags say otherwise, none if the data have none.
func (f *givenFlags) load(spec flow.Spec, source string) (*data.Set, tensor.Tensor, error) {
	fixed := f.class != "" || f.condition != nil
	if fixed && f.unconditional || (fixed || f.unconditional) && f.label != "" {
		return nil, tensor.Tensor{}, errors.New("--class or --condition, --label, and --unconditional exclude each other")
	}
	o := data.Options{Columns: spec.Columns, Label: f.label, Seed: f.dataSeed}
	if spec.Condition.Kind == flow.Vector && !fixed && !f.unconditional {
		o.Condition = spec.Condition.Names
	}
	set, err := data.Load(source, o)
	if err != nil {
		return nil, tensor.Tensor{}, err
	}
	if !slices.Equal(set.Dims, spec.Dims) {
		return nil, tensor.Tensor{}, fmt.Errorf("%s: rows have dimensions %v, those of the model %v", source, set.Dims, spec.Dims)
	}
	c := spec.Condition
	switch {
	case fixed:
		y, err := (&sampleFlags{n: set.Len(), class: f.class, given: f.condition}).condition(spec)
		return set, y, err
	case f.unconditional || c.Kind == flow.Labels && set.Labels == nil || c.Kind == flow.Vector && set.Vectors == nil:
		return set, tensor.Tensor{}, nil
	}
	set, err = quality.Conditioned(c, set)
	if err != nil {
		return nil, tensor.Tensor{}, err
	}
	return set, quality.Condition(c, set), nil
}
