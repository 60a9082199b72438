// Package onnx reads and writes the ONNX file format, in four steps that are kept apart:
//
//	bytes ── Unmarshal ──▶ Model ── Graph ──▶ graph.Graph        reading
//	bytes ◀── Marshal ──── Model ◀── FromGraph ── graph.Graph    writing
//
// Model and its parts are the messages of onnx.proto, field for field. Unmarshal and Marshal lose nothing: fields this package does
// not know are kept, and so is the difference between an absent field and an explicit zero. Files written by the onnx package of Python
// come back byte for byte; what a writer may choose otherwise (the order of fields, non-minimal varints, an optional field given twice) is written in
// the one canonical way, fields in ascending order of number, and stays the same message.
//
// Model.Graph converts to the program's canonical form, the operators' opset-18 definitions. The table in versions.go says which
// versions of each operator are read, and how, that in compose.go which are read as formulas of others; another operator, domain or version is an error
// that names it and the node.
//
// FromGraph lowers a program to a Profile: Wide (IR 8, opset 17, onnxruntime ≥ 1.12), Seeded (IR 8, opset 18) or Modern (IR 10, opset 21). Every value
// of the main graph gets an explicit type and shape, parameters keep their names, nodes are named by their layer's path, and the same
// program gives the same bytes. An operator that the profile lacks is an error naming one that has it.
//
// Which initialisers are parameters: the format does not say. A floating-point initialiser of rank ≥ 1 is read as a graph.Param, any other as
// a constant, so that shapes and axes are known to shape inference. FromGraph marks the exceptions by the initialiser's doc string, "constant" or
// "parameter". An initialiser that is also an input (an input with a default value) is read as the initialiser alone.
//
// Check tells what is wrong with a model. Validate is for files of others: it bounds size, nodes, depth and tensors before an engine sees the file,
// and Embed takes data from files beside it, contained in its folder. Inspect tells of any model what it holds, costs and needs, and what to beware of,
// without running it; Compare tells where two models differ.
//
// Left out of programs: external data (refused until they are embedded),
// sparse initialisers, strings, sequences, maps and optionals as values of a program; the message keeps them all.
package onnx
