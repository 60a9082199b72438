package graph

import "fmtool/models/tensor"

// Kind says where a value comes from.
type Kind uint8

// The kinds of values.
const (
	Result   Kind = iota // output Index of Node
	Input                // given at each run
	Param                // named numbers kept with the graph; training changes them
	Constant             // numbers that never change
	Captured             // an outer value seen inside a subgraph
)

// Value is an edge of a graph: one tensor, computed once a run.
type Value struct {
	Name string // unique in its graph; an input's, output's and parameter's name is part of the contract with users
	Type Type
	Kind Kind

	Node  *Node // Result: the producer
	Index int   // Result: which output of it

	// Data holds a constant's numbers and a parameter's initial or trained ones.
	Data tensor.Tensor

	// Ints are the elements of a small integer value (rank 0 or 1) as far as they are known before the run; the shape rules of Reshape, Expand,
	// Slice and the like read them. nil: nothing is known.
	Ints []Dim
}

// Node applies an operator, or a function, to values.
type Node struct {
	Op     string // operator of the table, or name of a function
	Domain string // "" for ONNX's own operators, a function's domain otherwise
	Name   string // path of the layer, such as "net/layer1/matmul"; unique, may be empty
	In     []*Value
	Out    []*Value
	Attrs  Attrs
}

// Attrs are the attributes of a node by ONNX name. A value is one of int64, float32, string, tensor.Tensor, *Graph, []int64, []float32, []string.
type Attrs map[string]any

// Capture makes an outer value visible inside a subgraph as Inner, a value of kind Captured.
type Capture struct {
	Outer, Inner *Value
}

// Graph is a program. Nodes stand in an order in which each follows the producers of its inputs.
type Graph struct {
	Name      string
	Doc       string
	Inputs    []*Value
	Outputs   []Output
	Params    []*Value
	Constants []*Value
	Nodes     []*Node
	Captures  []Capture   // of a subgraph
	Functions []*Function // of a main graph
}

// Output is a result under the name the outside knows it by. One value may leave under several names.
type Output struct {
	Name  string
	Value *Value
}

// Function is a graph that nodes call: its inputs are the node's, its outputs the node's. It captures nothing and has no parameters.
type Function struct {
	Domain, Name string
	Body         *Graph
}

// Int returns integer attribute name, or otherwise if it is absent.
func (n *Node) Int(name string, otherwise int) int {
	if v, ok := n.Attrs[name].(int64); ok {
		return int(v)
	}
	return otherwise
}

// Float returns float attribute name, or otherwise if it is absent.
func (n *Node) Float(name string, otherwise float32) float32 {
	if v, ok := n.Attrs[name].(float32); ok {
		return v
	}
	return otherwise
}

// Str returns string attribute name, or otherwise if it is absent.
func (n *Node) Str(name, otherwise string) string {
	if v, ok := n.Attrs[name].(string); ok {
		return v
	}
	return otherwise
}

// IntList returns integer-list attribute name; ok is false if it is absent.
func (n *Node) IntList(name string) (list []int, ok bool) {
	v, ok := n.Attrs[name].([]int64)
	for _, i := range v {
		list = append(list, int(i))
	}
	return list, ok
}

// Tensor returns tensor attribute name, the zero Tensor if it is absent.
func (n *Node) Tensor(name string) tensor.Tensor {
	v, _ := n.Attrs[name].(tensor.Tensor)
	return v
}

// Graph returns subgraph attribute name, nil if it is absent.
func (n *Node) Graph(name string) *Graph {
	v, _ := n.Attrs[name].(*Graph)
	return v
}

// Input returns input i, nil if it is omitted.
func (n *Node) Input(i int) *Value {
	if i >= len(n.In) {
		return nil
	}
	return n.In[i]
}

// Param returns the parameter called name, nil if there is none.
func (g *Graph) Param(name string) *Value { return find(g.Params, name) }

// Input returns the input called name, nil if there is none.
func (g *Graph) Input(name string) *Value { return find(g.Inputs, name) }

// Output returns the value that leaves as name, nil if there is none.
func (g *Graph) Output(name string) *Value {
	for _, o := range g.Outputs {
		if o.Name == name {
			return o.Value
		}
	}
	return nil
}

func find(values []*Value, name string) *Value {
	for _, v := range values {
		if v.Name == name {
			return v
		}
	}
	return nil
}
