package export

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"fmtool/models/flow"
)

// Declaration says what the inputs and outputs of a network made elsewhere mean. NewDeclaration fills it in from text: the settings of a command
// line, or metadata that the exporting program left in the file.
type Declaration struct {
	X, T, Y, U  string // names of the inputs and the output; U "": the only one
	Dims        []int  // of a sample; nil: those that the input x declares
	Noise, Data float64
	Prediction  flow.Quantity
	Schedule    flow.Schedule
	Scale       float64   // what the output is multiplied by; 0: 1, and −1 for a velocity whose time falls towards data
	Trained     []float64 // first and last time of training, in the toolkit's time; nil: flow.Interval
	Phase       float64   // largest phase of the time features, in radians; 0: the largest time
	Condition   flow.Condition
	Mean, Std   []float32 // of the data, one number or one for each column
	Columns     []string
	AnyBatch    bool // a fixed batch is only that of the example that was exported

	text map[string]string // what was said
}

// NewDeclaration reads settings by name; those left out have their defaults: inputs x and t, times from 0 at noise to 1 at data, a velocity, the
// linear path.
func NewDeclaration(settings map[string]string) (Declaration, error) {
	d := Declaration{X: "x", T: "t", Data: 1, Schedule: flow.Linear, Condition: flow.Condition{Kind: flow.Unconditional}, text: settings}
	var names []string
	for _, s := range Settings {
		names = append(names, s.Name)
		if text, ok := settings[s.Name]; ok {
			if err := s.set(&d, text); err != nil {
				return d, fmt.Errorf("export: %s %.60q: %w", s.Name, text, err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if !slices.Contains(names, name) {
			return d, fmt.Errorf("export: %w", flow.Unknown("setting", name, names))
		}
	}
	switch kind, drop := d.Condition.Kind, d.Condition.Drop; {
	case drop < 0 || drop > 1:
		return d, fmt.Errorf("export: null %g: want a share of training, above 0 and at most 1", drop)
	case kind != flow.Unconditional && d.Y == "":
		d.Y = "y"
	case kind == flow.Unconditional && (d.Y != "" || d.Condition.Drop > 0):
		return d, fmt.Errorf("export: a condition (input-y, null) is of classes or a vector: say how many, classes 10 or vector 3")
	}
	return d, nil
}

// Declared are the settings in a file's metadata, nil if it declares nothing.
func Declared(meta map[string]string) map[string]string {
	var settings map[string]string
	for key, text := range meta {
		if name, ok := strings.CutPrefix(key, DeclaredPrefix); ok {
			if settings == nil {
				settings = map[string]string{}
			}
			settings[name] = text
		}
	}
	return settings
}

// said is the declaration as text, as it would be said to a command.
func (d Declaration) said() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(d.text)) {
		parts = append(parts, name+"="+d.text[name])
	}
	return strings.Join(parts, " ")
}

// spec is what the toolkit knows a field by, for samples of the dims.
func (d Declaration) spec(dims []int) (flow.Spec, error) {
	s := flow.Spec{Dims: dims, Columns: d.Columns, Condition: d.Condition, Schedule: d.Schedule, Prediction: d.Prediction, PhaseBound: d.Phase}
	s.TimeMin, s.TimeMax = flow.Interval(d.Schedule, d.Prediction, flow.Velocity)
	if d.Trained != nil {
		s.TimeMin, s.TimeMax = d.Trained[0], d.Trained[1]
	}
	if s.PhaseBound == 0 {
		s.PhaseBound = max(math.Abs(d.Noise), math.Abs(d.Data))
	}
	s.Normaliser = flow.Normaliser{Kind: "none", Mean: []float32{0}, Scale: []float32{1}}
	if d.Mean != nil || d.Std != nil {
		each := max(len(d.Mean), len(d.Std))
		s.Normaliser = flow.Normaliser{Kind: "column", Mean: spread(d.Mean, 0, each), Scale: spread(d.Std, 1, each)}
		if each == 1 {
			s.Normaliser.Kind = "global"
		}
	}
	if err := s.Check(); err != nil {
		return s, fmt.Errorf("export: what is declared: %w", err)
	}
	return s, nil
}

// spread is the list, one number of it or the one for none repeated n times.
func spread(list []float32, none float32, n int) []float32 {
	switch len(list) {
	case 0:
		return slices.Repeat([]float32{none}, n)
	case 1:
		return slices.Repeat(list, n)
	}
	return list
}
