package export

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/onnx"
)

// Port is an input or an output of a file.
type Port struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`              // element type, or what else it is, such as sequence
	Dims    []string `json:"dims"`              // null: the file does not tell
	Meaning string   `json:"meaning,omitempty"` // of the numbers, and their units
	Guess   bool     `json:"guess,omitempty"`   // the meaning is guessed from name and type
	Given   bool     `json:"given,omitempty"`   // an input with a value of its own in the file: it may be left out

	lengths []graph.Dim
	fill    fill
}

// Manual says how to use a file: anybody's, or ours with the meaning of every number.
type Manual struct {
	Kind    string `json:"kind,omitempty"` // of our files
	Inputs  []Port `json:"inputs"`
	Outputs []Port `json:"outputs"`

	spec *flow.Spec // of our files
	name string
}

// ManualOf reads inputs and outputs of a model, called name where code opens it. A file that claims to be ours and is not whole is described as anybody's.
func ManualOf(m *onnx.Model, name string) Manual {
	man := Manual{name: name}
	meta := m.Metadata()
	if spec, err := flow.ParseSpec(meta); err == nil {
		man.Kind, man.spec = meta[flow.Prefix+"kind"], &spec
	}
	if m.Main == nil {
		return man
	}
	given := map[string]bool{}
	for _, t := range m.Main.Initializer {
		given[t.Name] = true
	}
	for _, v := range m.Main.Input {
		p := portOf(v)
		p.Given = given[v.Name]
		man.Inputs = append(man.Inputs, p)
	}
	for _, v := range m.Main.Output {
		man.Outputs = append(man.Outputs, portOf(v))
	}
	man.explain()
	return man
}

func portOf(v *onnx.ValueInfo) Port {
	p := Port{Name: v.Name, Type: "unknown"}
	switch t := v.Type; {
	case t == nil:
	case t.Tensor != nil:
		p.Type = onnx.ElementName(t.Tensor.ElemType)
		if t.Tensor.Shape == nil {
			break
		}
		p.Dims, p.lengths = []string{}, []graph.Dim{}
		for _, d := range t.Tensor.Shape.Dim {
			l := d.Length()
			p.lengths, p.Dims = append(p.lengths, l), append(p.Dims, l.String())
		}
	case t.Sequence != nil:
		p.Type = "sequence"
	case t.Map != nil:
		p.Type = "map"
	case t.Optional != nil:
		p.Type = "optional"
	case t.SparseTensor != nil:
		p.Type = "sparse tensor"
	}
	return p
}

// String is a port on a line: x float32[batch 2].
func (p Port) String() string {
	dims := "[...]"
	if p.Dims != nil {
		dims = "[" + strings.Join(p.Dims, " ") + "]"
	}
	line := p.Name + " " + p.Type + dims
	if p.Given {
		line += ", may be left out"
	}
	return line
}

// fill is what example code feeds.
type fill struct {
	how   string // normal, signs or "" for value everywhere
	value string
}

var (
	normal = fill{how: "normal"}
	signs  = fill{how: "signs"}
)

// meaning is what a port of our files is; the text may depend on the spec.
type meaning struct {
	text func(flow.Spec) string
	fill fill
}

func fixed(text string, f fill) meaning { return meaning{func(flow.Spec) string { return text }, f} }

// start is what x0 is in data units.
func start(s flow.Spec) string {
	if s.Source == flow.DataSource {
		return "rows of the source data, in data units"
	}
	return "noise drawn from N(0, 1)"
}

func columns(what string) func(flow.Spec) string {
	return func(s flow.Spec) string {
		if s.Columns != nil {
			return what + ": " + strings.Join(s.Columns, ", ") + ", in data units"
		}
		return what + ", in data units"
	}
}

// meanings are those of the ports of our files by kind and name; "*" stands for every kind.
var meanings = map[string]meaning{
	"velocity x":            fixed("points x_t, in model space: (data − mean) / scale, as the metadata's normaliser says", normal),
	"velocity t":            fixed("times, 0 is noise and 1 is data: one for all rows, or one for each", fill{value: "0.5"}),
	"velocity velocity":     fixed("dx/dt, in model space", fill{}),
	"* x0":                  {start, normal},
	"* steps":               fixed("number of steps, from 1 on", fill{value: "50"}),
	"* tolerance":           fixed("error allowed in a step, relative to 1 + |x| in model space", fill{value: "1e-5"}),
	"* samples":             {columns("samples"), fill{}},
	"* evaluations":         fixed("evaluations of the velocity for each row", fill{}),
	"sample seed":           fixed("seed, all 64 bits of it", fill{value: "7"}),
	"sample count":          fixed("number of samples", fill{value: "batch"}),
	"sample offset":         fixed("number of the first sample, 0 or where another job left off", fill{value: "0"}),
	"logprob x":             {columns("rows"), normal},
	"logprob probes":        fixed("independent random numbers of mean 0 and variance 1, best +1 or −1, P for each row", signs),
	"logprob log_prob":      fixed("log-densities in nats, of data units", fill{}),
	"logprob nfe":           fixed("evaluations of the velocity", fill{}),
	"train_step x1":         {columns("rows of the data"), normal},
	"train_step t":          fixed("times of the rows, drawn from [0, 1] as in training", fill{value: "0.5"}),
	"train_step path_noise": fixed("noise drawn from N(0, 1)", normal),
	"train_step rate":       fixed("learning rate", fill{value: "1e-3"}),
	"train_step step":       fixed("steps taken before", fill{value: "0"}),
	"train_step loss":       fixed("mean loss over the rows, before the step", fill{}),
	"train_step norm":       fixed("norm of its gradient", fill{}),
	"* y":                   {condition, fill{value: "0"}},
	"* y_drop":              fixed("1 to leave y out of account, 0 otherwise", fill{value: "0"}),
	"* guidance":            fixed("weight of guidance, one for all rows or one for each: 1 follows the condition as trained, more more strongly, 0 not at all", fill{value: "1"}),
}

// condition is what y is.
func condition(s flow.Spec) string {
	switch c := s.Condition; {
	case c.Kind == flow.Labels && c.Names != nil:
		return fmt.Sprintf("class of each row, 0 to %d (%s), or %d for none", c.Classes-1, abridged(c.Names), c.Classes)
	case c.Kind == flow.Labels:
		return fmt.Sprintf("class of each row, 0 to %d, or %d for none", c.Classes-1, c.Classes)
	case c.Names != nil:
		return "what each row is conditioned on: " + abridged(c.Names)
	}
	return "numbers that each row is conditioned on"
}

// abridged are the first of many names.
func abridged(names []string) string {
	if len(names) > 12 {
		return strings.Join(names[:12], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// explain sets the meaning of every port: known for our files, guessed from name and type for others.
func (m *Manual) explain() {
	state := map[string]bool{}
	for _, p := range m.Outputs {
		state[p.Name] = true
	}
	for _, list := range [][]Port{m.Inputs, m.Outputs} {
		for i := range list {
			p := &list[i]
			if m.spec == nil {
				p.guess(m.Inputs)
				continue
			}
			known, ok := meanings[m.Kind+" "+p.Name]
			if !ok {
				known, ok = meanings["* "+p.Name]
			}
			switch {
			case ok:
				p.Meaning, p.fill = known.text(*m.spec), known.fill
			case state["next."+p.Name]:
				p.Meaning = "part of the state; comes back as next." + p.Name
			case strings.HasPrefix(p.Name, "next."):
				p.Meaning = "fed to the next step as " + strings.TrimPrefix(p.Name, "next.")
			}
		}
	}
}

// guesses are what names mean in other people's models, the first that fits.
var guesses = []struct {
	name    *regexp.Regexp
	element string // of the types that fit, "" for any
	meaning string
	fill    fill
}{
	{regexp.MustCompile(`(?i)^(t|time|times|timesteps?|time_?steps?)$`), "", "the time of each row; which end is noise the file does not tell", fill{value: "0"}},
	{regexp.MustCompile(`(?i)^(sigmas?|noise_?level|log_?snr)$`), "float", "the noise level", fill{value: "1"}},
	{regexp.MustCompile(`(?i)^(y|labels?|class(es)?|class_labels)$`), "int", "the class of each row", fill{value: "0"}},
	{regexp.MustCompile(`(?i)^(y|c|cond(ition)?(ing)?|context|encoder_hidden_states)$`), "float", "what the rows are conditioned on", normal},
	{regexp.MustCompile(`(?i)^(x|xt|x_t|x0|samples?|latents?|noise|noisy.*|inputs?)$`), "float", "points or noise, a row each", normal},
	{regexp.MustCompile(`(?i)^(seed)$`), "int", "the seed", fill{value: "0"}},
	{regexp.MustCompile(`(?i)^(steps|num_steps|n_steps)$`), "int", "the number of steps", fill{value: "10"}},
	{regexp.MustCompile(`(?i)^(v|u|velocity|vector_field|drift|flow)$`), "float", "a velocity", normal},
	{regexp.MustCompile(`(?i)^(eps|epsilon|noise_pred.*)$`), "float", "predicted noise", normal},
	{regexp.MustCompile(`(?i)^(logits?)$`), "float", "logits", normal},
}

// guess sets a meaning from name and type.
func (p *Port) guess(inputs []Port) {
	if strings.HasPrefix(p.Type, "float") {
		p.fill = normal
	}
	for _, g := range guesses {
		if g.name.MatchString(p.Name) && strings.Contains(p.Type, g.element) {
			p.Meaning, p.Guess, p.fill = g.meaning, true, g.fill
			return
		}
	}
	for _, in := range inputs {
		if in.Name != p.Name && len(in.Dims) > 1 && in.Type == p.Type && slices.Equal(in.Dims, p.Dims) && in.Meaning != "" {
			p.Meaning, p.Guess = "of the shape of "+in.Name, true
			return
		}
	}
	if len(p.lengths) > 0 && p.lengths[0].Times > 0 {
		p.Meaning, p.Guess = "a row each along the first dimension", true
	}
}

// Declaration is a command that makes a stranger's file a velocity field here, if its inputs look like one's: its settings are guesses. "" otherwise.
func (m Manual) Declaration() string {
	if m.spec != nil {
		return ""
	}
	find := func(list []Port, fits func(Port) bool) string {
		if i := slices.IndexFunc(list, fits); i >= 0 {
			return list[i].Name
		}
		return ""
	}
	at := find(m.Inputs, func(p Port) bool { return strings.HasPrefix(p.Meaning, "the time") })
	var x Port
	for _, p := range m.Inputs {
		if p.Name != at && strings.HasPrefix(p.Type, "float") && len(p.Dims) > 1 && x.Name == "" {
			x = p
		}
	}
	u := find(m.Outputs, func(p Port) bool {
		return p.Type == x.Type && len(p.Dims) == len(x.Dims) && slices.Equal(p.Dims[1:], x.Dims[1:])
	})
	if at == "" || x.Name == "" || u == "" {
		return ""
	}
	return fmt.Sprintf("fmtool declare %q -o model.onnx --input-x %q --input-t %q --output-u %q --time-range 0:1", m.name, x.Name, at, u)
}

// Sampled reports that the file is a velocity field which samplers here take.
func (m Manual) Sampled() bool {
	return m.spec != nil && m.Kind == string(flow.VelocityKind) && !slices.ContainsFunc(m.Inputs, func(p Port) bool { return p.Name == "guidance" })
}

// Notes are sentences on our files that no single port tells.
func (m Manual) Notes() (list []string) {
	if m.spec == nil {
		return nil
	}
	s := *m.spec
	if m.Kind == string(flow.VelocityKind) {
		list = append(list, fmt.Sprintf("A velocity field u(x, t) on samples of %v numbers in model space; t = 0 is noise, t = 1 is data; schedule %s.", s.Dims, s.Schedule.Name()))
	}
	if s.TimeMin > 0 || s.TimeMax < 1 {
		list = append(list, fmt.Sprintf("It was trained at t from %.4g to %.4g; outside, the velocity at the nearer end is given.", s.TimeMin, s.TimeMax))
	}
	if !s.Grid.Even() {
		list = append(list, fmt.Sprintf("Its steps lie along %s, unless a sampler is told otherwise (fmtool sample --grid uniform).", s.Grid))
	}
	return list
}
