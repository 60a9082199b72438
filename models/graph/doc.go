// Package graph holds programs: networks, losses, derivatives, optimiser steps and samplers, all as graphs of operators with ONNX semantics.
//
// The canonical form is the operators' opset-18 definition: names, attributes, inputs and meaning are those of the ONNX operator of that opset,
// whatever a file on disk says (models/onnx converts). A Graph is built with a Builder, which checks types and shapes at every step
// and keeps the first error, so that a network reads as formulas:
//
//	b := graph.NewBuilder("linear")
//	x := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(2))
//	w := b.Param("w", tensor.New(tensor.Float32, 2, 3))
//	b.Output("y", b.MatMul(x, w))
//	g, err := b.Graph()
//
// A Value is one edge: an input, a parameter (named numbers that training changes), a constant, a capture (an outer value seen inside a
// subgraph) or the result of a Node. Nodes are kept in an order in which each follows its producers. A dimension is a length or a
// linear form of a named length (Dim). Subgraphs (Loop, If) are attributes of type *Graph whose Captures list every outer value
// they use. Functions are named graphs that nodes call by (domain, name).
//
// The operator table (Lookup, Ops) says for each operator its arity, attributes and shape rule; models/autodiff adds the derivative and
// runtime/native the kernel, each in a table of its own, and a test holds the tables to the same operators.
package graph
