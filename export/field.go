package export

import (
	"fmt"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// functionDomain and functionName name the velocity field in the files that evaluate it more than once.
const functionDomain, functionName = "io.fmtool", "velocity"

// field is a model's velocity in a graph that evaluates it. Its condition and its weights are inputs and parameters of the main graph.
type field struct {
	spec     flow.Spec
	net      *graph.Graph
	function *graph.Function // what at calls; nil: net's own nodes, each time anew
	rest     []*graph.Value  // the function's last inputs: the weights, and shapes
	y, drop  *graph.Value
	guidance *models.Guidance // nil: without
}

// newField adds the inputs of the model's condition and, if guided, of guidance, and the weights.
func newField(b *graph.Builder, m *models.Model, guided, asFunction bool) (*field, error) {
	if guided && m.Spec.Condition.Kind == flow.Unconditional {
		return nil, fmt.Errorf("export: guidance leads towards a condition, and the model has none; leave guidance out")
	}
	net, err := models.VelocityGraph(m)
	if err == nil {
		net, err = net.Flatten()
	}
	if err != nil {
		return nil, err
	}
	f := &field{spec: m.Spec, net: net}
	f.y, f.drop = models.NewCondition(b, m.Spec, graph.Sym("batch"))
	if guided {
		g := models.NewGuidance(b, m.Spec, f.y, f.drop)
		f.guidance, f.y, f.drop = &g, g.Y, g.Drop
	}
	var rest []*graph.Value
	if asFunction {
		if f.function, rest, err = net.AsFunction(functionDomain, functionName); err != nil {
			return nil, err
		}
		f.function.Body.Doc = "Velocity u(x, t) of the model, in model space; its weights are the last inputs."
	}
	for _, v := range rest {
		if v.Kind == graph.Param {
			f.rest = append(f.rest, b.Param(v.Name, v.Data))
		} else {
			f.rest = append(f.rest, b.NamedConst(v.Name, v.Data))
		}
	}
	return f, b.Err()
}

// at is the velocity, guided if asked for, at x [N D...] and t [1 1] or [N 1]; without guidance t may be [T 1].
func (f *field) at(b *graph.Builder, x, t *graph.Value) *graph.Value {
	if f.guidance == nil {
		return f.evaluate(b, x, t)
	}
	if !t.Type.Shape[0].Is(1) { // a time for each of 2N rows
		b.Scope("guidance", func() { t = b.Concat(0, t, t) })
	}
	return f.guidance.Apply(b, x, func(x *graph.Value) *graph.Value { return f.evaluate(b, x, t) })
}

func (f *field) evaluate(b *graph.Builder, x, t *graph.Value) *graph.Value {
	in := []*graph.Value{x, t}
	for _, v := range []*graph.Value{f.y, f.drop} {
		if v != nil {
			in = append(in, v)
		}
	}
	if f.function == nil {
		return b.Inline(f.net, in...)[0]
	}
	return b.Call(f.function, append(in, f.rest...)...)[0]
}

// sampleShape is [n D...].
func sampleShape(spec flow.Spec, n graph.Dim) graph.Shape {
	return append(graph.Shape{n}, graph.ShapeOf(spec.Dims...)...)
}

// timeOf is a constant time [1 1].
func timeOf(b *graph.Builder, t float64) *graph.Value {
	return b.NamedConst("t", tensor.Full(float32(t), 1, 1))
}
