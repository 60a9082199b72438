package graph

import (
	"fmt"

	"fmtool/models/tensor"
)

// InferNode checks a node against its operator's row and sets its outputs' types. Function calls are resolved in g, the main graph.
func (g *Graph) InferNode(n *Node) error {
	if n.Domain != "" {
		return g.inferCall(n)
	}
	op, err := Lookup(n.Op)
	if err != nil {
		return err
	}
	if err := op.check(n); err != nil {
		return err
	}
	in := Inference{Node: n, In: make([]Known, len(n.In)), Out: make([]Known, len(n.Out))}
	for i, v := range n.In {
		if v != nil {
			in.In[i] = Known{v.Type, v.constant(), v.Ints}
		}
	}
	if err := op.Infer(&in); err != nil {
		return fmt.Errorf("graph: %s: %w", n.Op, err)
	}
	for i, v := range n.Out {
		v.Type, v.Ints = in.Out[i].Type, in.Out[i].Ints
	}
	return nil
}

// constant is the value's numbers if no run can change them.
func (v *Value) constant() tensor.Tensor {
	if v.Kind == Constant || v.Kind == Captured {
		return v.Data
	}
	return tensor.Tensor{}
}
