package runtime

import (
	"cmp"
	"context"
	"fmt"
	"iter"

	"fmtool/models/tensor"
	"fmtool/runtime/solver"
)

// Frame is the state of all rows at one time.
type Frame struct {
	T           float64
	X           tensor.Tensor // [N, D...] data units, valid until the next frame
	Evaluations int           // of the field so far, by the row that took most
}

// Trajectory yields n rows on their way from noise to samples at the times of the grid, Steps and one, the first included. All rows go together; the last
// frame holds the bits of Sample where these steps are the solver's too, and rows that choose their own steps end one at each time. y is that of
// Sample. It ends after an error, and a frame that holds anything but finite numbers is one.
func (s Sampler) Trajectory(ctx context.Context, n int, y tensor.Tensor) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		if s.Steps = orElse(s.Steps, 100); s.Method.B == nil {
			s.Method = solver.Euler
		}
		times, err := s.times(s.Field.Spec())
		if err == nil {
			err = s.checkRows(n, y)
		}
		if err == nil {
			err = s.frames(ctx, n, y, times, func(f Frame) bool { return yield(f, nil) })
		}
		if err != nil {
			yield(Frame{}, err)
		}
	}
}

func (s Sampler) checkRows(n int, y tensor.Tensor) error {
	if n < 1 || s.Steps < 1 || !y.IsZero() && (y.Rank() < 1 || y.Dim(0) != n) {
		return fmt.Errorf("runtime: trajectories of %d rows in %d steps under condition %v: want positive numbers, a condition for each row", n, s.Steps, y)
	}
	if s.SDE != nil {
		if s.Adaptive != nil {
			return fmt.Errorf("runtime: noise on the way goes in given steps; leave it out to choose steps")
		}
		if err := s.Field.Spec().CheckScore(); err != nil {
			return fmt.Errorf("runtime: noise on the way: %w", err)
		}
	}
	return s.checkSource(n)
}

// frames hands the frame at each time to yield until that refuses one.
func (s Sampler) frames(ctx context.Context, n int, y tensor.Tensor, times []float64, yield func(Frame) bool) error {
	spec := s.Field.Spec()
	dim := spec.Dim()
	defer about(s.Field, job{}) //nolint:errcheck // no job is refused by none
	f := Frame{X: tensor.New(tensor.Float32, append([]int{n}, spec.Dims...)...)}
	var broken error
	show := func(t float64, x []float32, evaluations int) bool {
		spec.Normaliser.Decode(f.X.Float32(), x, dim)
		if err := finite(f.X.Float32(), 0, dim); err != nil {
			broken = fmt.Errorf("at t = %g: %w", t, err)
			return false
		}
		f.T, f.Evaluations = t, evaluations
		return yield(f)
	}
	if s.Adaptive != nil {
		c, x := newClimb(s.Field, n, n, 0), make([]float32, n*dim)
		c.y = y
		s.start(x, 0)
		_, err := c.solve(ctx, *s.Adaptive, x, times, func(now solver.State) bool { return show(now.T, x, now.Evaluations) })
		return cmp.Or(broken, err)
	}
	b := newBatch(s, n)
	b.y = y
	s.start(b.x.Float32(), 0)
	if !show(times[0], b.x.Float32(), 0) {
		return broken
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	stopped := false
	err := b.run(ctx, s.Offset, times, func(step int) {
		if stopped = !show(times[step+1], b.x.Float32(), (step+1)*s.stages()); stopped {
			stop() // before the next step
		}
	})
	if stopped {
		return broken
	}
	return err
}
