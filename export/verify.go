package export

import (
	"context"
	"fmt"
	"math"

	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
)

// Engine is one that a file is checked on, under the name of reports.
type Engine struct {
	Name    string
	Engine  engine.Engine
	Options engine.Options
}

// Checks are what a file is compared on: every engine against a forward pass in float64.
type Checks struct {
	Reference engine.Engine // opened with Options.Float64: the native one
	Engines   []Engine
	Tolerance float64 // of one evaluation; 0: from the model
	Batches   []int   // numbers of rows to try; nil: 1, 7, 64
}

const (
	// An MLP evaluated in float32 stays within this of float64, relative to the largest output or 1: onnxruntime's and the native kernels deviate by some 1e-6.
	tolerance = 5e-6
	// It holds for time features with phases up to this, in radians; rounding a larger phase costs proportionally more.
	plainPhase = 8 * math.Pi
	// After eulerSteps steps of Euler's method the states agree to this, relative to the largest or 1.
	eulerTolerance = 1e-4
	eulerSteps     = 100
	eulerRows      = 16
)

// bound is the tolerance of one evaluation of a model with that spec.
func (c Checks) bound(s flow.Spec) float64 {
	if c.Tolerance > 0 {
		return c.Tolerance
	}
	return tolerance * max(1, s.PhaseBound/plainPhase)
}

// Verify compares the velocity field in the bytes of an ONNX file, on each engine, with a float64 forward pass: random x; t = 0, t = 1, one random time for all
// and a time per row; every condition in turn, none included; several batch sizes; and 100 Euler steps. Disagreement is not an error
// but stands in the report. A file that is no velocity field, or that an engine refuses, is an error.
func Verify(ctx context.Context, file []byte, c Checks) (Report, error) {
	spec, _, err := runtime.Describe(file)
	if err != nil {
		return Report{}, err
	}
	m, err := onnx.Unmarshal(file)
	if err == nil {
		err = m.Check()
	}
	if err != nil {
		return Report{}, err
	}
	if len(c.Batches) == 0 {
		c.Batches = []int{1, 7, 64}
	}
	ref, err := c.Reference.Open(file, engine.Options{Float64: true})
	if err != nil {
		return Report{}, fmt.Errorf("export: the float64 reference: %w", err)
	}
	defer ref.Close() //nolint:errcheck // it only frees
	v := verifier{ctx: ctx, spec: spec, reference: program{ref, tensor.Float64}}
	var report Report
	for _, e := range c.Engines {
		rows, err := v.engine(file, e, c)
		if err != nil {
			return report, fmt.Errorf("export: %s: %w", e.Name, err)
		}
		report.Rows = append(report.Rows, rows...)
	}
	return report, nil
}

// program is an opened file and the floating-point type it computes in.
type program struct {
	engine.Program
	float tensor.DType
}

// velocity evaluates the field on float32 numbers, converted to the program's type.
func (p program) velocity(ctx context.Context, in []tensor.Tensor) (tensor.Tensor, error) {
	own := make([]tensor.Tensor, len(in))
	for i, t := range in {
		if own[i] = t; t.DType().IsFloat() {
			own[i] = t.Convert(p.float)
		}
	}
	out := tensor.New(p.float, in[0].Shape()...)
	return out, p.Run(ctx, own, []tensor.Tensor{out})
}

type verifier struct {
	ctx       context.Context
	spec      flow.Spec
	reference program
}

// engine returns the rows of one engine.
func (v verifier) engine(file []byte, e Engine, c Checks) ([]Row, error) {
	opened, err := e.Engine.Open(file, e.Options)
	if err != nil {
		return nil, err
	}
	defer opened.Close() //nolint:errcheck // it only frees
	p := program{opened, tensor.Float32}
	var rows []Row
	for _, n := range c.Batches {
		row := Row{Graph: "velocity", Engine: e.Name, Batch: n, Tolerance: c.bound(v.spec)}
		for _, in := range v.cases(n) {
			worst, err := v.compare(p, in)
			if err != nil {
				return nil, err
			}
			row.Worst = max(row.Worst, worst)
		}
		rows = append(rows, row)
	}
	worst, err := v.euler(p)
	if err != nil {
		return nil, err
	}
	return append(rows, Row{Graph: fmt.Sprintf("%d Euler steps", eulerSteps), Engine: e.Name, Batch: eulerRows, Tolerance: eulerTolerance, Worst: worst}), nil
}

// compare is the largest difference of one evaluation.
func (v verifier) compare(p program, in []tensor.Tensor) (float64, error) {
	want, err := v.reference.velocity(v.ctx, in)
	if err != nil {
		return 0, fmt.Errorf("the float64 reference: %w", err)
	}
	got, err := p.velocity(v.ctx, in)
	if err != nil {
		return 0, err
	}
	return difference(got.Convert(tensor.Float64).Float64(), want.Float64())
}

// difference is max|got − want| / max(1, max|want|), the largest number if that is not finite.
func difference(got, want []float64) (float64, error) {
	worst, scale := 0.0, 1.0
	for i, w := range want {
		if math.IsNaN(w) || math.IsInf(w, 0) {
			return 0, fmt.Errorf("the field is %v at element %d even in float64: the weights are broken", w, i)
		}
		scale = max(scale, math.Abs(w))
		worst = max(worst, math.Abs(got[i]-w)) // max keeps a NaN
	}
	if !(worst <= math.MaxFloat64) {
		return math.MaxFloat64, nil
	}
	return worst / scale, nil
}

// euler is the largest difference of the states after eulerSteps steps from the same noise.
func (v verifier) euler(p program) (float64, error) {
	in := v.inputs(eulerRows, 1, 1000)
	x, t := in[0].Clone(), in[1]
	exact := x.Convert(tensor.Float64)
	for k := range eulerSteps {
		t.Float32()[0] = float32(k) / eulerSteps
		in[0] = x
		u, err := p.velocity(v.ctx, in)
		if err != nil {
			return 0, err
		}
		for i, u := range u.Float32() {
			x.Float32()[i] += u / eulerSteps
		}
		in[0] = exact
		du, err := v.reference.velocity(v.ctx, in)
		if err != nil {
			return 0, fmt.Errorf("the float64 reference: %w", err)
		}
		for i, u := range du.Float64() {
			exact.Float64()[i] += u / eulerSteps
		}
	}
	return difference(x.Convert(tensor.Float64).Float64(), exact.Float64())
}

// cases are the inputs that a batch of n rows is tried with.
func (v verifier) cases(n int) [][]tensor.Tensor {
	var list [][]tensor.Tensor
	for i, at := range []float32{0, 1, -1} { // −1: the random time that inputs drew
		in := v.inputs(n, 1, uint64(i))
		if at >= 0 {
			in[1].Float32()[0] = at
		}
		list = append(list, in)
	}
	each := v.inputs(n, n, 3)
	t := each[1].Float32()
	t[n-1], t[0] = 1, 0
	return append(list, each)
}

// inputs are n random rows at times random times; salt makes them others.
func (v verifier) inputs(n, times int, salt uint64) []tensor.Tensor {
	s := noise.New(0, noise.Probe).Sub(uint32(salt))
	draw := func(part uint32, shape ...int) tensor.Tensor {
		t := tensor.New(tensor.Float32, shape...)
		s.Sub(part).Normals(t.Float32(), 0)
		return t
	}
	t := tensor.New(tensor.Float32, times, 1)
	s.Sub(1).Uniforms(t.Float32(), 0)
	in := []tensor.Tensor{draw(0, append([]int{n}, v.spec.Dims...)...), t}
	switch c := v.spec.Condition; c.Kind {
	case flow.Labels:
		y := make([]int64, n)
		for i := range y {
			y[i] = int64((i + int(salt)) % (c.Classes + 1))
		}
		y[n-1] = int64(c.Classes) // none
		in = append(in, tensor.Of(y, n))
	case flow.Vector:
		drop := tensor.New(tensor.Float32, n, 1)
		for i := range n {
			drop.Float32()[i] = float32((i + int(salt)) % 2)
		}
		in = append(in, draw(2, n, c.Width), drop)
	}
	return in
}
