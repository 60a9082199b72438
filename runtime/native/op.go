package native

import (
	"fmt"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// call is one operator bound to its tensors. The outputs are allocated with the shapes that the operator's shape rule gives for these inputs;
// an absent tensor is an omitted input or an output nobody wants.
type call struct {
	node    *graph.Node
	in, out []tensor.Tensor
}

// prepare checks what the shape rule could not and returns the function that computes call.out from call.in. The function is run many times on
// the same memory with other numbers; it allocates nothing, and its error is a mistake in the numbers, such as an index out of range. Kernels exist for float32 and float64 (the reference mode) and, where the operator has
// a meaning there, for integers and bool.
type prepare func(c *call) (run func() error, err error)

// kernels is the table of operators, filled by register from the op_*.go files. Loop, If and function calls are not in it: they run
// subgraphs and belong to the executor.
var kernels = map[string]prepare{}

func register(name string, p prepare) {
	if kernels[name] != nil {
		panic("native: two kernels for " + name)
	}
	kernels[name] = p
}

func unsupported(c *call) error {
	return fmt.Errorf("native: %s: no kernel for %v", c.node.Op, c.in[0].DType())
}
