package flow

import (
	"fmt"
	"slices"
)

// SourceKind is what x0, the start of the path, is drawn from.
type SourceKind string

// The kinds of sources. Rows of a data set are in data units like the samples and go through the model's own normaliser: x0 = Encode(row).
const (
	NormalSource SourceKind = ""     // N(0, I) in model space
	DataSource   SourceKind = "data" // rows of another data set: whoever samples must give them
)

// Coupling is how training paired x0 with x1. The marginal p_0 is the source whatever the coupling.
type Coupling string

// The couplings. The empty name says that a file does not tell, and is taken for Independent.
const (
	Independent Coupling = "independent"
	OT          Coupling = "ot"       // optimal transport in blocks
	Sinkhorn    Coupling = "sinkhorn" // entropic optimal transport in blocks, rounded to permutations
	C2OT        Coupling = "c2ot"     // optimal transport that keeps x0 independent of the condition [CH25]
	Pairs       Coupling = "pairs"    // pairs given with the data, as reflow's
)

// Couplings are the names.
var Couplings = []Coupling{Independent, OT, Sinkhorn, C2OT, Pairs}

// sourceText is the metadata on noise of a model whose source is a data set.
const sourceText = "x0 are rows of the source data set, not noise: take a row in data units and start at x = (row - mean) / scale, the model's normaliser"

// CheckBase refuses a model that does not start at noise. Whoever draws noise, or takes a density's base to be N(0, I), asks it first: likelihoods hold
// for every coupling, but for that source alone.
func (s Spec) CheckBase() error {
	if s.Source != NormalSource {
		return fmt.Errorf("flow: the model starts at rows of a data set, not at noise N(0, I): that needs a model trained without a source")
	}
	return nil
}

// CheckScore refuses a model whose velocity says nothing of its score. ∇ log p_t(x) = −E[x0 | x_t = x]/β_t, and with it the conversion to scores,
// stochastic samplers and Tweedie's formula, holds where x0 is N(0, I) given x1: not for rows of a data set, nor for a coupling, nor with path noise.
// The conversions among velocity, x1 and noise hold for every source and coupling, without path noise.
func (s Spec) CheckScore() error {
	if err := s.CheckBase(); err != nil {
		return err
	}
	if s.Coupling != "" && s.Coupling != Independent {
		return fmt.Errorf("flow: the model was trained with coupling %s: its velocity gives no score, which needs noise independent of the data (coupling independent)", s.Coupling)
	}
	if s.Sigma > 0 {
		return fmt.Errorf("flow: the model was trained with path noise sigma %g: its velocity gives no score, which needs sigma 0", s.Sigma)
	}
	return nil
}

func (s Spec) checkSource() error {
	if s.Source != NormalSource && s.Source != DataSource {
		return fmt.Errorf("flow: %w", Unknown("source", string(s.Source), []string{string(DataSource)}))
	}
	if s.Coupling != "" && !slices.Contains(Couplings, s.Coupling) {
		return fmt.Errorf("flow: %w", Unknown("coupling", string(s.Coupling), CouplingNames()))
	}
	if !(s.Sigma >= 0 && s.Sigma < 1e6) {
		return fmt.Errorf("flow: path noise sigma is %g, want a standard deviation", s.Sigma)
	}
	return nil
}

// CouplingNames are Couplings as strings.
func CouplingNames() []string {
	var names []string
	for _, c := range Couplings {
		names = append(names, string(c))
	}
	return names
}
