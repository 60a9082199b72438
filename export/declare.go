package export

import (
	"fmt"
	"maps"
	"strings"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime"
)

// keyDeclaration is what was declared of a network made elsewhere, as name=text.
const keyDeclaration = flow.Prefix + "declaration"

// netPrefix is that of all names of a network within the file that Declare makes of it.
const netPrefix = "net/"

// Declare makes a velocity file of a network that somebody else exported: inputs x, t and the condition, output velocity, in the toolkit's
// conventions, with the metadata that all commands read. Around the network, whose nodes stay as they are, stand those that take the time to the
// network's own, give it its shape and type, and take what it predicts to the velocity. A network that does not fit what is declared is an error
// that shows both.
//
// Inputs in float16, float64 or integers are converted. A time of one number for all rows makes a field of one time (flow.Spec.SharedTime). A vector
// that is the condition is 0 where there is none, a label the last class where the network has no label for none.
func Declare(file []byte, d Declaration) ([]byte, error) {
	m, err := onnx.Validate(file, onnx.Limits{})
	if err != nil {
		return nil, err
	}
	meta := m.Metadata()
	if kind := meta[flow.Prefix+"kind"]; kind != "" {
		return nil, fmt.Errorf("export: the file says of itself that it is a %s and needs no declaration", kind)
	}
	n := &network{d: d}
	if err := n.read(m.Main); err != nil {
		return nil, fmt.Errorf("export: %w; the network takes %s and gives %s", err,
			strings.Join(runtime.Signature(m.Main, true), ", "), strings.Join(runtime.Signature(m.Main, false), ", "))
	}
	before, err := written(n.before())
	if err != nil {
		return nil, err
	}
	after, err := written(n.after())
	if err != nil {
		return nil, err
	}
	out, err := m.Between(netPrefix, before, after)
	if err != nil {
		return nil, err
	}
	about := n.metadata(meta)
	for _, o := range out.OpsetImport {
		if r, ok := onnx.OldestRelease(out.IRVersion, o.Version); ok && (o.Domain == "" || o.Domain == "ai.onnx") {
			about[keyRuntime] = r.Version
		}
	}
	out.SetMetadata(about)
	out.DocString = velocityUsage(n.spec, Options{})
	file = out.Marshal()
	_, _, err = runtime.Describe(file)
	return file, err
}

func written(b *graph.Builder) (*onnx.Model, error) {
	g, err := b.Graph()
	if err != nil {
		return nil, err
	}
	g.Prune()
	return onnx.FromGraph(g, onnx.Wide, nil)
}

// metadata is the file's own without what it declared, and the spec.
func (n *network) metadata(own map[string]string) map[string]string {
	meta := maps.Clone(own)
	maps.DeleteFunc(meta, func(key, _ string) bool { return strings.HasPrefix(key, flow.Prefix) })
	s := n.spec
	s.Prediction = flow.Velocity // the graph converts it
	maps.Copy(meta, s.Metadata())
	if meta[keyDeclaration] = n.d.said(); n.spec.Prediction != flow.Velocity {
		meta[keyNetwork] = n.spec.Prediction.String()
	}
	return meta
}

// before computes the network's inputs from x, t and the condition.
func (n *network) before() *graph.Builder {
	b := graph.NewBuilder("velocity")
	in := models.NewInputs(b, n.spec, graph.Sym("batch"), graph.Sym(graph.TimeDim))
	b.Scope("declared/in", func() {
		b.Output(netPrefix+n.d.X, cast(b, in.X, n.x.DType))
		b.Output(netPrefix+n.d.T, n.time(b, in.X, in.T))
		if in.Y != nil {
			b.Output(netPrefix+n.d.Y, n.conditioned(b, in.Y, in.Drop))
		}
	})
	return b
}

// after computes the velocity from what the network gives.
func (n *network) after() *graph.Builder {
	b := graph.NewBuilder("velocity")
	in := models.NewInputs(b, n.spec, graph.Sym("batch"), graph.Sym(graph.TimeDim))
	q := b.Input(netPrefix+n.d.U, n.u.DType, sampleShape(n.spec, graph.Sym("batch"))...)
	b.Scope("declared/out", func() {
		q = cast(b, q, tensor.Float32)
		if c := n.scale(); c != 1 {
			q = b.Scale(q, c)
		}
		q = models.AsVelocity(b, n.spec, in.X, models.Times(b, n.spec, in.T), q)
	})
	b.Output("velocity", q)
	return b
}

// scale is what the output is multiplied by.
func (n *network) scale() float64 {
	switch {
	case n.d.Scale != 0:
		return n.d.Scale
	case n.d.Prediction == flow.Velocity && n.d.Data < n.d.Noise:
		return -1
	}
	return 1
}

// time is t [T 1] in the network's units, shape and type.
func (n *network) time(b *graph.Builder, x, t *graph.Value) *graph.Value {
	t = models.Times(b, n.spec, t)
	if n.d.Noise != 0 || n.d.Data != 1 {
		t = b.Shift(b.Scale(t, n.d.Data-n.d.Noise), n.d.Noise)
	}
	if n.t.DType.IsInteger() {
		t = b.Op("Floor", nil, b.Shift(t, 0.5))
	}
	shape := n.t.Shape
	if shape == nil {
		shape = graph.Shape{graph.Unknown}
	}
	if !n.spec.SharedTime {
		rows := b.Op("Gather", nil, b.Op("Shape", nil, x), b.Ints(0))
		t = b.Op("Expand", nil, t, b.Concat(0, rows, b.Ints(1)))
	}
	if len(shape) != 2 {
		lengths := make([]int, len(shape))
		for i := range lengths {
			lengths[i] = 1
		}
		if len(shape) > 0 {
			lengths[0] = -1
		}
		t = b.Reshape(t, b.Ints(lengths...))
	}
	return cast(b, t, n.t.DType)
}

// conditioned is the condition in the network's shape and type.
func (n *network) conditioned(b *graph.Builder, y, drop *graph.Value) *graph.Value {
	c := n.d.Condition
	if c.Kind == flow.Vector {
		left := b.Subtract(b.Scalar(tensor.Float32, 1), drop)
		return cast(b, b.Mul(y, left), n.y.DType)
	}
	if c.Drop == 0 {
		y = b.Op("Min", nil, y, b.Scalar(tensor.Int64, float64(c.Classes-1)))
	}
	if len(n.y.Shape) == 2 {
		y = b.Reshape(y, b.Ints(-1, 1))
	}
	return cast(b, y, n.y.DType)
}

func cast(b *graph.Builder, v *graph.Value, to tensor.DType) *graph.Value {
	if v.Type.DType == to {
		return v
	}
	return b.Op("Cast", graph.Attrs{"to": int64(graph.Code(to))}, v)
}

// Adopt is the file that the runtime reads: without settings, nil, the file itself if it says of itself what it is or nothing is known of it; otherwise
// what Declare makes of it with the settings that its metadata hold and those given, which go before.
func Adopt(file []byte, settings map[string]string) ([]byte, error) {
	m, err := onnx.Unmarshal(file)
	if err != nil {
		return nil, err
	}
	declared := Declared(m.Metadata())
	if settings == nil && (declared == nil || m.Metadata()[flow.Prefix+"kind"] != "") {
		return file, nil
	}
	all := maps.Clone(declared)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, settings)
	d, err := NewDeclaration(all)
	if err != nil {
		return nil, err
	}
	return Declare(file, d)
}
