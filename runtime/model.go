package runtime

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
)

// VelocityField is a velocity u_t(x). Model is one; wrappers that change a field are others.
type VelocityField interface {
	// Velocity writes u_t(x) into dst.
	//
	//	dst, x  float32 [N, D...]   model space
	//	t       float32 [1, 1] or [N, 1]
	//	y       the condition: int64 [N] labels, the null class for none; float32 [N, C] vectors, or [N, C+1] whose last column says
	//	        with 1 that the row has none; the zero Tensor: unconditional
	Velocity(ctx context.Context, dst, x, t, y tensor.Tensor) error
	// Spec says what the numbers mean.
	Spec() flow.Spec
}

// Model is an opened file. It serves one goroutine at a time.
type Model struct {
	program engine.Program
	spec    flow.Spec
	meta    map[string]string
	in, out []tensor.Tensor // of the last call, kept to allocate nothing
	null    tensor.Tensor   // the condition of unconditional calls, for the batch of the last one
	drop    tensor.Tensor   // for vectors: 1 where the null row is meant
	t       tensor.Tensor   // the times of the last call, within those of training
	given   tensor.Tensor   // vectors without the column that marks null rows
}

// Open opens a velocity file on an engine. A file that is no velocity field is an error that shows what it is.
func Open(e engine.Engine, file []byte, o engine.Options) (*Model, error) {
	spec, meta, err := Describe(file)
	if err != nil {
		return nil, err
	}
	p, err := e.Open(file, o)
	if err != nil {
		return nil, err
	}
	m := &Model{program: p, spec: spec, meta: meta, out: make([]tensor.Tensor, 1)}
	m.in = make([]tensor.Tensor, len(inputsOf(spec)))
	return m, nil
}

// Describe reads spec and metadata of a velocity file and compares them with its inputs and outputs, without an engine, after onnx.Validate.
func Describe(file []byte) (flow.Spec, map[string]string, error) {
	m, err := onnx.Validate(file, onnx.Limits{})
	if err != nil {
		return flow.Spec{}, nil, err
	}
	spec, err := flow.ParseSpec(m.Metadata())
	if err != nil {
		return flow.Spec{}, nil, fmt.Errorf("runtime: %w; the file takes %s and gives %s%s", err, signature(m.Main, true), signature(m.Main, false), undeclared(m.Metadata()))
	}
	if kind, err := flow.KindOf(m.Metadata()); err != nil || kind != flow.VelocityKind {
		return flow.Spec{}, nil, fmt.Errorf("runtime: a %s, not a velocity field: the file takes %s and gives %s; run it whole, or export the velocity", kind, signature(m.Main, true), signature(m.Main, false))
	}
	if m.Metadata()[flow.Prefix+"guidance"] != "" {
		return flow.Spec{}, nil, fmt.Errorf("runtime: a velocity field with guidance inside: the file takes %s; samplers guide by themselves, export the velocity without", signature(m.Main, true))
	}
	want := inputsOf(spec)
	if !slices.Equal(names(m.Main, true), want) || !slices.Equal(names(m.Main, false), []string{"velocity"}) {
		return flow.Spec{}, nil, fmt.Errorf("runtime: not a velocity field: the file takes %s and gives %s, its metadata promises inputs %s and output velocity",
			signature(m.Main, true), signature(m.Main, false), strings.Join(want, ", "))
	}
	if have, ok := sampleDims(m.Main); !ok || !slices.Equal(have, spec.Dims) {
		return flow.Spec{}, nil, fmt.Errorf("runtime: not a velocity field: the file takes %s, its metadata promises x float32[batch %s]",
			signature(m.Main, true), strings.Trim(fmt.Sprint(spec.Dims), "[]"))
	}
	return spec, m.Metadata(), nil
}

// undeclared is what to do with a file that says nothing of itself.
func undeclared(meta map[string]string) string {
	if meta[flow.Prefix+"kind"] != "" {
		return ""
	}
	return "; if it is a network from elsewhere, declare what these mean: fmtool declare --help"
}

// sampleDims is the declared shape of the input x without the batch.
func sampleDims(g *onnx.Graph) (dims []int, ok bool) {
	for _, in := range g.Input {
		if in.Name != "x" || in.Type == nil || in.Type.Tensor == nil || in.Type.Tensor.Shape == nil || len(in.Type.Tensor.Shape.Dim) == 0 {
			continue
		}
		for _, d := range in.Type.Tensor.Shape.Dim[1:] {
			if d.Value == nil {
				return nil, false
			}
			dims = append(dims, int(*d.Value))
		}
		return dims, true
	}
	return nil, false
}

// inputsOf are the names of the inputs of a field with that spec, in order.
func inputsOf(s flow.Spec) []string {
	switch s.Condition.Kind {
	case flow.Labels:
		return []string{"x", "t", "y"}
	case flow.Vector:
		return []string{"x", "t", "y", "y_drop"}
	}
	return []string{"x", "t"}
}

// names are those of the inputs that a caller must give, initialised ones left out, or of the outputs.
func names(g *onnx.Graph, inputs bool) []string {
	if g == nil {
		return nil
	}
	list, given := g.Output, map[string]bool{}
	if inputs {
		list = g.Input
		for _, t := range g.Initializer {
			given[t.Name] = true
		}
	}
	var out []string
	for _, v := range list {
		if !given[v.Name] {
			out = append(out, v.Name)
		}
	}
	return out
}

// signature is Signature in a sentence.
func signature(g *onnx.Graph, inputs bool) string {
	return Listed(Signature(g, inputs))
}

// Listed is a list in a sentence; of a long one the first parts, and how many more there are.
func Listed(parts []string) string {
	const long, first = 8, 4
	switch {
	case len(parts) == 0:
		return "nothing"
	case len(parts) > long:
		return fmt.Sprintf("%s and %d more", strings.Join(parts[:first], ", "), len(parts)-first)
	}
	return strings.Join(parts, ", ")
}

// Signature lists the inputs that a caller must give, or the outputs, with their types, as in x float32[batch 2]. It serves messages.
func Signature(g *onnx.Graph, inputs bool) []string {
	if g == nil {
		return nil
	}
	list := g.Output
	if inputs {
		list = g.Input
	}
	var parts []string
	for _, v := range list {
		if slices.Contains(names(g, inputs), v.Name) {
			parts = append(parts, v.Name+" "+typeText(v.Type))
		}
	}
	return parts
}

func typeText(t *onnx.Type) string {
	if t == nil || t.Tensor == nil {
		return "(no tensor)"
	}
	text := "type " + fmt.Sprint(t.Tensor.ElemType)
	if d, err := graph.DTypeOf(int(t.Tensor.ElemType)); err == nil {
		text = d.String()
	}
	if t.Tensor.Shape == nil {
		return text + "[...]"
	}
	var dims []string
	for _, d := range t.Tensor.Shape.Dim {
		switch {
		case d.Value != nil:
			dims = append(dims, fmt.Sprint(*d.Value))
		case d.Param != nil:
			dims = append(dims, *d.Param)
		default:
			dims = append(dims, "?")
		}
	}
	return text + "[" + strings.Join(dims, " ") + "]"
}

// Spec says what the numbers mean.
func (m *Model) Spec() flow.Spec { return m.spec }

// Metadata is the file's.
func (m *Model) Metadata() map[string]string { return m.meta }

// Close frees the program.
func (m *Model) Close() error { return m.program.Close() }

// Velocity implements VelocityField. Before the first time that the model was trained at and after the last the velocity is that of the nearest one. Models that
// predict another quantity are converted. Repeating a call on the same tensors allocates nothing.
func (m *Model) Velocity(ctx context.Context, dst, x, t, y tensor.Tensor) error {
	if err := m.check(dst, x, t, y); err != nil {
		return err
	}
	if m.spec.SharedTime && t.Len() > 1 {
		return m.eachTime(ctx, dst, x, t, y)
	}
	t = m.within(t)
	m.in[0], m.in[1], m.out[0] = x, t, dst
	if m.spec.Condition.Kind != flow.Unconditional {
		m.condition(x.Dim(0), y)
	}
	if err := m.program.Run(ctx, m.in, m.out); err != nil {
		return err
	}
	if m.spec.Prediction != flow.Velocity {
		return m.convert(dst.Float32(), x.Float32(), t.Float32())
	}
	return nil
}

// within is t held to the times that the model was trained at: t itself if that is all of them.
func (m *Model) within(t tensor.Tensor) tensor.Tensor {
	if m.spec.TimeMin == 0 && m.spec.TimeMax == 1 {
		return t
	}
	if m.t.IsZero() || m.t.Len() != t.Len() {
		m.t = tensor.New(tensor.Float32, t.Len(), 1)
	}
	for i, ti := range t.Float32() {
		m.t.Float32()[i] = min(max(ti, float32(m.spec.TimeMin)), float32(m.spec.TimeMax))
	}
	return m.t
}

func (m *Model) check(dst, x, t, y tensor.Tensor) error {
	d := m.spec.Dims
	fits := func(v tensor.Tensor) bool {
		return v.DType() == tensor.Float32 && v.Rank() == 1+len(d) && slices.Equal(v.Shape()[1:], d)
	}
	if !fits(x) || !fits(dst) || dst.Dim(0) != x.Dim(0) {
		return fmt.Errorf("runtime: x is %v and dst %v, want float32 [N %v] both", x, dst, d)
	}
	n := x.Dim(0)
	if t.DType() != tensor.Float32 || t.Rank() != 2 || t.Dim(1) != 1 || t.Dim(0) != 1 && t.Dim(0) != n {
		return fmt.Errorf("runtime: t is %v, want float32 [1 1] or [%d 1]", t, n)
	}
	return m.checkCondition(n, y)
}

func (m *Model) checkCondition(n int, y tensor.Tensor) error {
	if y.IsZero() {
		return nil
	}
	c := m.spec.Condition
	switch {
	case c.Kind == flow.Labels && y.DType() == tensor.Int64 && y.Rank() == 1 && y.Dim(0) == n:
		for i, k := range y.Int64() {
			if k < 0 || k > int64(c.Classes) {
				return fmt.Errorf("runtime: label [%d] is %d, want 0 to %d (%d means none)", i, k, c.Classes, c.Classes)
			}
		}
	case c.Kind == flow.Vector && y.DType() == tensor.Float32 && y.Rank() == 2 && y.Dim(0) == n && y.Dim(1) == c.Width:
	case c.Kind == flow.Vector && y.DType() == tensor.Float32 && y.Rank() == 2 && y.Dim(0) == n && y.Dim(1) == c.Width+1:
		for i := range n {
			if d := y.Float32()[i*(c.Width+1)+c.Width]; d != 0 && d != 1 {
				return fmt.Errorf("runtime: condition [%d] ends with %g, want 0, or 1 for none", i, d)
			}
		}
	case c.Kind == flow.Unconditional:
		return fmt.Errorf("runtime: the model takes no condition, got %v", y)
	default:
		return fmt.Errorf("runtime: condition %v for %d rows of a model with %s (%d classes, vectors of %d)", y, n, c.Kind, c.Classes, c.Width)
	}
	return nil
}

// condition sets the inputs y and y_drop for n rows.
func (m *Model) condition(n int, y tensor.Tensor) {
	c := m.spec.Condition
	if m.null.IsZero() || m.null.Dim(0) != n {
		switch c.Kind {
		case flow.Labels:
			m.null = tensor.Full(int64(c.Classes), n)
		case flow.Vector:
			m.null, m.given, m.drop = tensor.New(tensor.Float32, n, c.Width), tensor.New(tensor.Float32, n, c.Width), tensor.New(tensor.Float32, n, 1)
		}
	}
	m.in[2] = y
	if y.IsZero() {
		m.in[2] = m.null
	}
	if c.Kind == flow.Vector {
		m.in[3] = m.drop
		m.dropped(c.Width, y)
	}
}

// dropped sets y_drop: 1 without y, and where the column behind the vectors says so. That column is taken off.
func (m *Model) dropped(width int, y tensor.Tensor) {
	drop, marked := m.drop.Float32(), !y.IsZero() && y.Dim(1) == width+1
	for i := range drop {
		switch {
		case y.IsZero():
			drop[i] = 1
		case marked:
			row := y.Float32()[i*(width+1) : (i+1)*(width+1)]
			copy(m.given.Float32()[i*width:(i+1)*width], row)
			drop[i] = row[width]
		default:
			drop[i] = 0
		}
	}
	if marked {
		m.in[2] = m.given
	}
}

// maxSlope bounds the coefficients of a conversion: larger ones come of a division by 0, but for rounding.
const maxSlope = 1e9

// slope is a, b of the velocity u = a x + b q from the predicted quantity at a time. Where the quantity says nothing that x does not say, as the noise at
// t = 0 or x1 at t = 1, there is no velocity, which is an error.
func (m *Model) slope(t float64) (a, b float64, err error) {
	a, b = m.spec.Schedule.At(min(max(t, m.spec.TimeMin), m.spec.TimeMax)).Convert(m.spec.Prediction, flow.Velocity)
	if !(math.Abs(a) < maxSlope && math.Abs(b) < maxSlope) {
		return 0, 0, fmt.Errorf("runtime: a model that predicts %v has no velocity at t = %g on the %s schedule", m.spec.Prediction, t, m.spec.Schedule.Name())
	}
	return a, b, nil
}

// convert turns the predicted quantity into the velocity in place, with the coefficients of each row's time.
func (m *Model) convert(u, x, t []float32) (err error) {
	dim := m.spec.Dim()
	var a, b float64
	for i := range len(x) / dim {
		if i < len(t) {
			if a, b, err = m.slope(float64(t[i])); err != nil {
				return err
			}
		}
		for j := i * dim; j < (i+1)*dim; j++ {
			u[j] = float32(a*float64(x[j]) + b*float64(u[j]))
		}
	}
	return nil
}
