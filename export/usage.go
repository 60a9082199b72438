package export

import (
	"fmt"
	"strings"

	"fmtool/models/flow"
)

// dimsText is [batch, D...] as files say it.
func dimsText(s flow.Spec) string {
	return "[batch, " + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(s.Dims)), ", "), "[]") + "]"
}

// conditionText says what the inputs of the condition and of guidance are.
func conditionText(s flow.Spec, o Options) string {
	var b strings.Builder
	switch c := s.Condition; c.Kind {
	case flow.Labels:
		fmt.Fprintf(&b, "; y int64 [batch], a class from 0 to %d, or %d for none", c.Classes-1, c.Classes)
	case flow.Vector:
		fmt.Fprintf(&b, "; y float32 [batch, %d], a condition vector; y_drop float32 [batch, 1], 1 to leave y out of account, 0 otherwise", c.Width)
	}
	if o.Guidance {
		b.WriteString("; guidance float32 [1], or [batch] for a weight per row: 1 follows the condition as trained, more follows it more strongly, 0 not at all")
	}
	return b.String()
}

// restText points to the metadata.
var restText = fmt.Sprintf(" The other metadata keys %s* say what else there is to know.", flow.Prefix)

// velocityUsage is the doc string of velocity.onnx: how to sample, in words.
func velocityUsage(s flow.Spec, o Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Velocity field u(x, t) of a flow-matching model, written by fmtool.\n\n")
	times := "[1, 1], or [batch, 1] for a time per row"
	if s.SharedTime {
		times = "[1, 1], one time for all rows"
	}
	fmt.Fprintf(&b, "Inputs: x float32 %s, in model space; t float32 %s, from 0 (noise) to 1 (data)%s.\n", dimsText(s), times, conditionText(s, o))
	fmt.Fprintf(&b, "Output: velocity float32 %s, in model space.\n\n", dimsText(s))
	start := "x ~ N(0, 1)"
	if s.Source == flow.DataSource {
		start = "a row of the source data as x = (row - mean) / scale"
	}
	fmt.Fprintf(&b, "To draw samples: start with %s; for k = 0 ... n-1 do x = x + velocity(x, k/n) / n; then, column by column, sample = x * scale + mean, "+
		"with scale and mean from the metadata keys %snormaliser.scale and %snormaliser.mean (one number serves all columns).", start, flow.Prefix, flow.Prefix)
	return b.String() + restText
}

// samplerUsage is the doc string of sampler.onnx.
func samplerUsage(s flow.Spec, o Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Sampler of a flow-matching model, written by fmtool: %s, the model's normaliser inside.\n\n", methodText(s, o, outward))
	start := "noise drawn from N(0, 1)"
	if s.Source == flow.DataSource {
		start = "rows of the source data, in data units"
	}
	fmt.Fprintf(&b, "Inputs: x0 float32 %s, %s%s%s.\n", dimsText(s), start, stepsText(o), conditionText(s, o))
	fmt.Fprintf(&b, "Output: samples float32 %s, in data units.%s", dimsText(s), evaluationsText(o))
	return b.String() + restText
}

// sampleUsage is the doc string of sample.onnx.
func sampleUsage(s flow.Spec, o Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Samples of a flow-matching model from a seed, written by fmtool: noise, %s, the model's normaliser.\n\n", methodText(s, o, outward))
	fmt.Fprintf(&b, "Inputs: seed int64, of which all 64 bits count, so that a seed of 2^63 or more is given as seed - 2^64; count int64, the number of samples%s; "+
		"offset int64, the number of the first sample, 0 or where another job left off%s. batch is count.\n", stepsText(o), conditionText(s, o))
	fmt.Fprintf(&b, "Output: samples float32 %s, in data units. Sample k of a seed is the same in every job: offset and count cut jobs into shards.%s", dimsText(s), evaluationsText(o))
	return b.String() + restText
}

// evaluationsText says what the second output is.
func evaluationsText(o Options) string {
	if !o.Adaptive {
		return ""
	}
	return " evaluations int64 [batch], of the velocity for each row. A row that would need more than 10000 is NaN."
}

// The ways that graphs solve.
const outward, inward = "from t = 0 (noise) to t = 1 (data)", "from t = 1 (data) back to t = 0 (noise)"

// methodText says how the graph solves.
func methodText(s flow.Spec, o Options, way string) string {
	if o.Adaptive {
		return "steps of Bogacki's and Shampine's method 3(2) " + way + ", in a loop, of a length for each row that keeps its error within the tolerance"
	}
	n, how := "n", "in a loop"
	if o.Unroll > 0 {
		n, how = fmt.Sprint(o.Unroll), "without control flow"
	}
	grid := ""
	if !s.Grid.Even() {
		grid = ", uneven as the metadata key " + flow.Prefix + "grid says"
	}
	return fmt.Sprintf("%s steps of %s's method %s%s, %s, each with %d evaluations of the velocity", n, o.Solver.Name, way, grid, how, o.Solver.Stages())
}

func stepsText(o Options) string {
	switch {
	case o.Adaptive:
		return "; tolerance float32, the error allowed in a step, relative to 1 + |x| in model space, such as 0.00001"
	case o.Unroll > 0:
		return ""
	}
	return "; steps int64, the number n of steps, at least 1"
}
