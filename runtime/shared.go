package runtime

import (
	"context"
	"fmt"

	"fmtool/models/tensor"
)

// eachTime evaluates a field that takes one time for all rows where each has its own: runs of rows with the same time go together, so that it costs an
// evaluation for each change of it.
func (m *Model) eachTime(ctx context.Context, dst, x, t, y tensor.Tensor) error {
	times := t.Float32()
	for from := 0; from < len(times); {
		to := from + 1
		for to < len(times) && times[to] == times[from] {
			to++
		}
		some := y
		if !y.IsZero() {
			some = rowsOf(y, from, to-from)
		}
		if err := m.Velocity(ctx, rowsOf(dst, from, to-from), rowsOf(x, from, to-from), tensor.Of(times[from:from+1], 1, 1), some); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// sharedTime is t [1 1] for a field that takes one time for all rows. Rows that have their own are an error: a derivative is not taken row by row.
func sharedTime(shared bool, t tensor.Tensor) (tensor.Tensor, error) {
	if !shared || t.Len() == 1 {
		return t, nil
	}
	times := t.Float64()
	for i, at := range times {
		if at != times[0] {
			return t, fmt.Errorf("runtime: the network takes one time for all rows, and rows [0] and [%d] have %g and %g: take a solver with given steps", i, times[0], at)
		}
	}
	return t.Slice(0, 1).Reshape(1, 1), nil
}
