package train

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/runtime/solver"
	"fmtool/train/data"
	"fmtool/train/metric"
	"fmtool/train/quality"
)

// Reflow trains on the pairs of another model [LIU23]: x0 is drawn from its source, x1 is where its flow carries x0, and both stay together. The new flow has the same
// ends and straighter paths, which few steps follow: its E ∫|x1 − x0 − v|² dt is no larger than the old one's, and falls towards 0 when repeated.
type Reflow struct {
	Model  string `yaml:"model"`  // folder of the model's run; "": no reflow
	Pairs  int    `yaml:"pairs"`  // number of pairs
	Solver string `yaml:"solver"` // what draws them: a name of solver.Parse
	Steps  int    `yaml:"steps"`
	Fresh  bool   `yaml:"fresh"` // begin with fresh weights instead of the model's
}

var defaultReflow = Reflow{Pairs: 20000, Solver: "midpoint", Steps: 50}

// maxPairs is the largest number of pairs.
const maxPairs = 1 << 26

func (c Config) checkReflow() error {
	r := c.Reflow
	if r.Model == "" {
		if r != defaultReflow && r != (Reflow{}) {
			return fmt.Errorf("settings of reflow without a model; name its run (--reflow RUN) or leave them out")
		}
		return nil
	}
	if c.Data != "" || c.Source != "" || c.Pairs != "" || c.Coupling != "" && c.Coupling != string(flow.Pairs) {
		return fmt.Errorf("reflow makes its pairs from the model; leave data, source, pairs and coupling out")
	}
	if c.Columns != nil || c.Label != "" || c.Condition != nil {
		return fmt.Errorf("reflow has the columns and the condition of its model; leave columns, label and condition out")
	}
	if r.Pairs < 2 || r.Pairs > maxPairs || r.Steps < 1 {
		return fmt.Errorf("reflow of %d pairs in %d steps, want 2 to %d pairs and at least 1 step", r.Pairs, r.Steps, maxPairs)
	}
	_, err := solver.Parse(r.Solver)
	return err
}

// ReflowConfig is a good configuration for the reflow of the run in dir: that run's, with the pairs of its model in place of its data.
func ReflowConfig(dir string) (Config, error) {
	c, err := ReadConfig(dir)
	if err != nil {
		return c, err
	}
	c.Data, c.Columns, c.Label, c.Condition, c.Source, c.Pairs, c.Coupling = "", nil, "", nil, "", "", ""
	c.OT, c.Sigma, c.Reflow = defaultTransport, 0, defaultReflow
	c.Reflow.Model = dir
	return c, nil
}

// parent is the model whose pairs a run learns; nil if there is none.
func (c Config) parent() (*models.Model, error) {
	if c.Reflow.Model == "" {
		return nil, nil
	}
	m, _, err := LoadRun(c.Reflow.Model, false)
	return m, err
}

// inherit begins with the parent's weights.
func inherit(m, parent *models.Model) error {
	for name, w := range m.Weights {
		from, ok := parent.Weights[name]
		if !ok || !slices.Equal(from.Shape(), w.Shape()) {
			return fmt.Errorf("reflow: the network has %s %v, the model %v; train the same network, or begin with fresh weights (--reflow-fresh)", name, w.Shape(), from)
		}
		copy(w.Float32(), from.Float32())
	}
	return nil
}

// straightRows and straightSteps are those that straightness is measured with.
const straightRows, straightSteps = 1000, 100

// straightness is E ∫|x1 − x0 − v|² dt of a model's paths [LIU23] in model space, by Euler steps from the first x0 of a reflow's pairs with their conditions.
func (c Config) straightness(m *models.Model, set *data.Set) (float64, error) {
	few := make([]int, min(straightRows, set.Len()))
	for i := range few {
		few[i] = i
	}
	start := set.Take(few)
	if !set.Noise {
		m.Spec.Normaliser.Encode(start.Paired, start.Paired)
	}
	f, err := open(m, c.threads(), len(few))
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // it only frees
	y := quality.Condition(m.Spec.Condition, start)
	path, err := quality.Trajectory(context.Background(), f, start.Paired, y, quality.Rule{Method: solver.Euler, Steps: straightSteps})
	if err != nil {
		return 0, err
	}
	return metric.Straightness(path)
}

// The keys of the facts of a reflow.
const (
	straightBefore = flow.Prefix + "train.reflow.straightness.before"
	straightAfter  = flow.Prefix + "train.reflow.straightness.after"
	reflowPairs    = flow.Prefix + "train.reflow.pairs"
)

// reflowFacts adds what a reflow has reached: the straightness of the model's paths before and after it.
func (c Config) reflowFacts(f map[string]string, m *models.Model, set *data.Set) error {
	parent, err := c.parent()
	if parent == nil || err != nil {
		return err
	}
	for key, m := range map[string]*models.Model{straightBefore: parent, straightAfter: m} {
		s, err := c.straightness(m, set)
		if err != nil {
			return err
		}
		f[key] = strconv.FormatFloat(s, 'g', 6, 64)
	}
	f[reflowPairs] = fmt.Sprintf("%d by %s in %d steps", c.Reflow.Pairs, c.Reflow.Solver, c.Reflow.Steps)
	return nil
}

// Straightness are the figures that a reflow leaves in the facts of its run: E ∫|x1 − x0 − v|² dt in model space before and after; ok is false for other runs.
func (f Facts) Straightness() (before, after float64, ok bool) {
	before, err1 := strconv.ParseFloat(f[straightBefore], 64)
	after, err2 := strconv.ParseFloat(f[straightAfter], 64)
	return before, after, err1 == nil && err2 == nil
}
