package onnx

import (
	"slices"

	"fmtool/models/graph"
)

// oldestBetween is the opset since which the operators of graphs that FromGraph writes in profile Wide mean the same, but for Shape of a part and
// reductions, which Between's callers do without.
const oldestBetween = 13

// Between puts the model's main graph between two others that FromGraph wrote in profile Wide. Every name in it gets the prefix; its inputs are then
// the outputs of before that are called prefix+input, and after reads its outputs as inputs called prefix+output. The other inputs of after are
// those of before that have the same names. The result takes the inputs of before and gives the outputs of after.
//
// Nodes and numbers stay as they are, whatever their operators: the model need not be one that Graph reads. One of an opset below 13 must be, and is
// written anew. Left out are declared types of values within, training, and metadata of nodes and values, where exporters leave paths of their author's
// machine. m is used up.
func (m *Model) Between(prefix string, before, after *Model) (*Model, error) {
	if m, err := m.recent(); err != nil {
		return nil, err
	} else {
		return m.between(prefix, before.Main, after.Main), nil
	}
}

// recent is the model in opset 13 or newer.
func (m *Model) recent() (*Model, error) {
	for _, o := range m.OpsetImport {
		if domain(o.Domain) == "" && o.Version < oldestBetween {
			g, err := m.Graph()
			if err != nil {
				return nil, err
			}
			return FromGraph(g, Wide, m.Metadata())
		}
	}
	return m, nil
}

func (m *Model) between(prefix string, before, after *Graph) *Model {
	net := m.Main
	net.rename(func(name string) string { return prefix + name })
	inputs := map[string]bool{}
	for _, in := range net.Input {
		inputs[in.Name] = true
	}
	// An initialiser that was also an input, its default value, is one alone.
	given := slices.DeleteFunc(slices.Clone(before.Output), func(v *ValueInfo) bool { return !inputs[v.Name] })
	net.Initializer = slices.DeleteFunc(net.Initializer, func(t *Tensor) bool {
		return slices.ContainsFunc(given, func(v *ValueInfo) bool { return v.Name == t.Name })
	})
	main := &Graph{
		Name: before.Name, Input: before.Input, Output: after.Output,
		Node:              slices.Concat(before.Node, net.Node, after.Node),
		Initializer:       slices.Concat(before.Initializer, net.Initializer, after.Initializer),
		SparseInitializer: net.SparseInitializer,
		ValueInfo:         slices.Concat(before.ValueInfo, before.Output, after.ValueInfo),
	}
	return &Model{IRVersion: m.IRVersion, OpsetImport: m.OpsetImport, ProducerName: ProducerName, ProducerVersion: ProducerVersion,
		MetadataProps: m.MetadataProps, Functions: m.Functions, Main: main}
}

// rename gives every value and node a new name, in the graphs of attributes too, and drops what only describes them. An omitted value has no name.
func (g *Graph) rename(to func(string) string) {
	g.eachName(func(name *string) {
		if *name != "" {
			*name = to(*name)
		}
	})
	g.ValueInfo, g.QuantizationAnnotation, g.MetadataProps = nil, nil, nil
}

func (g *Graph) eachName(visit func(*string)) {
	for _, list := range [][]*ValueInfo{g.Input, g.Output} {
		for _, v := range list {
			v.MetadataProps = nil
			visit(&v.Name)
		}
	}
	for _, t := range g.Initializer {
		visit(&t.Name)
	}
	for _, s := range g.SparseInitializer {
		if s.Values != nil {
			visit(&s.Values.Name)
		}
	}
	for _, n := range g.Node {
		n.MetadataProps = nil
		visit(&n.Name)
		for i := range n.Input {
			visit(&n.Input[i])
		}
		for i := range n.Output {
			visit(&n.Output[i])
		}
		for _, a := range n.Attribute {
			for _, sub := range a.subgraphs() {
				sub.ValueInfo, sub.QuantizationAnnotation, sub.MetadataProps = nil, nil, nil
				sub.eachName(visit)
			}
		}
	}
}

// Required are the inputs that a caller must feed: those that no initialiser gives a value.
func (g *Graph) Required() []*ValueInfo {
	given := map[string]bool{}
	for _, t := range g.Initializer {
		given[t.Name] = true
	}
	return slices.DeleteFunc(slices.Clone(g.Input), func(v *ValueInfo) bool { return given[v.Name] })
}

// ProgramType is the declared type as a program has it. What programs do not have, as a sequence or bfloat16, is an error.
func (v *ValueInfo) ProgramType() (graph.Type, error) { return typeOf(v.Type) }
