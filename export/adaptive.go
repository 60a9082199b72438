package export

import (
	"math"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/solver"
)

// The adaptive solver of graphs is the pair 3(2) of Bogacki and Shampine [BS89]: k_2 and k_3 at 1/2 and 3/4 of the step, the end y, whose derivative is the next
// step's first, and h Σ E k as the error of y.
var bosh3 = solver.Bosh3

// The controller of step lengths is that of runtime/solver: after a step with error e (in tolerances), the one before with e', the next is
// h · 0.9 · e^−(1/3 − 3/4 β) · e'^β, β = 0.2/3, within a fifth and ten times, and not longer right after a rejected one.
const (
	safety    = 0.9
	beta      = 0.2 / 3
	alpha     = 1./3 - 0.75*beta
	least     = 0.2
	most      = 10.0
	leastSeen = 1e-4 // an e' below does not lengthen steps further
	stretch   = 1.01 // a step this near to t = 1 goes there
	firstStep = 0.01
	maxTries  = 3333 // steps tried: 10,000 evaluations
)

// rowState is what each row carries through the loop.
type rowState struct {
	t, h     *graph.Value // [N 1]: time, length of the next step
	x, k     *graph.Value // [N D...]: state and its derivative
	before   *graph.Value // [N 1]: error of the last accepted step
	rejected *graph.Value // bool [N 1]: the last step was
	nfe      *graph.Value // int64 [N 1]: evaluations so far
}

func (s rowState) list() []*graph.Value {
	return []*graph.Value{s.t, s.h, s.x, s.k, s.before, s.rejected, s.nfe}
}

func stateOf(v []*graph.Value) rowState { return rowState{v[0], v[1], v[2], v[3], v[4], v[5], v[6]} }

// adaptive adds a Loop in which every row of x takes steps of its own from t = 0 to 1, so that the root mean square over its columns of their error over
// tolerance·(1 + |x|) stays below 1. Rows that are there wait; the Loop ends with the last of them. A row that needs too many steps comes out as NaN. evaluations is
// int64 [N].
func adaptive(b *graph.Builder, f equation, x, tolerance *graph.Value) (end, evaluations *graph.Value) {
	var start rowState
	b.Scope("start", func() { start = firstState(b, f, x) })
	body := b.Sub("try", func(s *graph.Builder) {
		s.SubInput("try_number", graph.Type{DType: tensor.Int64, Shape: graph.Shape{}})
		s.SubInput("go_on", graph.Type{DType: tensor.Bool, Shape: graph.Shape{}})
		var in []*graph.Value
		for i, v := range start.list() {
			in = append(in, s.SubInput([]string{"t", "h", "x", "k", "before", "rejected", "evaluations"}[i], v.Type))
		}
		next := try(s, f, stateOf(in), tolerance)
		late := castTo(s, s.Op("Less", nil, next.t, s.Scalar(tensor.Float32, 1)), tensor.Float32)
		s.Output("go_on.next", s.Op("Greater", nil, s.ReduceSum(late, false), s.Scalar(tensor.Float32, 0)))
		for i, v := range next.list() {
			s.Output(in[i].Name+".next", v)
		}
	})
	in := append([]*graph.Value{b.Scalar(tensor.Int64, maxTries), b.NamedConst("true", tensor.Scalar(true))}, start.list()...)
	out := stateOf(b.OpN("Loop", graph.Attrs{"body": body}, len(in)-2, in...))
	there := column(b, b.Op("GreaterOrEqual", nil, out.t, b.Scalar(tensor.Float32, 1)), out.x)
	return b.Op("Where", nil, there, out.x, b.Scalar(tensor.Float32, math.NaN())), b.Reshape(out.nfe, b.Ints(-1))
}

// firstState is that of rows at t = 0.
func firstState(b *graph.Builder, f equation, x *graph.Value) rowState {
	rows := b.Concat(0, b.Op("Shape", graph.Attrs{"start": int64(0), "end": int64(1)}, x), b.Ints(1))
	each := func(t tensor.Tensor) *graph.Value { return b.Op("Expand", nil, b.Const(t), rows) }
	t := each(tensor.Scalar(float32(0)))
	return rowState{
		t: t, h: each(tensor.Scalar(float32(firstStep))), x: x, k: f.at(b, x, t), before: each(tensor.Scalar(float32(leastSeen))),
		rejected: each(tensor.Scalar(false)), nfe: each(tensor.Scalar(int64(1))),
	}
}

// try tries a step of every row and takes it where its error allows. Steps of rows that have arrived have length 0.
func try(b *graph.Builder, f equation, s rowState, tolerance *graph.Value) rowState {
	float := func(v float64) *graph.Value { return b.Scalar(tensor.Float32, v) }
	left := b.Subtract(float(1), s.t)
	near := b.Op("GreaterOrEqual", nil, b.Scale(s.h, stretch), left)
	h := b.Op("Where", nil, near, left, s.h)
	end := b.Op("Where", nil, near, float(1), b.Add(s.t, s.h))
	wide := column(b, h, s.x)

	k := []*graph.Value{s.k}
	stage := func(c float64) {
		y := b.Add(s.x, b.Mul(b.Scale(wide, c), k[len(k)-1]))
		k = append(k, f.at(b, y, b.Add(s.t, b.Scale(h, c))))
	}
	b.Scope("stage.1", func() { stage(bosh3.C[1]) })
	b.Scope("stage.2", func() { stage(bosh3.C[2]) })
	y := b.Add(s.x, b.Mul(wide, weighted(b, k, bosh3.A[3])))
	b.Scope("stage.3", func() { k = append(k, f.at(b, y, end)) })

	var e, accept, factor *graph.Value
	b.Scope("error", func() {
		size := b.Op("Max", nil, b.Op("Abs", nil, s.x), b.Op("Abs", nil, y))
		e = b.Div(b.Mul(wide, weighted(b, k, bosh3.E)), b.Mul(tolerance, b.Shift(size, 1)))
		e = b.Op("Flatten", nil, e)
		e = b.Op("Sqrt", nil, b.ReduceMean(b.Mul(e, e), true, 1))
		e = b.Op("Where", nil, b.Op("LessOrEqual", nil, e, float(1e30)), e, float(1e30)) // a step out of the field's domain is one too long
		going := b.Op("Greater", nil, left, float(0))
		accept = b.Op("And", nil, going, b.Op("LessOrEqual", nil, e, float(1)))
		s.nfe = b.Add(s.nfe, b.Mul(castTo(b, going, tensor.Int64), b.Scalar(tensor.Int64, 3)))
	})
	b.Scope("control", func() {
		power := b.Scale(b.Op("Pow", nil, b.Op("Max", nil, e, float(1e-16)), float(-alpha)), safety)
		longest := b.Op("Where", nil, s.rejected, float(1), float(most))
		grow := b.Op("Min", nil, b.Mul(power, b.Op("Pow", nil, s.before, float(beta))), longest)
		factor = b.Op("Max", nil, b.Op("Where", nil, accept, grow, power), float(least))
	})
	taken := column(b, accept, s.x)
	return rowState{
		t: b.Op("Where", nil, accept, end, s.t), h: b.Mul(h, factor), x: b.Op("Where", nil, taken, y, s.x), k: b.Op("Where", nil, taken, k[3], s.k),
		before: b.Op("Where", nil, accept, b.Op("Max", nil, e, float(leastSeen)), s.before), rejected: b.Op("Not", nil, accept), nfe: s.nfe,
	}
}

// weighted is Σ c_i k_i.
func weighted(b *graph.Builder, k []*graph.Value, c []float64) *graph.Value {
	sum := b.Scale(k[0], c[0])
	for i, ci := range c[1:] {
		sum = b.Add(sum, b.Scale(k[i+1], ci))
	}
	return sum
}

// column gives a value of each row, [N 1], as many dimensions as x has.
func column(b *graph.Builder, v, x *graph.Value) *graph.Value {
	rank := len(x.Type.Shape)
	if rank == 2 {
		return v
	}
	shape := []int{-1, 1}
	for range rank - 2 {
		shape = append(shape, 1)
	}
	return b.Reshape(v, b.Ints(shape...))
}
