package graph

import (
	"fmt"

	"fmtool/models/tensor"
)

// AsFunction makes a program a function: its inputs, then its parameters, become the function's inputs, under their names. The caller hands the parameters in
// at each call, so that their numbers are kept once, in the main graph.
func (g *Graph) AsFunction(domain, name string) (*Function, error) {
	body, err := g.Flatten()
	if err != nil {
		return nil, fmt.Errorf("function %s: %w", name, err)
	}
	body.Name = name
	for _, v := range body.Params {
		v.Kind, v.Data = Input, tensor.Tensor{}
	}
	body.Inputs, body.Params = append(body.Inputs, body.Params...), nil
	return &Function{Domain: domain, Name: name, Body: body}, nil
}

// AsProgram is the reverse: the function's last inputs become parameters, with the numbers of params, which are parameters of the main graph or captures of
// them, as a call lists them.
func (f *Function) AsProgram(params []*Value) (*Graph, error) {
	g, err := (&Graph{Name: f.Name, Doc: f.Body.Doc, Inputs: f.Body.Inputs, Outputs: f.Body.Outputs, Constants: f.Body.Constants, Nodes: f.Body.Nodes}).Flatten()
	if err != nil {
		return nil, fmt.Errorf("function %s: %w", f.Name, err)
	}
	first := len(g.Inputs) - len(params)
	if first < 0 {
		return nil, fmt.Errorf("graph: function %s takes %d inputs, called with %d parameters", f.Name, len(g.Inputs), len(params))
	}
	for i, v := range g.Inputs[first:] {
		v.Kind, v.Data, v.Type = Param, params[i].Data, TypeOf(params[i].Data)
	}
	g.Inputs, g.Params = g.Inputs[:first], g.Inputs[first:]
	return g, g.Verify()
}
