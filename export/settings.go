package export

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"fmtool/models/flow"
)

// Setting is a row of the table of what can be declared.
type Setting struct {
	Name, Help string
	set        func(d *Declaration, text string) error
}

// DeclaredPrefix is that of the metadata keys by which a file declares itself: the names of Settings follow.
const DeclaredPrefix = flow.Prefix + "declared."

// Settings are what can be declared.
var Settings = []Setting{
	{"input-x", "the network's input that is x_t",
		named(func(d *Declaration) *string { return &d.X })},
	{"input-t", "its input that is the time: one number for all rows or one for each, with a fraction or without",
		named(func(d *Declaration) *string { return &d.T })},
	{"input-y", "its input that is the condition; say --classes or --vector too",
		named(func(d *Declaration) *string { return &d.Y })},
	{"output-u", "its output, of x's shape (default: the only one)",
		named(func(d *Declaration) *string { return &d.U })},
	{"time-range", "NOISE:DATA, the network's time at noise and at data, as in 0:1, 1:0 or 999:0", setRange},
	{"prediction", "what the network predicts: velocity, x1 (the data), noise or score",
		parsed(flow.ParseQuantity, func(d *Declaration) *flow.Quantity { return &d.Prediction })},
	{"path", "schedule it was trained on: " + strings.Join(flow.Schedules(), ", ") + " or points:t,α,β;…, from t = 0 at noise to 1 at data",
		parsed(flow.ParseSchedule, func(d *Declaration) *flow.Schedule { return &d.Schedule })},
	{"output-scale", "what its output is multiplied by (default: 1, and -1 for a velocity if time falls from noise to data)",
		parsed(finiteNumber, func(d *Declaration) *float64 { return &d.Scale })},
	{"trained-times", "LO:HI, first and last time of training, from 0 at noise to 1 at data (default: where the prediction tells the velocity)", setTrained},
	{"time-phase", "largest phase of its time features in radians, which rounding errors grow with (default: its largest time)",
		parsed(finiteNumber, func(d *Declaration) *float64 { return &d.Phase })},
	{"sample-dims", "dimensions of a sample, as in 3,32,32 (default: those that its input declares)", setDims},
	{"classes", "number or names of the classes that the condition tells apart, as labels from 0 on",
		conditioned(flow.Labels, func(c *flow.Condition) *int { return &c.Classes })},
	{"vector", "number or names of the columns of a condition that is a vector",
		conditioned(flow.Vector, func(c *flow.Condition) *int { return &c.Width })},
	{"null", "share of training without condition, if there was such: the label behind the last class, or a vector of zeros, then means none",
		parsed(finiteNumber, func(d *Declaration) *float64 { return &d.Condition.Drop })},
	{"mean", "mean of the data in the network's space, a number or one for each column (default: 0)",
		numbers(func(d *Declaration) *[]float32 { return &d.Mean })},
	{"std", "scale of the data likewise (default: 1)",
		numbers(func(d *Declaration) *[]float32 { return &d.Std })},
	{"column-names", "names of the columns",
		parsed(func(text string) ([]string, error) { return strings.Split(text, ","), nil }, func(d *Declaration) *[]string { return &d.Columns })},
	{"any-batch", "true: take any number of rows, though the network declares that of an example",
		parsed(strconv.ParseBool, func(d *Declaration) *bool { return &d.AnyBatch })},
}

func parsed[T any](parse func(string) (T, error), field func(*Declaration) *T) func(*Declaration, string) error {
	return func(d *Declaration, text string) (err error) {
		*field(d), err = parse(text)
		return err
	}
}

func named(field func(*Declaration) *string) func(*Declaration, string) error {
	return parsed(func(text string) (string, error) {
		if text == "" {
			return "", fmt.Errorf("want a name")
		}
		return text, nil
	}, field)
}

func setRange(d *Declaration, text string) (err error) {
	d.Noise, d.Data, err = pair(text)
	if err == nil && d.Noise == d.Data {
		err = fmt.Errorf("want two different times")
	}
	return err
}

func setTrained(d *Declaration, text string) error {
	lo, hi, err := pair(text)
	d.Trained = []float64{lo, hi}
	return err
}

func setDims(d *Declaration, text string) error {
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return fmt.Errorf("want lengths with commas between")
		}
		d.Dims = append(d.Dims, n)
	}
	return nil
}

// maxNames bounds the names that a number stands for.
const maxNames = 1 << 16

func conditioned(kind flow.ConditionKind, count func(*flow.Condition) *int) func(*Declaration, string) error {
	return func(d *Declaration, text string) error {
		if d.Condition.Kind != flow.Unconditional {
			return fmt.Errorf("a condition is classes or a vector, not both")
		}
		d.Condition.Kind = kind
		if n, err := strconv.Atoi(text); err == nil {
			if *count(&d.Condition) = n; n < 1 || n > maxNames {
				return fmt.Errorf("want a number from 1 to %d, or names", maxNames)
			}
			for k := 0; k < n && kind == flow.Labels; k++ { // data name their classes
				d.Condition.Names = append(d.Condition.Names, strconv.Itoa(k))
			}
			return nil
		}
		d.Condition.Names = strings.Split(text, ",")
		*count(&d.Condition) = len(d.Condition.Names)
		return nil
	}
}

func numbers(field func(*Declaration) *[]float32) func(*Declaration, string) error {
	return func(d *Declaration, text string) error {
		for part := range strings.SplitSeq(text, ",") {
			v, err := finiteNumber(strings.TrimSpace(part))
			if err != nil || math.Abs(v) > math.MaxFloat32 {
				return fmt.Errorf("want numbers with commas between")
			}
			*field(d) = append(*field(d), float32(v))
		}
		return nil
	}
}

func finiteNumber(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("want a number")
	}
	return v, nil
}

func pair(text string) (a, b float64, err error) {
	first, second, ok := strings.Cut(text, ":")
	a, err1 := finiteNumber(first)
	b, err2 := finiteNumber(second)
	if !ok || err1 != nil || err2 != nil {
		return 0, 0, fmt.Errorf("want two numbers with a colon between")
	}
	return a, b, nil
}
