package runtime

import (
	"context"
	"fmt"

	"fmtool/models/noise"
	"fmtool/models/tensor"
)

// Denoiser estimates the data behind noisy points: rows are taken for x_t at one time, and become E[x1 | x_t], of all estimates the one with the
// least expected squared error. A noisy row in data units is the model's x_t times scale plus mean: at time t it holds α_t of the data and
// noise of standard deviation β_t·scale.
type Denoiser struct {
	Field VelocityField
	Time  float64 // t from 0, pure noise, to 1, data
	Batch int     // rows at a time; 0 means 1024
}

func (d Denoiser) check(rows tensor.Tensor) error {
	spec := d.Field.Spec()
	if rows.DType() != tensor.Float32 || rows.Rank() < 1 || rows.Dim(0) > 0 && rows.Len() != rows.Dim(0)*spec.Dim() {
		return fmt.Errorf("runtime: denoising of %v, want float32 [N %v]", rows, spec.Dims)
	}
	if !(d.Time >= 0 && d.Time <= 1) || d.Batch < 0 {
		return fmt.Errorf("runtime: denoising at time %g, %d rows at a time: want a time from 0, noise, to 1, data", d.Time, d.Batch)
	}
	return nil
}

// Denoise replaces noisy rows [N, D...] (or flat) in data units by their estimates. y is the condition of each row, the zero Tensor for none.
func (d Denoiser) Denoise(ctx context.Context, rows, y tensor.Tensor) error {
	if err := d.check(rows); err != nil {
		return err
	}
	n, spec := rows.Dim(0), d.Field.Spec()
	if !y.IsZero() && (y.Rank() < 1 || y.Dim(0) != n) {
		return fmt.Errorf("runtime: condition %v for %d rows", y, n)
	}
	dim, size, t := spec.Dim(), orElse(d.Batch, 1024), tensor.Full(float32(d.Time), 1, 1)
	for at := 0; at < n; at += size {
		k, given := min(size, n-at), tensor.Tensor{}
		shape := append([]int{k}, spec.Dims...)
		x, dst, part := tensor.New(tensor.Float32, shape...), tensor.New(tensor.Float32, shape...), rows.Float32()[at*dim:(at+k)*dim]
		if !y.IsZero() {
			given = rowsOf(y, at, k)
		}
		spec.Normaliser.Encode(x.Float32(), part)
		if err := PosteriorMean(ctx, d.Field, dst, x, t, given); err != nil {
			return err
		}
		spec.Normaliser.Decode(part, dst.Float32(), dim)
		if err := finite(part, at, dim); err != nil {
			return err
		}
	}
	return nil
}

// Noise replaces clean rows by noisy ones of that time, x_t = α_t x1 + β_t x0 in data units. The noise of row n of the seed depends on n alone.
// Columns that were constant in training stay.
func (d Denoiser) Noise(rows tensor.Tensor, seed uint64) error {
	if err := d.check(rows); err != nil {
		return err
	}
	spec := d.Field.Spec()
	if err := spec.CheckBase(); err != nil {
		return fmt.Errorf("runtime: no noise to add: %w", err)
	}
	dim, c := spec.Dim(), spec.Schedule.At(min(max(d.Time, spec.TimeMin), spec.TimeMax))
	x, z := make([]float32, dim), make([]float32, dim)
	s := noise.New(seed, noise.Noising)
	for i := range rows.Dim(0) {
		row := rows.Float32()[i*dim : (i+1)*dim]
		spec.Normaliser.Encode(x, row)
		s.Row(z, uint64(i))
		for j := range x {
			x[j] = float32(c.Alpha*float64(x[j]) + c.Beta*float64(z[j]))
		}
		spec.Normaliser.Decode(row, x, dim)
	}
	return nil
}
