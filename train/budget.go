package train

import (
	"fmt"

	"fmtool/models"
	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
	"fmtool/train/data"
)

// Budget is a training run on paper: what it computes and what it must keep in memory, read off the graph of a step without taking one.
type Budget struct {
	Parameters int     `json:"parameters"` // numbers that are learned
	Rows       int     `json:"rows"`       // trained on
	HeldOut    int     `json:"held_out"`   // rows kept for the held-out loss
	Dim        int     `json:"dim"`        // numbers of a row
	Steps      int     `json:"steps"`
	Batch      int     `json:"batch"`
	FLOPs      float64 `json:"flops"` // of a step's matrix products, 2·m·n·k each: way there, and gradients of weights and activations

	Memory Memory `json:"memory"`
}

// Memory is the bytes of a training run. The first five are those that any implementation needs that keeps what it has computed, and Paper is their sum:
//
//	activations   values of one batch that the way there makes and the gradients read. All that are functions of one value alone count as that one,
//	              as they can be had again (the sigmoid of SiLU); views count nothing, and neither does what depends on no row. An MLP with SiLU
//	              keeps two values a hidden number, before and after the function, one with Tanh or ReLU one.
//
// The others are what this program holds beside or instead: Plan is the whole memory of the compiled step with its weights and moments, in which blocks
// of rows go there and back, so that few activations exist as a whole, and sums of gradients by shard do where several workers make them.
type Memory struct {
	Paper       int `json:"paper"`
	Weights     int `json:"weights"`
	Gradients   int `json:"gradients"`
	Moments     int `json:"moments"` // of AdamW, two a weight
	Average     int `json:"average"` // EMA, 0 without
	Activations int `json:"activations"`

	Plan    int `json:"plan"`
	Batches int `json:"batches"` // the one computed on and those drawn ahead
	Data    int `json:"data"`    // rows as given and in model space, labels, conditions
}

// NewBudget computes the budget of a configuration on a set in data units. Nothing is written.
func NewBudget(c Config, set *data.Set) (*Budget, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	m, rows, held, err := NewModel(c, set)
	if err != nil {
		return nil, err
	}
	l, err := NewLoss(c, m.Spec)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	g, plan, _, err := c.compile(m, l, c.Batch)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	defer plan.Close() //nolint:errcheck // it has no error
	b := &Budget{Parameters: m.Parameters(), Rows: rows.Len(), Dim: rows.Dim(), Steps: c.Steps, Batch: c.Batch, FLOPs: productFLOPs(g, c.Batch)}
	if held != nil {
		b.HeldOut = held.Len()
	}
	w := 4 * b.Parameters
	b.Memory = Memory{Weights: w, Gradients: w, Moments: 2 * w, Activations: keptBytes(g, c.Batch), Plan: plan.Memory(), Data: dataBytes(set, rows, held)}
	if c.EMA > 0 {
		b.Memory.Average = w
	}
	b.Memory.Paper = b.Memory.Weights + b.Memory.Gradients + b.Memory.Moments + b.Memory.Average + b.Memory.Activations
	for _, t := range newBatch(m, l, c.Batch).tensors {
		b.Memory.Batches += c.slots(m.Spec) * c.poolSteps(m.Spec) * t.Len() * t.DType().Size()
	}
	return b, nil
}

// compile makes the graph of a step and its plan, with memory planned ahead for batches of that many rows, if any.
func (c Config) compile(m *models.Model, l Loss, ahead int) (g *graph.Graph, p *native.Plan, states []string, err error) {
	g, list, err := StepGraph(m, l, c.AdamW, c.Clip, c.EMA)
	if err != nil {
		return nil, nil, nil, err
	}
	next := make([]native.State, len(list))
	for i, s := range list {
		next[i] = native.State(s)
		states = append(states, s.Param)
	}
	p, err = native.Compile(g, native.Options{Threads: c.threads(), State: next, Shards: c.shards(), MaxBatch: ahead,
		Beside: c.besideParts(m.Spec)})
	return g, p, states, err
}

// dataBytes are those of a set as given and of its parts in model space, which share labels and conditions with one another.
func dataBytes(set *data.Set, parts ...*data.Set) int {
	n := 4*(len(set.Rows)+len(set.Vectors)) + 8*len(set.Labels)
	for _, p := range parts {
		if p != nil {
			n += 4 * len(p.Rows)
		}
	}
	return n
}

// productFLOPs are the floating-point operations of the matrix products of a graph for a batch.
func productFLOPs(g *graph.Graph, batch int) (flops float64) {
	for _, n := range g.Nodes {
		if n.Op == "MatMul" {
			x := shapeFor(n.In[0], batch)
			flops += 2 * float64(tensor.Size(shapeFor(n.Out[0], batch))) * float64(x[len(x)-1])
		}
	}
	return flops
}

// shapeFor is a value's shape for a batch.
func shapeFor(v *graph.Value, batch int) []int {
	s, _ := v.Type.Shape.Eval(map[string]int{"batch": batch})
	return s
}

// renames are the operators whose result is their operand under another shape; elementwise ones give a number for each number of theirs.
var (
	renames     = nameSet("Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze")
	elementwise = nameSet("Neg", "Abs", "Sign", "Sqrt", "Exp", "Log", "Sin", "Cos", "Tanh", "Sigmoid", "Erf", "Reciprocal", "Floor", "Ceil", "Relu", "Softplus",
		"LeakyRelu", "Elu", "Selu", "Not", "Cast", "Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal")
)

func nameSet(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

// keptBytes are the activations of Memory in the graph of a step: results on the way to output loss that nodes off that way read.
func keptBytes(g *graph.Graph, batch int) (bytes int) {
	way := ancestors(g.Output("loss"))
	kept := map[*graph.Value]bool{}
	for _, n := range g.Nodes {
		if way[n] || n.Op == "Shape" { // which reads no number
			continue
		}
		for _, v := range n.In {
			if v != nil && way[v.Node] {
				kept[source(v)] = true
			}
		}
	}
	for v := range kept {
		if _, fixed := v.Type.Shape.Ints(); !fixed && v.Node != nil {
			bytes += tensor.Size(shapeFor(v, batch)) * v.Type.DType.Size()
		}
	}
	return bytes
}

// ancestors are the nodes that a value depends on.
func ancestors(v *graph.Value) map[*graph.Node]bool {
	seen := map[*graph.Node]bool{}
	var visit func(v *graph.Value)
	visit = func(v *graph.Value) {
		if v == nil || v.Node == nil || seen[v.Node] {
			return
		}
		seen[v.Node] = true
		for _, in := range v.Node.In {
			visit(in)
		}
	}
	visit(v)
	return seen
}

// source is the value that v is another view of, or a function of alone, number by number.
func source(v *graph.Value) *graph.Value {
	for v.Node != nil {
		var from *graph.Value
		for _, in := range v.Node.In {
			switch {
			case renames[v.Node.Op] && in != v.Node.In[0], in.Kind == graph.Constant: // a shape, a factor
			case from != nil:
				return v
			default:
				from = in
			}
		}
		same := from != nil && from.Type.Shape.Size() == v.Type.Shape.Size()
		if !same || !renames[v.Node.Op] && !elementwise[v.Node.Op] {
			return v
		}
		v = from
	}
	return v
}
