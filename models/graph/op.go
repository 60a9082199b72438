package graph

import (
	"fmt"
	"sort"

	"fmtool/models/tensor"
)

// Op is a row of the operator table: what the opset-18 operator takes and gives.
type Op struct {
	Name         string
	MinIn, MaxIn int // inputs; MaxIn < 0: any number
	MinOut       int // outputs; MaxOut < 0: any number
	MaxOut       int
	Attrs        map[string]AttrKind // every attribute that may stand on the node
	// Infer sets the types (and known integer elements) of the node's outputs from its inputs and attributes. An error is the user's mistake and
	// shows both sides.
	Infer func(*Inference) error
}

// AttrKind is the type of an attribute.
type AttrKind uint8

// The kinds of attributes.
const (
	IntAttr AttrKind = iota
	FloatAttr
	StringAttr
	TensorAttr
	GraphAttr
	IntsAttr
	FloatsAttr
	StringsAttr
)

// Inference is what a shape rule sees: a node whose inputs have types, and a place for the outputs' types.
// It serves the Builder, where little is known, and the engines, where every input has its numbers.
type Inference struct {
	Node *Node
	In   []Known // DType Invalid: the input is omitted
	Out  []Known // one for each output of the node, to be filled
}

// Known is what is known of a value: its type, its numbers if they are constant, its elements if they are a few integers.
type Known struct {
	Type
	Data tensor.Tensor
	Ints []Dim
}

// ops is the operator table, filled by register from the files that define the rows.
var ops = map[string]*Op{}

func register(rows ...*Op) {
	for _, row := range rows {
		if ops[row.Name] != nil {
			panic("graph: two rows for " + row.Name)
		}
		ops[row.Name] = row
	}
}

// Lookup returns the row of operator name.
func Lookup(name string) (*Op, error) {
	if op := ops[name]; op != nil {
		return op, nil
	}
	if why := leftOut[name]; why != "" {
		return nil, fmt.Errorf("graph: operator %s is not in the table: %s", name, why)
	}
	return nil, fmt.Errorf("graph: operator %s is not in the table", name)
}

// leftOut are operators that one might expect, with the reason why they are no rows.
var leftOut = map[string]string{
	"Swish": "most releases of onnxruntime have no kernel for it, and none fuses it; write Mul(x, Sigmoid(x)), which all do",
}

// Ops returns the names of all operators of the table, sorted.
func Ops() []string {
	names := make([]string, 0, len(ops))
	for name := range ops {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
