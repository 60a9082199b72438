package flow

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ConditionKind is what a model is conditioned on.
type ConditionKind string

// The kinds of conditions. Labels are int64 [N], with the null class Classes for "none"; vectors are float32 [N, Width] with y_drop float32 [N, 1],
// 1 where the learned null row stands for the vector.
const (
	Unconditional ConditionKind = "none"
	Labels        ConditionKind = "labels"
	Vector        ConditionKind = "vector"
)

// Condition describes the input y of a velocity field.
type Condition struct {
	Kind    ConditionKind
	Classes int      // Labels: number of classes; index Classes is the null class
	Width   int      // Vector: numbers a row
	Names   []string // of the classes, or of the vector's columns
	Drop    float64  // probability with which training left the condition out; 0: never, or the file does not tell
}

// Spec says what the numbers of a velocity field mean.
type Spec struct {
	Dims       []int    // of one sample, such as [2] or [1 8 8]
	Columns    []string // names of the columns, nil for images
	Condition  Condition
	Schedule   Schedule
	Prediction Quantity
	Normaliser Normaliser
	TimeMin    float64 // first time the field was trained at; 0 unless the prediction says nothing there
	TimeMax    float64 // last time the field was trained at; 1 without endpoint defects
	SharedTime bool    // all rows of an evaluation have one time
	PhaseBound float64 // largest phase of the time features in radians: with it grows the rounding error
	Source     SourceKind
	Coupling   Coupling // of x0 and x1 in training
	Sigma      float64  // path noise: training saw x_t + Sigma·ε, ε ~ N(0, I), with the target unchanged
	Times      Times    // drawn in training
	Grid       Grid     // of the sampler, unless it is told otherwise
}

// Dim is the number of elements of one sample.
func (s Spec) Dim() int {
	n := 1
	for _, d := range s.Dims {
		n *= d
	}
	return n
}

// Varying marks the elements of a sample that are not constant, and counts them: those that have a density.
func (s Spec) Varying() (keep []bool, n int) {
	keep = make([]bool, s.Dim())
	for j := range keep {
		if keep[j] = j >= len(s.Normaliser.Constant) || !s.Normaliser.Constant[j]; keep[j] {
			n++
		}
	}
	return keep, n
}

// Prefix is that of every metadata key of the toolkit.
const Prefix = "io.fmtool."

// maxDim bounds the elements of a sample in a file, so that a hostile one cannot ask for absurd memory.
const maxDim = 1 << 26

const (
	timeText = "t = 0 is noise, t = 1 is data; n Euler steps: x += u(x, t)/n at t = 0, 1/n, ..., (n-1)/n; x is in model space"
	gridText = "; the model prefers the uneven times t_k of the key grid, x += (t_(k+1) - t_k) u(x, t_k), the quantiles k/n of that distribution, " +
		"with shift:s in it then taken through t / (t + s (1 - t))"
	noiseText = "Threefry-2x32-20; key = (low, high) 32 bits of the seed; row n, pair j: counter (n, j) -> w0, w1 " +
		"(for n >= 2^32 the key is Threefry(key, (n >> 32, 2^32-2)) and the counter (n mod 2^32, j)); " +
		"u = ((w0 >> 8) + 1) * 2^-24, a = fl32(2 pi) * ((w1 >> 8) * 2^-24), z[2j] = sqrt(-2 ln u) cos a, z[2j+1] = sqrt(-2 ln u) sin a, in float32"
)

// Metadata is the spec as the metadata of an ONNX file; ParseSpec reads it back. Numbers are decimal text that gives the same float32.
func (s Spec) Metadata() map[string]string {
	m := map[string]string{
		"format": "1", "kind": string(VelocityKind), "time": timeText, "noise": noiseText,
		"dims":             join(s.Dims, strconv.Itoa),
		"schedule":         s.Schedule.Name(),
		"prediction":       s.Prediction.String(),
		"time.max":         float(s.TimeMax),
		"time.phase":       float(s.PhaseBound),
		"normaliser.kind":  s.Normaliser.Kind,
		"normaliser.mean":  join(s.Normaliser.Mean, float32Text),
		"normaliser.scale": join(s.Normaliser.Scale, float32Text),
		"condition.kind":   string(s.Condition.Kind),
	}
	if slices.Contains(s.Normaliser.Constant, true) {
		m["normaliser.constant"] = join(s.Normaliser.Constant, func(b bool) string { return map[bool]string{false: "0", true: "1"}[b] })
	}
	if s.Source != NormalSource {
		m["source"], m["noise"] = string(s.Source), sourceText
	}
	if s.Coupling != "" {
		m["coupling"] = string(s.Coupling)
	}
	if s.Sigma > 0 {
		m["path.sigma"] = float(s.Sigma)
	}
	if s.TimeMin > 0 {
		m["time.min"] = float(s.TimeMin)
	}
	if s.SharedTime {
		m["time.shared"] = "true"
	}
	if text := s.Times.String(); text != "uniform" {
		m["times"] = text
	}
	if !s.Grid.Even() {
		m["grid"], m["time"] = s.Grid.String(), timeText+gridText
	}
	if s.Columns != nil {
		m["columns"] = list(s.Columns)
	}
	switch s.Condition.Kind {
	case Labels:
		m["condition.classes"] = strconv.Itoa(s.Condition.Classes)
	case Vector:
		m["condition.width"] = strconv.Itoa(s.Condition.Width)
	}
	if s.Condition.Drop > 0 {
		m["condition.drop"] = float(s.Condition.Drop)
	}
	if s.Condition.Names != nil {
		m["condition.names"] = list(s.Condition.Names)
	}
	out := map[string]string{}
	for k, v := range m {
		out[Prefix+k] = v
	}
	return out
}

func join[T any](values []T, text func(T) string) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = text(v)
	}
	return strings.Join(parts, " ")
}

func float(v float64) string       { return strconv.FormatFloat(v, 'g', -1, 64) }
func float32Text(v float32) string { return strconv.FormatFloat(float64(v), 'g', -1, 32) }

func list(names []string) string {
	text, _ := json.Marshal(names) // strings always marshal
	return string(text)
}

// ParseSpec reads the metadata that Metadata wrote. Keys it does not know are ignored; a missing or malformed one is an error that names it.
func ParseSpec(meta map[string]string) (Spec, error) {
	if _, err := KindOf(meta); err != nil {
		return Spec{}, err
	}
	p := parser{meta: meta}
	s := Spec{
		Dims:       parseList(&p, "dims", strconv.Atoi),
		TimeMax:    p.number("time.max"),
		PhaseBound: p.number("time.phase"),
		Normaliser: Normaliser{
			Kind: meta[Prefix+"normaliser.kind"], Mean: parseList(&p, "normaliser.mean", parseFloat32), Scale: parseList(&p, "normaliser.scale", parseFloat32),
		},
		Condition: Condition{Kind: ConditionKind(meta[Prefix+"condition.kind"])},
		Source:    SourceKind(meta[Prefix+"source"]),
		Coupling:  Coupling(meta[Prefix+"coupling"]),
	}
	if _, ok := meta[Prefix+"path.sigma"]; ok {
		s.Sigma = p.number("path.sigma")
	}
	if _, ok := meta[Prefix+"time.min"]; ok {
		s.TimeMin = p.number("time.min")
	}
	s.SharedTime = meta[Prefix+"time.shared"] != ""
	var err error
	s.Times, err = ParseTimes(meta[Prefix+"times"])
	p.keep("times", err)
	s.Grid, err = ParseGrid(meta[Prefix+"grid"])
	p.keep("grid", err)
	s.Schedule, err = ParseSchedule(meta[Prefix+"schedule"])
	p.keep("schedule", err)
	s.Prediction, err = ParseQuantity(meta[Prefix+"prediction"])
	p.keep("prediction", err)
	s.Columns, s.Condition.Names = p.names("columns"), p.names("condition.names")
	if _, ok := meta[Prefix+"normaliser.constant"]; ok {
		s.Normaliser.Constant = parseList(&p, "normaliser.constant", func(t string) (bool, error) { return strconv.ParseBool(t) })
	}
	if _, ok := meta[Prefix+"condition.drop"]; ok {
		s.Condition.Drop = p.number("condition.drop")
	}
	switch s.Condition.Kind {
	case Labels:
		s.Condition.Classes = p.count("condition.classes")
	case Vector:
		s.Condition.Width = p.count("condition.width")
	case Unconditional:
	default:
		p.keep("condition.kind", Unknown("condition", string(s.Condition.Kind), []string{"none", "labels", "vector"}))
	}
	if p.err == nil {
		p.err = s.Check()
	}
	return s, p.err
}

// Check refuses a spec that contradicts itself.
func (s Spec) Check() error {
	size := 1
	for _, d := range s.Dims {
		if d < 1 || d > maxDim/size {
			return fmt.Errorf("flow: dims %v: want positive lengths, at most %d elements together", s.Dims, maxDim)
		}
		size *= d
	}
	switch {
	case len(s.Dims) == 0:
		return fmt.Errorf("flow: no dims")
	case s.Columns != nil && len(s.Columns) != size:
		return fmt.Errorf("flow: %d column names for %d columns", len(s.Columns), size)
	case !(s.TimeMax > 0 && s.TimeMax <= 1):
		return fmt.Errorf("flow: time.max is %g, want a time in (0, 1]", s.TimeMax)
	case s.Schedule == nil:
		return fmt.Errorf("flow: no schedule")
	case s.TimeMax > s.Schedule.Defects().TimeMax:
		d := s.Schedule.Defects()
		return fmt.Errorf("flow: time.max is %g, but on the %.60s schedule times go up to %g: %s", s.TimeMax, s.Schedule.Name(), d.TimeMax, d.Why)
	case !(s.TimeMin >= 0 && s.TimeMin < s.TimeMax):
		return fmt.Errorf("flow: time.min is %g, want a time from 0 to time.max, %g", s.TimeMin, s.TimeMax)
	case !(s.PhaseBound >= 0) || math.IsInf(s.PhaseBound, 0):
		return fmt.Errorf("flow: time.phase is %g", s.PhaseBound)
	}
	if d := s.Condition.Drop; !(d >= 0 && d <= 1) || d > 0 && s.Condition.Kind == Unconditional {
		return fmt.Errorf("flow: condition.drop is %g for condition %s, want a probability, and 0 without condition", d, s.Condition.Kind)
	}
	if n := s.Condition.Names; n != nil && len(n) != s.Condition.Classes+s.Condition.Width {
		return fmt.Errorf("flow: %d names for a condition of %d", len(n), s.Condition.Classes+s.Condition.Width)
	}
	if err := s.checkSource(); err != nil {
		return err
	}
	return s.Normaliser.check(size)
}

// parser keeps the first error.
type parser struct {
	meta map[string]string
	err  error
}

func (p *parser) keep(key string, err error) {
	if p.err == nil && err != nil {
		p.err = fmt.Errorf("flow: metadata %s%s = %.60q: %w", Prefix, key, p.meta[Prefix+key], err)
	}
}

func parseList[T any](p *parser, key string, parse func(string) (T, error)) []T {
	var out []T
	for _, f := range strings.Fields(p.meta[Prefix+key]) {
		v, err := parse(f)
		p.keep(key, err)
		out = append(out, v)
	}
	return out
}

func parseFloat32(text string) (float32, error) {
	v, err := strconv.ParseFloat(text, 32)
	return float32(v), err
}

func (p *parser) number(key string) float64 {
	v, err := strconv.ParseFloat(p.meta[Prefix+key], 64)
	p.keep(key, err)
	return v
}

func (p *parser) count(key string) int {
	v, err := strconv.Atoi(p.meta[Prefix+key])
	if err == nil && (v < 1 || v > maxDim) {
		err = fmt.Errorf("want a positive number")
	}
	p.keep(key, err)
	return v
}

func (p *parser) names(key string) []string {
	text, ok := p.meta[Prefix+key]
	if !ok {
		return nil
	}
	names := []string{}
	p.keep(key, json.Unmarshal([]byte(text), &names))
	return names
}
