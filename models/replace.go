package models

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"fmtool/models/tensor"
)

// Replace returns the model with other weights, such as another program's after fine-tuning. They must have the names, shapes and float32 numbers of
// the model's own, all finite; the first name in order that does not fit is the error.
func (m *Model) Replace(weights map[string]tensor.Tensor) (*Model, error) {
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		if _, ok := m.Weights[name]; !ok {
			return nil, fmt.Errorf("models: the model has no weight %.60q; leave it out, or name the model it belongs to", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Weights)) {
		want, got := m.Weights[name], weights[name]
		switch {
		case got.IsZero():
			return nil, fmt.Errorf("models: weight %s is missing; give all %d of the model", name, len(m.Weights))
		case got.DType() != want.DType() || !slices.Equal(got.Shape(), want.Shape()):
			return nil, fmt.Errorf("models: weight %s is %v%v, the model's is %v%v", name, got.DType(), got.Shape(), want.DType(), want.Shape())
		}
		for i, v := range tensor.Data[float32](got) {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return nil, fmt.Errorf("models: weight %s holds %v at %d; want finite numbers", name, v, i)
			}
		}
	}
	return &Model{m.Spec, m.Arch, maps.Clone(weights)}, nil
}
