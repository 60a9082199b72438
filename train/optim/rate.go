package optim

import (
	"fmt"
	"math"

	"fmtool/models/flow"
)

// Rate is the learning rate of each step: a linear rise over the warm-up, then constant or half a cosine down to Last·Peak.
type Rate struct {
	Kind   string  `yaml:"kind"`   // "cosine" or "constant"
	Peak   float64 `yaml:"peak"`   // highest rate
	Warmup int     `yaml:"warmup"` // steps of the rise
	Last   float64 `yaml:"last"`   // cosine: fraction of Peak at the last step
}

// Rates are the kinds of Rate.
var Rates = []string{"cosine", "constant"}

// At is the rate of step k = 1 … steps.
func (r Rate) At(k, steps int) float64 {
	if k <= r.Warmup {
		return r.Peak * float64(k) / float64(r.Warmup)
	}
	if r.Kind == "constant" || steps <= r.Warmup {
		return r.Peak
	}
	p := float64(k-r.Warmup) / float64(steps-r.Warmup)
	return r.Peak * (r.Last + (1-r.Last)*(1+math.Cos(math.Pi*p))/2)
}

// Check refuses unknown kinds and rates that are no rates.
func (r Rate) Check() error {
	switch {
	case r.Kind != "cosine" && r.Kind != "constant":
		return fmt.Errorf("optim: %w", flow.Unknown("rate", r.Kind, Rates))
	case !(r.Peak > 0) || math.IsInf(r.Peak, 0):
		return fmt.Errorf("optim: peak rate is %g, want a positive number", r.Peak)
	case r.Warmup < 0:
		return fmt.Errorf("optim: warm-up of %d steps", r.Warmup)
	case !(r.Last >= 0 && r.Last <= 1):
		return fmt.Errorf("optim: last is %g, want a fraction of the peak in [0, 1]", r.Last)
	}
	return nil
}
