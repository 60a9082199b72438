// Package nn holds layers: functions that add a layer's operators and parameters to a graph.
//
//	n := nn.New(b, nn.Fresh(noise.New(7, noise.Weights)))
//	h := n.Linear("in", x, 64)        // x·W + b, parameters in.weight [D 64] and in.bias [1 64]
//	h = act.Apply(n.Builder, h)       // act, err := nn.ParseActivation("silu")
//
// A Net is a graph.Builder with a source of numbers for the parameters its layers ask for: fresh ones drawn from a noise stream, or stored ones.
// A parameter's name is the path of the layer with dots, such as net.hidden.0.weight. Names are part of the file format and never change their meaning.
//
// A fresh weight [in, out] is normal with standard deviation √(gain/in); a bias is zero. Each parameter's numbers are keyed by its name, so that adding a
// layer changes no other layer's start. Layers use only operators that every profile of models/onnx and gorgonnx's small table can express: MatMul and Add
// with a bias [1, out], never Gemm, and no node reads one value twice.
package nn
