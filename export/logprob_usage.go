package export

import (
	"fmt"
	"strings"

	"fmtool/models/flow"
)

// logProbUsage is the doc string of logprob.onnx.
func logProbUsage(s flow.Spec, o Options) string {
	var b strings.Builder
	how, probes, mean := "exact", "", ""
	if o.Divergence == ProbesDivergence {
		how, mean = "estimated by probes, Hutchinson's way", ", the mean over the probes"
		probes = "; probes float32 [P, " + dimsText(s)[1:] + ", P of at least 1 for each row: independent random numbers of mean 0 and variance 1, best +1 or -1 with equal chance"
	}
	fmt.Fprintf(&b, "Log-densities of data under a flow-matching model, written by fmtool: %s, the model's normaliser and its Jacobian inside. "+
		"The divergence of the velocity is %s.\n\n", methodText(s, o, inward), how)
	fmt.Fprintf(&b, "Inputs: x float32 %s, rows in data units%s%s%s.\n", dimsText(s), stepsText(o), probes, conditionText(s, o))
	fmt.Fprintf(&b, "Outputs: log_prob float32 [batch], in nats and data units%s; %s\n\n", mean, nfeText(o))
	b.WriteString("The density is that of the samples which the model's flow makes of noise N(0, 1). Use enough steps: twice as many should change nothing that matters.")
	if keep, kept := s.Varying(); kept < len(keep) {
		fmt.Fprintf(&b, " It is that of the %d columns that varied in training; the %d constant ones are left out.", kept, len(keep)-kept)
	}
	return b.String() + restText
}

// nfeText says what the second output is.
func nfeText(o Options) string {
	switch {
	case !o.Adaptive:
		return "nfe int64, the number of evaluations of the velocity for each row."
	case o.Divergence == ProbesDivergence:
		return "nfe int64 [batch], of evaluations of the velocity for each row and probe the most. A row that would need more than 10000 is NaN."
	}
	return "nfe int64 [batch], the number of evaluations of the velocity for each row. A row that would need more than 10000 is NaN."
}
