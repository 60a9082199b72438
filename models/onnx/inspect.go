package onnx

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// Inspection is what a model holds and needs, found without running it.
type Inspection struct {
	IR         int64            `json:"ir_version"`
	Opsets     map[string]int64 `json:"opsets"` // by domain; ONNX's own is ai.onnx
	Producer   string           `json:"producer"`
	Operators  []OperatorUse    `json:"operators"` // by name
	Functions  int              `json:"functions"`
	Parameters int64            `json:"parameters"` // numbers in initialisers and constants, math.MaxInt64 if they are more
	Bytes      int64            `json:"parameter_bytes"`
	Types      []string         `json:"types"` // element types of inputs, outputs, initialisers and values
	Cost       Cost             `json:"flops"`
	Runtime    string           `json:"onnxruntime"` // the oldest release that loads it on a CPU; "": none does
	Reason     string           `json:"onnxruntime_reason"`
	Warnings   []string         `json:"warnings"`
}

// OperatorUse is how often an operator stands in the file, in graphs within graphs and functions too, and what it costs.
type OperatorUse struct {
	Name     string  `json:"name"` // with its domain unless that is ONNX's own
	Count    int     `json:"count"`
	FLOPs    float64 `json:"flops"`      // outside loops, of every call of a function that it stands in
	StepCost float64 `json:"flops_step"` // in one step of the loops that it stands in
}

// Inspect looks through a model that Validate took; numbers in other files may be missing. lengths are those of named dimensions for which FLOPs are
// counted, 1 where they say nothing.
func Inspect(m *Model, lengths map[string]int64) Inspection {
	s := newSurvey(m, lengths)
	s.run()
	out := Inspection{IR: m.IRVersion, Opsets: map[string]int64{}, Producer: strings.TrimSpace(m.ProducerName + " " + m.ProducerVersion),
		Functions: len(m.Functions), Cost: s.cost(), Types: slices.Sorted(maps.Keys(s.elements))}
	for _, o := range m.OpsetImport {
		name := domain(o.Domain)
		if name == "" {
			name = "ai.onnx"
		}
		out.Opsets[name] = o.Version
	}
	m.eachTensor(func(t *Tensor) {
		n, bytes := t.size()
		out.Parameters, out.Bytes = saturated(out.Parameters, n), saturated(out.Bytes, bytes)
	})
	counts := map[string]int{}
	m.eachNode(func(n *Node) { counts[operatorName(n)]++ })
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		out.Operators = append(out.Operators, OperatorUse{name, counts[name], s.once.flops[name], s.step.flops[name]})
	}
	missing := s.missing()
	out.Runtime, out.Reason = m.loads(missing)
	if _, none := m.unusual(); len(none) > 0 {
		out.Runtime, out.Reason = "", "operators of no known set: "+some(none)
	}
	out.Warnings = m.warnings(missing, out)
	return out
}

// size is the number of elements that the dimensions declare, and their bytes, math.MaxInt64 if they are absurd.
func (t *Tensor) size() (n, bytes int64) {
	n, ok := elements(t.Dims)
	if !ok {
		return math.MaxInt64, math.MaxInt64
	}
	if t.DataType == stringType {
		for _, s := range t.StringData {
			bytes = saturated(bytes, int64(len(s)))
		}
		return n, bytes
	}
	return n, (n*elementBits[t.DataType] + 7) / 8
}

// saturated is a + b for numbers from 0 on, or math.MaxInt64 where that overflows.
func saturated(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// operatorName is the operator's name with its domain unless that is ONNX's own.
func operatorName(n *Node) string {
	if d := domain(n.Domain); d != "" {
		return d + "." + n.OpType
	}
	return n.OpType
}

// eachNode visits every node of the model: of its graphs, of graphs in attributes and of functions, each once.
func (m *Model) eachNode(visit func(*Node)) {
	for _, g := range m.graphs() {
		eachNodeOf(g.Node, visit)
	}
	for _, f := range m.Functions {
		eachNodeOf(f.Node, visit)
	}
}

func eachNodeOf(nodes []*Node, visit func(*Node)) {
	for _, n := range nodes {
		visit(n)
		for _, a := range n.Attribute {
			for _, g := range a.subgraphs() {
				eachNodeOf(g.Node, visit)
			}
		}
	}
}
