package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"fmtool/models/autodiff"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/noise"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
)

// maxExact is the largest number of elements of a sample whose exact divergence is built: the graph grows with each.
const maxExact = 1024

// maxProbes bounds the graph of an estimate likewise.
const maxProbes = 256

// Divergence is how the divergence of a velocity field is had. The zero value is the exact one, at the price of a backward pass for each element of a
// sample.
type Divergence struct {
	// Probes is P of Hutchinson's estimate 1/P Σ vᵀ(∂u/∂x)v [HU90, GR19], at the price of a backward pass each; 0 is exact.
	Probes int
	// Gaussian probes v ~ N(0, I) instead of Rademacher's, whose elements are ±1 with equal chance. The latter vary less.
	Gaussian bool
	// Seed draws the probes: probe p of row n is a function of seed, n and p alone, so one probe serves a row at every evaluation of a solve.
	Seed uint64
}

// draw writes the probes of rows first, first + 1, …, [P, N, D], with zeros in the columns that are left out.
func (d Divergence) draw(dst []float64, first uint64, n int, keep []bool) {
	dim, row := len(keep), make([]float32, len(keep))
	for p := range d.Probes {
		s := noise.New(d.Seed, noise.Hutchinson).Sub(uint32(p))
		for i := range n {
			s.Row(row, first+uint64(i))
			for j, z := range row {
				v := &dst[(p*n+i)*dim+j]
				switch {
				case !keep[j]:
					*v = 0
				case d.Gaussian:
					*v = float64(z)
				case z < 0:
					*v = -1
				default:
					*v = 1
				}
			}
		}
	}
}

// DivergenceField is a velocity with its divergence. DivergentModel is one.
type DivergenceField interface {
	// VelocityDivergence writes u_t(x) and its divergence, or the estimate of each probe.
	//
	//	u, x    float64 [N, D...]   model space
	//	div     float64 [P, N]      P = 1 if exact
	//	t       float64 [1, 1] or [N, 1]
	//	y       as of VelocityField
	//	probes  float64 [P, N, D...]; the zero Tensor if exact
	VelocityDivergence(ctx context.Context, u, div, x, t, y, probes tensor.Tensor) error
	// Divergence tells which.
	Divergence() Divergence
	Spec() flow.Spec
}

// DivergentModel is an opened file with the derivative of its network. It serves one goroutine at a time.
type DivergentModel struct {
	m       *Model
	d       Divergence
	float   tensor.DType
	kept    int           // elements of a sample that the divergence sums over
	x, t, v tensor.Tensor // what the program is given, in its type
	u, div  tensor.Tensor // and what it writes
}

// OpenDivergence opens a velocity file together with its divergence, made from the file's own graph. Constant columns are left out of it.
func OpenDivergence(e engine.Engine, file []byte, o engine.Options, d Divergence) (*DivergentModel, error) {
	spec, meta, err := Describe(file)
	if err != nil {
		return nil, err
	}
	keep, kept := spec.Varying()
	switch {
	case d.Probes < 0 || d.Probes > maxProbes:
		return nil, fmt.Errorf("runtime: a divergence by %d probes: want 1 to %d, or 0 for the exact one", d.Probes, maxProbes)
	case d.Probes == 0 && kept > maxExact:
		return nil, fmt.Errorf("runtime: an exact divergence of %d elements, at most %d: estimate it by probes", kept, maxExact)
	}
	with, err := divergent(file, d.Probes, keep)
	if err != nil {
		return nil, err
	}
	p, err := e.Open(with, o)
	if err != nil {
		return nil, err
	}
	inputs := len(inputsOf(spec))
	m := &Model{program: p, spec: spec, meta: meta, in: make([]tensor.Tensor, inputs, inputs+1), out: make([]tensor.Tensor, 2)}
	out := &DivergentModel{m: m, d: d, float: tensor.Float32, kept: kept}
	if o.Float64 {
		out.float = tensor.Float64
	}
	return out, nil
}

// divergent is the file of the field with its divergence, in the first profile that can say it.
func divergent(file []byte, probes int, keep []bool) ([]byte, error) {
	m, err := onnx.Validate(file, onnx.Limits{})
	if err != nil {
		return nil, err
	}
	var g *graph.Graph
	if g, err = m.Graph(); err == nil {
		g, err = autodiff.WithDivergence(g, probes, keep)
	}
	if err != nil {
		return nil, fmt.Errorf("runtime: the model has no divergence: %w", err)
	}
	var failures []error
	for _, p := range onnx.Profiles() {
		f, err := onnx.FromGraph(g, p, nil)
		if err == nil {
			return f.Marshal(), nil
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

// Spec says what the numbers mean.
func (d *DivergentModel) Spec() flow.Spec { return d.m.spec }

// Divergence tells whether it is exact or estimated, and by which probes.
func (d *DivergentModel) Divergence() Divergence { return d.d }

// Close frees the program.
func (d *DivergentModel) Close() error { return d.m.Close() }

// VelocityDivergence implements DivergenceField. A model that predicts another quantity q, u = a x + b q, has the divergence a D + b ∇·q.
func (d *DivergentModel) VelocityDivergence(ctx context.Context, u, div, x, t, y, probes tensor.Tensor) error {
	m, n := d.m, x.Dim(0)
	if err := m.checkCondition(n, y); err != nil {
		return err
	}
	t, err := sharedTime(m.spec.SharedTime, t)
	if err != nil {
		return err
	}
	d.in(&d.x, x)
	d.in(&d.t, t)
	for i, at := range t.Float64() {
		set(d.t, i, min(max(at, m.spec.TimeMin), m.spec.TimeMax))
	}
	m.in = m.in[:len(inputsOf(m.spec))]
	m.in[0], m.in[1] = d.x, d.t
	if m.spec.Condition.Kind != flow.Unconditional {
		m.condition(n, y)
	}
	for i, in := range m.in[2:] {
		if in.DType().IsFloat() && in.DType() != d.float {
			m.in[2+i] = in.Convert(d.float)
		}
	}
	if d.d.Probes > 0 {
		d.in(&d.v, probes)
		m.in = append(m.in, d.v)
	}
	room(&d.u, d.float, u.Shape())
	room(&d.div, d.float, div.Shape())
	m.out[0], m.out[1] = d.u, d.div
	if err := m.program.Run(ctx, m.in, m.out); err != nil {
		return err
	}
	widen(u.Float64(), d.u)
	widen(div.Float64(), d.div)
	return d.convert(u.Float64(), div.Float64(), x.Float64(), t.Float64())
}

// in copies float64 numbers into the program's type.
func (d *DivergentModel) in(dst *tensor.Tensor, v tensor.Tensor) {
	room(dst, d.float, v.Shape())
	for i, x := range v.Float64() {
		set(*dst, i, x)
	}
}

func set(t tensor.Tensor, i int, v float64) {
	if t.DType() == tensor.Float64 {
		t.Float64()[i] = v
		return
	}
	t.Float32()[i] = float32(v)
}

// room gives t the type and shape, in new memory unless it has them.
func room(t *tensor.Tensor, d tensor.DType, shape []int) {
	if t.IsZero() || t.DType() != d || !slices.Equal(t.Shape(), shape) {
		*t = tensor.New(d, shape...)
	}
}

func widen(dst []float64, t tensor.Tensor) {
	if t.DType() == tensor.Float64 {
		copy(dst, t.Float64())
		return
	}
	for i, v := range t.Float32() {
		dst[i] = float64(v)
	}
}

// convert turns the predicted quantity and its divergence into those of the velocity.
func (d *DivergentModel) convert(u, div, x, t []float64) error {
	if d.m.spec.Prediction == flow.Velocity {
		return nil
	}
	dim := d.m.spec.Dim()
	n := len(x) / dim
	for i := range n {
		a, b, err := d.m.slope(t[min(i, len(t)-1)])
		if err != nil {
			return err
		}
		for j := i * dim; j < (i+1)*dim; j++ {
			u[j] = a*x[j] + b*u[j]
		}
		for p := i; p < len(div); p += n {
			div[p] = a*float64(d.kept) + b*div[p]
		}
	}
	return nil
}
