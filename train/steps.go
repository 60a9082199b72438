package train

import "fmtool/train/data"

// Steps is a run without a folder: the steps of Run, and no log, held-out loss or checkpoint. It is what benchmarks time.
type Steps struct{ t *trainer }

// NewSteps prepares the steps of a configuration on a set in data units.
func NewSteps(c Config, set *data.Set) (*Steps, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	t, err := newTrainer(c, set, "", Options{})
	if err != nil {
		return nil, err
	}
	return &Steps{t}, nil
}

// Take takes the next n steps and returns the mean of their losses.
func (s *Steps) Take(n int) (loss float64, err error) {
	before := s.t.mean
	for range n {
		if err := s.t.take(); err != nil {
			return 0, err
		}
	}
	return (s.t.mean.loss - before.loss) / float64(n), nil
}

// Close frees the plan and ends the goroutines that draw pairs.
func (s *Steps) Close() { s.t.close() }
