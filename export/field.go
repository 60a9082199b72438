package export

import (
	"errors"
	"fmt"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// functionDomain and functionName name the velocity field in the files that evaluate it more than once, divergenceName that with its divergence.
const functionDomain, functionName, divergenceName = "io.fmtool", "velocity", "velocity_divergence"

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
	f, err := bareField(m, guided)
	if err != nil {
		return nil, err
	}
	f.y, f.drop = models.NewCondition(b, m.Spec, graph.Sym("batch"))
	if guided {
		f.guide(b, m.Spec, guidanceInput(b))
	}
	if asFunction {
		err = f.define(b, functionName, "Velocity u(x, t) of the model, in model space; its weights are the last inputs.")
	}
	return f, errors.Join(err, b.Err())
}

// bareField is the field of a model before its inputs.
func bareField(m *models.Model, guided bool) (*field, error) {
	if guided && m.Spec.Condition.Kind == flow.Unconditional {
		return nil, fmt.Errorf("export: guidance leads towards a condition, and the model has none; leave guidance out")
	}
	net, err := models.VelocityGraph(m)
	if err == nil {
		net, err = net.Flatten()
	}
	return &field{spec: m.Spec, net: net}, err
}

// equation is the field as samplers solve it.
func (f *field) equation() equation { return equation{at: f.at, grid: f.spec.Grid} }

// guidanceInput adds the input guidance.
func guidanceInput(b *graph.Builder) *graph.Value {
	return b.Input("guidance", tensor.Float32, graph.Sym(graph.GuidanceDim))
}

// guide puts guidance of weights w into a field of rows with the spec's number of dimensions.
func (f *field) guide(b *graph.Builder, spec flow.Spec, w *graph.Value) {
	g := models.NewGuidance(b, spec, w, f.y, f.drop)
	f.guidance, f.y, f.drop = &g, g.Y, g.Drop
}

// define makes the network a function, and its weights parameters of the main graph.
func (f *field) define(b *graph.Builder, name, doc string) error {
	function, rest, err := f.net.AsFunction(functionDomain, name)
	if err != nil {
		return err
	}
	function.Body.Doc, f.function = doc, function
	for _, v := range rest {
		if v.Kind == graph.Param {
			f.rest = append(f.rest, b.Param(v.Name, v.Data))
		} else {
			f.rest = append(f.rest, b.NamedConst(v.Name, v.Data))
		}
	}
	return nil
}

// at is the velocity, guided if asked for, at x [N D...] and t [1 1] or [N 1]; without guidance t may be [T 1].
func (f *field) at(b *graph.Builder, x, t *graph.Value) *graph.Value {
	return f.guided(b, x, t, func(b *graph.Builder, x, t *graph.Value) *graph.Value { return f.evaluate(b, x, t)[0] })
}

// guided is evaluate of x and t, or its combination of both branches.
func (f *field) guided(b *graph.Builder, x, t *graph.Value, evaluate func(b *graph.Builder, x, t *graph.Value) *graph.Value) *graph.Value {
	if f.guidance == nil {
		return evaluate(b, x, t)
	}
	if !t.Type.Shape[0].Is(1) { // a time for each of 2N rows
		b.Scope("guidance", func() { t = b.Concat(0, t, t) })
	}
	return f.guidance.Apply(b, x, func(x *graph.Value) *graph.Value { return evaluate(b, x, t) })
}

// evaluate are the network's outputs; more are inputs after the condition.
func (f *field) evaluate(b *graph.Builder, x, t *graph.Value, more ...*graph.Value) []*graph.Value {
	in := []*graph.Value{x, t}
	for _, v := range append([]*graph.Value{f.y, f.drop}, more...) {
		if v != nil {
			in = append(in, v)
		}
	}
	if f.function == nil {
		return b.Inline(f.net, in...)
	}
	return b.Call(f.function, append(in, f.rest...)...)
}

// sampleShape is [n D...].
func sampleShape(spec flow.Spec, n graph.Dim) graph.Shape {
	return append(graph.Shape{n}, graph.ShapeOf(spec.Dims...)...)
}

// timeOf is a constant time [1 1].
func timeOf(b *graph.Builder, t float64) *graph.Value {
	return b.NamedConst("t", tensor.Full(float32(t), 1, 1))
}
