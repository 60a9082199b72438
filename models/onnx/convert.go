package onnx

import (
	"fmt"
	"math"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// The changes from older definitions to the canonical one. Each is named by what it does; versions.go says where it applies.

// without drops attributes that say nothing about the types programs have.
func without(names ...string) func(*conversion) error {
	return func(c *conversion) error {
		for _, name := range names {
			delete(c.attrs, name)
		}
		return nil
	}
}

func renamed(op string) func(*conversion) error {
	return func(c *conversion) error {
		c.op = op
		return nil
	}
}

// ints takes an integer-list attribute off the node.
func (c *conversion) ints(name string) (list []int, ok bool) {
	raw, ok := c.attrs[name].([]int64)
	delete(c.attrs, name)
	for _, v := range raw {
		list = append(list, int(v))
	}
	return list, ok
}

// integer takes an integer attribute off the node.
func (c *conversion) integer(name string, otherwise int) int {
	v, ok := c.attrs[name].(int64)
	delete(c.attrs, name)
	if !ok {
		return otherwise
	}
	return int(v)
}

// input sets input i, with omitted ones before it.
func (c *conversion) input(i int, v *graph.Value) {
	for len(c.in) <= i {
		c.in = append(c.in, nil)
	}
	c.in[i] = v
}

// vector is a new constant for the node.
func (c *conversion) vector(what string, list []int) *graph.Value {
	data := make([]int64, len(list))
	for i, v := range list {
		data[i] = int64(v)
	}
	return c.b.NamedConst(c.name+"/"+what, tensor.Of(data, len(data)))
}

// intsToInput turns an integer-list attribute into the second input; absent, the input stays omitted.
func intsToInput(name string) func(*conversion) error {
	return func(c *conversion) error {
		if list, ok := c.ints(name); ok {
			c.input(1, c.vector(name, list))
		}
		return nil
	}
}

// axisBroadcast reads the binary operators below opset 7: with broadcast = 1 the second operand's dimensions stand at axis (default: the last ones)
// of the first's; without it the shapes are equal.
func axisBroadcast(c *conversion) error {
	stretch, axis := c.integer("broadcast", 0), c.integer("axis", -1)
	if stretch == 0 || axis < 0 || len(c.in) != 2 || c.in[0] == nil || c.in[1] == nil {
		return nil
	}
	x, y := c.in[0].Type.Shape, c.in[1].Type.Shape
	if x == nil || y == nil {
		return fmt.Errorf("%s with axis %d: the ranks of its operands are not known", c.op, axis)
	}
	var axes []int
	for i := axis + len(y); i < len(x); i++ {
		axes = append(axes, i-axis)
	}
	if len(axes) > 0 {
		c.in[1] = c.b.Op("Unsqueeze", nil, c.in[1], c.vector("axes", axes))
	}
	return nil
}

// roundedSelu gives Selu the constants that opset 1 defined with fewer digits.
func roundedSelu(c *conversion) error {
	for name, v := range map[string]float32{"alpha": 1.6732, "gamma": 1.0507} {
		if _, ok := c.attrs[name]; !ok {
			c.attrs[name] = v
		}
	}
	return nil
}

// typeNames are the names of element types that Cast took below opset 6.
var typeNames = map[string]int64{
	"FLOAT": 1, "UINT8": 2, "INT8": 3, "UINT16": 4, "INT16": 5, "INT32": 6, "INT64": 7, "STRING": 8, "BOOL": 9, "FLOAT16": 10, "DOUBLE": 11,
	"UINT32": 12, "UINT64": 13, "COMPLEX64": 14, "COMPLEX128": 15,
}

func castByName(c *conversion) error {
	name, _ := c.attrs["to"].(string)
	code, ok := typeNames[name]
	if !ok {
		return fmt.Errorf("no element type %q to cast to", name)
	}
	c.attrs["to"] = code
	return nil
}

// castKnown drops what concerns float8 only.
func castKnown(c *conversion) error {
	delete(c.attrs, "saturate")
	delete(c.attrs, "round_mode")
	to, _ := c.attrs["to"].(int64)
	_, err := dtypeOf(int32(to))
	return err
}

// boundsFromAttributes reads Clip below opset 11. Between 6 and 10 absent bounds are those of float32, which matters for infinities.
func boundsFromAttributes(c *conversion) error {
	for i, name := range []string{"min", "max"} {
		bound, ok := c.attrs[name].(float32)
		delete(c.attrs, name)
		if !ok && c.version < 6 {
			continue
		}
		if !ok {
			bound = []float32{-math.MaxFloat32, math.MaxFloat32}[i]
		}
		if len(c.in) > 0 && c.in[0] != nil {
			c.input(1+i, c.b.NamedConst(c.name+"/"+name, tensor.Scalar(bound).Convert(c.in[0].Type.DType)))
		}
	}
	return nil
}

// constant makes the node's value a constant of the program, whichever attribute holds it.
func constant(c *conversion) error {
	var t tensor.Tensor
	for name, v := range c.attrs {
		switch v := v.(type) {
		case tensor.Tensor:
			t = v
		case float32:
			t = tensor.Scalar(v)
		case int64:
			t = tensor.Scalar(v)
		case []float32:
			t = tensor.Of(v, len(v))
		case []int64:
			t = tensor.Of(v, len(v))
		default:
			return notRead("Constant: strings and graphs (attribute %s) are no values of a program", name)
		}
	}
	if t.IsZero() || len(c.attrs) != 1 {
		return fmt.Errorf("%d attributes, want one that holds its value", len(c.attrs))
	}
	c.out = []*graph.Value{c.b.NamedConst(c.name, t)}
	return nil
}

// axisOne is Concat's default below opset 4.
func axisOne(c *conversion) error {
	if _, ok := c.attrs["axis"]; !ok {
		c.attrs["axis"] = int64(1)
	}
	return nil
}

// sliceFromAttributes reads Slice below opset 10.
func sliceFromAttributes(c *conversion) error {
	for i, name := range []string{"starts", "ends", "axes"} {
		list, ok := c.ints(name)
		switch {
		case ok:
			c.input(1+i, c.vector(name, list))
		case i < 2:
			return fmt.Errorf("attribute %s is missing", name)
		}
	}
	return nil
}

// countParts says in words what Split below opset 18 takes from the number of its outputs.
func countParts(c *conversion) error {
	if len(c.in) < 2 || c.in[1] == nil {
		c.attrs["num_outputs"] = int64(c.outputs)
	}
	return nil
}

// softmaxOfMatrix reads Softmax below opset 13: x is taken as a matrix whose columns are the dimensions from axis (default 1) on.
func softmaxOfMatrix(c *conversion) error {
	axis := c.integer("axis", 1)
	c.attrs["axis"] = int64(-1)
	if len(c.in) != 1 || c.in[0] == nil {
		return nil
	}
	x := c.in[0]
	if s := x.Type.Shape; axis == -1 || s != nil && axis == len(s)-1 {
		return nil
	}
	flat := c.b.Op("Flatten", graph.Attrs{"axis": int64(axis)}, x)
	c.out = []*graph.Value{c.b.Reshape(c.b.Op("Softmax", c.attrs, flat), c.b.Op("Shape", nil, x))}
	return nil
}
