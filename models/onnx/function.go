package onnx

import (
	"errors"
	"fmt"

	"fmtool/models/graph"
)

// maxCalls bounds how deep functions call functions.
const maxCalls = 64

// function is the model's function that a node calls, nil if there is none.
func (r *reader) function(n *Node) *Function {
	return r.functions[[3]string{domain(n.Domain), n.OpType, n.Overload}]
}

func newShared(m *Model) *shared {
	s := &shared{functions: map[[3]string]*Function{}, kept: map[*Function]*graph.Function{}}
	for _, f := range m.Functions {
		s.functions[[3]string{domain(f.Domain), f.Name, f.Overload}] = f
	}
	return s
}

// keepFunctions converts the functions that can stay functions and adds them to the program.
func (r *reader) keepFunctions() error {
	for _, f := range r.model.Functions {
		if err := r.keep(f); err != nil {
			return err
		}
	}
	r.addFunctions(r.b, r.model.Functions)
	return nil
}

// addFunctions makes the kept ones among list known to builder b.
func (r *reader) addFunctions(b *graph.Builder, list []*Function) {
	var functions []*graph.Function
	for _, f := range list {
		if k := r.kept[f]; k != nil {
			functions = append(functions, k)
		}
	}
	b.Inline(&graph.Graph{Functions: functions})
}

// keep converts function f, and those it calls before it, if the declared types of its inputs make that possible.
func (r *reader) keep(f *Function) error {
	if _, done := r.kept[f]; done {
		return nil
	}
	r.kept[f] = nil // also while its own body is read: a function that calls itself is caught when it is replaced by its nodes
	types := f.inputTypes()
	if types == nil || len(f.Attribute)+len(f.AttributeProto) > 0 || f.Overload != "" || domain(f.Domain) == "" {
		return nil
	}
	for _, n := range f.Node {
		if callee := r.function(n); callee != nil {
			if err := r.keep(callee); err != nil {
				return err
			}
		}
	}
	b := graph.NewBuilder(f.Name)
	r.addFunctions(b, r.model.Functions)
	args := make([]*graph.Value, len(f.Input))
	for i, name := range f.Input {
		args[i] = b.Input(name, types[i].DType, types[i].Shape...)
		args[i].Type.Shape = types[i].Shape
	}
	inner := reader{model: r.model, b: b, main: b, shared: r.shared}
	out, err := inner.functionBody(f, args)
	if err != nil {
		return fmt.Errorf("function %s: %w", f.Name, err)
	}
	for i, v := range out {
		b.Output(f.Output[i], v)
	}
	body, err := b.Graph()
	if err != nil {
		return fmt.Errorf("function %s: %w", f.Name, err)
	}
	body.Doc, body.Functions = f.DocString, nil
	r.kept[f] = &graph.Function{Domain: f.Domain, Name: f.Name, Body: body}
	return nil
}

// inputTypes is the declared types of the function's inputs, nil unless all are declared.
func (f *Function) inputTypes() []graph.Type {
	declared := map[string]*Type{}
	for _, v := range f.ValueInfo {
		declared[v.Name] = v.Type
	}
	types := make([]graph.Type, len(f.Input))
	for i, name := range f.Input {
		t, err := typeOf(declared[name])
		if err != nil {
			return nil
		}
		types[i] = t
	}
	return types
}

// callFunction adds a call of a kept function, or the function's nodes.
func (r *reader) callFunction(f *Function, n *Node, in []*graph.Value) ([]*graph.Value, error) {
	if k := r.kept[f]; k != nil {
		return r.b.Node(&graph.Node{Op: k.Name, Domain: k.Domain, Name: nodeName(n), In: in}, wanted(n)), nil
	}
	if r.depth++; r.depth > maxCalls {
		return nil, fmt.Errorf("functions call each other more than %d deep", maxCalls)
	}
	defer func() { r.depth-- }()
	if len(in) > len(f.Input) || len(n.Output) > len(f.Output) {
		return nil, fmt.Errorf("function %s takes %d and gives %d, called with %d for %d", f.Name, len(f.Input), len(f.Output), len(in), len(n.Output))
	}
	args := make([]*graph.Value, len(f.Input))
	copy(args, in)
	call := *n
	call.Attribute = nil
	for _, a := range n.Attribute { // what the call itself refers to is known by now
		if a.RefAttrName != "" {
			from := r.referred(a.RefAttrName)
			if from == nil {
				continue
			}
			known := *from
			known.Name = a.Name
			a = &known
		}
		call.Attribute = append(call.Attribute, a)
	}
	inner := reader{model: r.model, b: r.b, main: r.main, call: &call, inside: f, shared: r.shared}
	var out []*graph.Value
	var err error
	r.b.Scope(nodeName(n), func() { out, err = inner.functionBody(f, args) })
	return out, err
}

// functionBody adds the nodes of f, whose inputs are args, and returns its outputs.
func (r *reader) functionBody(f *Function, args []*graph.Value) ([]*graph.Value, error) {
	opset, err := imports(f.OpsetImport)
	if err != nil {
		return nil, err
	}
	r.opset, r.env = opset, newScope(nil)
	for i, name := range f.Input {
		if err := r.define(name, args[i]); err != nil {
			return nil, err
		}
	}
	if err := r.body(&Graph{Name: f.Name, Node: f.Node}); err != nil {
		return nil, err
	}
	out := make([]*graph.Value, len(f.Output))
	for i, name := range f.Output {
		if out[i], err = r.value(name); err != nil {
			return nil, errors.Join(fmt.Errorf("function %s: output %s", f.Name, name), err)
		}
	}
	return out, nil
}
