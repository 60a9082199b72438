package flow

import (
	"fmt"
	"slices"
)

// Kind is what the graph of a file computes; all kinds carry the same Spec.
type Kind string

// The kinds of files.
const (
	VelocityKind  Kind = "velocity"   // u(x, t), in model space
	SamplerKind   Kind = "sampler"    // noise → samples
	SampleKind    Kind = "sample"     // seed → samples
	LogProbKind   Kind = "logprob"    // rows → log-densities
	TrainStepKind Kind = "train_step" // data, noise, times, state → state
)

var kinds = []Kind{VelocityKind, SamplerKind, SampleKind, LogProbKind, TrainStepKind}

// KindOf reads the kind in a file's metadata. A file of another format or kind is an error.
func KindOf(meta map[string]string) (Kind, error) {
	k := Kind(meta[Prefix+"kind"])
	if meta[Prefix+"format"] != "1" || !slices.Contains(kinds, k) {
		return "", fmt.Errorf("flow: not a velocity field: metadata %skind is %q and %sformat %q, want one of %q and \"1\"", Prefix, k, Prefix, meta[Prefix+"format"], kinds)
	}
	return k, nil
}
