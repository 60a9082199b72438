package export

import (
	"fmt"
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

// ManualOf reads inputs and outputs of a model, called name where code opens it. A file that claims to be ours and is not whole is described as
// anybody's.
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
		list = append(list, fmt.Sprintf("A velocity field u(x, t) on samples of %v numbers in model space; t = 0 is noise, t = 1 is data; schedule %s.",
			s.Dims, s.Schedule.Name()))
	}
	if s.TimeMin > 0 || s.TimeMax < 1 {
		list = append(list, fmt.Sprintf("It was trained at t from %.4g to %.4g; outside, the velocity at the nearer end is given.", s.TimeMin, s.TimeMax))
	}
	if !s.Grid.Even() {
		list = append(list, fmt.Sprintf("Its steps lie along %s, unless a sampler is told otherwise (fmtool sample --grid uniform).", s.Grid))
	}
	return list
}
