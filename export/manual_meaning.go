package export

import (
	"fmt"
	"strings"

	"fmtool/models/flow"
)

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
