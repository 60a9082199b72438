package graph

import (
	"fmt"

	"fmtool/models/tensor"
)

// AsFunction makes a program a function: its inputs, then its parameters and its constants of whole numbers, become the function's inputs, under their names. rest is
// those last inputs with their numbers: the caller hands them in at each call, so that they are kept once, in the main graph. (Whole numbers are shapes:
// onnxruntime 1.14 does not survive a function that holds them.)
func (g *Graph) AsFunction(domain, name string) (f *Function, rest []*Value, err error) {
	body, err := g.Flatten()
	if err != nil {
		return nil, nil, fmt.Errorf("function %s: %w", name, err)
	}
	body.Name = name
	whole := func(v *Value) bool { return v.Type.DType.IsInteger() }
	for _, v := range append(body.Params, keep(body.Constants, whole)...) {
		rest = append(rest, &Value{Name: v.Name, Kind: v.Kind, Type: v.Type, Data: v.Data})
		v.Kind, v.Data, v.Ints = Input, tensor.Tensor{}, nil
		body.Inputs = append(body.Inputs, v)
	}
	body.Params, body.Constants = nil, keep(body.Constants, func(v *Value) bool { return v.Kind == Constant })
	return &Function{Domain: domain, Name: name, Body: body}, rest, nil
}

// ParamsAsInputs returns a copy whose parameters are its last inputs, under their names, so that the caller hands the numbers in.
func (g *Graph) ParamsAsInputs() (*Graph, error) {
	c, err := g.Clone()
	if err != nil {
		return nil, err
	}
	for _, v := range c.Params {
		v.Kind, v.Data = Input, tensor.Tensor{}
		c.Inputs = append(c.Inputs, v)
	}
	c.Params = nil
	return c, c.Verify()
}

// AsProgram is the reverse of AsFunction: the function's last inputs get the numbers of rest, which are parameters and constants of the main graph as a call lists them.
func (f *Function) AsProgram(rest []*Value) (*Graph, error) {
	b := NewBuilder(f.Name)
	b.g.Doc = f.Body.Doc
	first := len(f.Body.Inputs) - len(rest)
	if first < 0 {
		return nil, fmt.Errorf("graph: function %s takes %d inputs, called with %d parameters", f.Name, len(f.Body.Inputs), len(rest))
	}
	env := map[*Value]*Value{}
	for i, v := range f.Body.Inputs {
		switch {
		case i < first:
			env[v] = b.Input(v.Name, v.Type.DType, v.Type.Shape...)
		case rest[i-first].Kind == Param:
			env[v] = b.Param(v.Name, rest[i-first].Data)
		default:
			env[v] = b.NamedConst(v.Name, rest[i-first].Data)
		}
	}
	for i, v := range b.replay(&Graph{}, f.Body, env) {
		b.Output(f.Body.Outputs[i].Name, v)
	}
	return b.Graph()
}
