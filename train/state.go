package train

import (
	"fmt"
	"path/filepath"

	"fmtool/models/tensor"
	"fmtool/train/checkpoint"
	"fmtool/train/optim"
)

// weights are the current weights, or their averages if there are any and raw is false: the plan's own memory, valid until the next step.
func (t *trainer) weights(raw bool) (map[string]tensor.Tensor, error) {
	prefix := ""
	if t.c.EMA > 0 && !raw {
		prefix = optim.Average
	}
	w := map[string]tensor.Tensor{}
	for _, name := range t.names {
		v, err := t.plan.Param(prefix + name)
		if err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
		w[name] = v
	}
	return w, nil
}

// save writes a checkpoint, unless the state is not finite: then the last good one stays.
func (t *trainer) save() error {
	if t.saved == t.step {
		return nil
	}
	s := checkpoint.State{Step: t.step, Tensors: map[string]tensor.Tensor{}, Facts: map[string]string{"data": t.checksum}}
	for _, name := range t.states {
		v, err := t.plan.Param(name)
		if err != nil {
			return fmt.Errorf("train: %w", err)
		}
		for _, x := range v.Float32() {
			if !finite(float64(x)) {
				return t.diverged("loss", float64(t.out[0].Float32()[0]), "parameter "+name, float64(x))
			}
		}
		s.Tensors[name] = v
	}
	if err := t.log.sync(); err != nil {
		return err
	}
	if err := checkpoint.Save(t.o.fs(), filepath.Join(t.dir, checkpointName), s); err != nil {
		return fmt.Errorf("train: step %d: %w", t.step, err)
	}
	t.saved = t.step
	return nil
}

// restore puts a checkpoint's state into the plan.
func (t *trainer) restore(s checkpoint.State) error {
	if have := s.Facts["data"]; have != t.checksum {
		return fmt.Errorf("train: %s was trained on other data (SHA-256 %.8s…, now %.8s…); a run can only go on with its own", t.dir, have, t.checksum)
	}
	if len(s.Tensors) != len(t.states) {
		return fmt.Errorf("train: the checkpoint of %s holds %d tensors, its configuration needs %d", t.dir, len(s.Tensors), len(t.states))
	}
	for _, name := range t.states {
		if err := t.plan.WriteParam(name, s.Tensors[name]); err != nil {
			return fmt.Errorf("train: the checkpoint of %s does not fit its configuration: %w", t.dir, err)
		}
	}
	t.step, t.saved = s.Step, s.Step
	return nil
}

// finish writes the weights.
func (t *trainer) finish() error {
	if err := t.save(); err != nil {
		return err
	}
	averaged, err := t.weights(false)
	if err != nil {
		return err
	}
	var raw map[string]tensor.Tensor
	if t.c.EMA > 0 {
		if raw, err = t.weights(true); err != nil {
			return err
		}
	}
	mean := 0.0
	if t.loss != nil {
		if mean, _, err = t.heldOut(); err != nil {
			return err
		}
	}
	m := *t.model
	m.Weights = averaged
	f := facts(t.c, t.set, t.rows, mean)
	t.c.couplingFacts(f, m.Spec)
	if err := t.c.reflowFacts(f, &m, t.set); err != nil {
		return fmt.Errorf("train: straightness: %w", err)
	}
	return writeWeights(t.o.fs(), t.dir, &m, raw, f)
}
