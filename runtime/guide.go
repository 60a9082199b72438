package runtime

import (
	"context"
	"fmt"
	"math"
	"slices"

	"fmtool/models/flow"
	"fmtool/models/tensor"
)

// Guidance is how far a field is pushed towards its condition. The zero value is weight 0, the unconditional field.
type Guidance struct {
	// Weight is w of classifier-free guidance [HO22], u = u_∅ + w (u_y − u_∅): 1 is the field itself, at the price of one evaluation.
	Weight float64
	// Weights are one w for each row instead of Weight: of all the rows that a Sampler draws, whatever its batches and its steps.
	Weights []float64
	// Lo and Hi bound the times lo ≤ t < hi of guidance [KY24]; Hi 0 or 1: to the end. At other times the field is u_y, at half the price.
	Lo, Hi float64
	// Rescale is φ of [LIN24], which shrinks what guidance has stretched: u ← (1 − φ + φ ‖u_y‖/‖u‖) u, row by row. There the model's output is
	// matched by its standard deviation, here the velocity by its root mean square, as a mean over a few columns of a table says nothing.
	Rescale float64
	// Optimal replaces u_∅ by s* u_∅ with s* = ⟨u_y, u_∅⟩/‖u_∅‖², row by row: CFG-Zero* [FA25].
	Optimal bool
	// ZeroUntil is the time before which the velocity is 0, without an evaluation: the first steps of CFG-Zero* [FA25], k of n by k/n.
	ZeroUntil float64
}

// Check refuses settings that mean nothing.
func (g Guidance) Check() error {
	absurd := func(w float64) bool { return !(math.Abs(w) <= 1e6) } // NaN is
	switch hi := g.hi(); {
	case absurd(g.Weight) || slices.ContainsFunc(g.Weights, absurd):
		return fmt.Errorf("runtime: guidance by %g, of rows by %v: want numbers of at most a million", g.Weight, g.Weights)
	case !(g.Lo >= 0 && g.Lo < hi && hi <= 1):
		return fmt.Errorf("runtime: guidance from t = %g to %g: want times that rise within 0 to 1", g.Lo, hi)
	case !(g.Rescale >= 0 && g.Rescale <= 1):
		return fmt.Errorf("runtime: guidance rescaled by %g: want a share from 0 to 1", g.Rescale)
	case !(g.ZeroUntil >= 0 && g.ZeroUntil < 1):
		return fmt.Errorf("runtime: guidance with zero velocity until t = %g: want a time from 0, below 1", g.ZeroUntil)
	}
	return nil
}

func (g Guidance) hi() float64 {
	if g.Hi == 0 {
		return 1
	}
	return g.Hi
}

// within tells whether t lies in the interval of guidance.
func (g Guidance) within(t float32) bool {
	return t >= float32(g.Lo) && (g.hi() == 1 || t < float32(g.hi()))
}

func (g Guidance) zero(t float32) bool { return t < float32(g.ZeroUntil) }

// single tells whether one branch gives the velocity of weight w: u_y for 1, and u_∅ for 0 where nothing is fitted to u_y.
func (g Guidance) single(w float64) bool { return w == 1 || w == 0 && !g.Optimal && g.Rescale == 0 }

// Guided is a field with guidance. It is itself a VelocityField, so that whoever integrates it mixes velocities at every stage of every step.
type Guided struct {
	field      VelocityField
	g          Guidance
	x, t, y, u tensor.Tensor // both branches: N rows with the condition, then N without
	each       tensor.Tensor // one branch of each row: its condition, or none
	rows       uint64
	job        job
}

// job is which rows of how many calls are about: those from first on, or those picked, counted from first, the last of which stands in for all beyond.
type job struct {
	total, first int // no total: of as many rows as the call has
	picked       []int
}

// rowwise is a field with settings for each row of a job, which has to be told what rows it sees.
type rowwise interface{ about(j job) error }

// about tells a field which rows it sees from now on, if it wants to know.
func about(f VelocityField, j job) error {
	if r, ok := f.(rowwise); ok {
		return r.about(j)
	}
	return nil
}

func (g *Guided) about(j job) error {
	if w := len(g.g.Weights); w > 0 && j.total > 0 && w != j.total {
		return fmt.Errorf("runtime: guidance by %d weights of %d rows: give one a row", w, j.total)
	}
	g.job = j
	return nil
}

// weight is w of row i of a call at time t: 1 outside the interval.
func (g *Guided) weight(i int, t float32) float64 {
	switch {
	case !g.g.within(t):
		return 1
	case g.g.Weights == nil:
		return g.g.Weight
	case g.job.picked != nil:
		i = g.job.picked[min(i, len(g.job.picked)-1)]
	}
	return g.g.Weights[g.job.first+i]
}

// Guide wraps a conditional field. It refuses a model without condition and one that was trained without dropping it, whose unconditional
// branch means nothing.
func Guide(f VelocityField, g Guidance) (*Guided, error) {
	c := f.Spec().Condition
	if c.Kind == flow.Unconditional {
		return nil, fmt.Errorf("runtime: guidance on a model without condition: train one with labels or a condition, or leave guidance out")
	}
	if c.Drop == 0 {
		return nil, fmt.Errorf("runtime: guidance on a model that was trained without label drop-out, or whose file does not tell: " +
			"train it with --label-drop 0.1 and export it again")
	}
	return &Guided{field: f, g: g}, g.Check()
}

// Spec is the field's.
func (g *Guided) Spec() flow.Spec { return g.field.Spec() }

// Rows is the number of rows at which the wrapped field was evaluated so far.
func (g *Guided) Rows() uint64 { return g.rows }

// branches is how many evaluations the rows of a call need.
type branches int

const (
	noBranch     branches = iota // all keep still
	givenBranch                  // with the condition, N rows
	oneBranch                    // some with and some without it, N rows
	bothBranches                 // both for some row, 2N rows
)

// Velocity implements VelocityField. Where a row needs both branches it evaluates them as one batch of 2N rows; otherwise N rows, or none. Repeating
// a call on tensors of the same shapes allocates nothing.
func (g *Guided) Velocity(ctx context.Context, dst, x, t, y tensor.Tensor) error {
	n, err := g.check(x, t, y)
	if err != nil {
		return err
	}
	need := g.need(n, t.Float32())
	switch need {
	case noBranch:
		clear(dst.Float32())
		return nil
	case bothBranches:
		g.rows += uint64(2 * n)
		g.stack(n, x, t, y)
		err = g.field.Velocity(ctx, g.u, g.x, g.t, g.y)
	default:
		g.rows += uint64(n)
		if need == oneBranch {
			y = g.pick(n, t.Float32(), y)
		}
		err = g.field.Velocity(ctx, dst, x, t, y)
	}
	if err != nil {
		return err
	}
	g.combine(dst.Float32(), t.Float32(), need == bothBranches)
	return nil
}

func (g *Guided) check(x, t, y tensor.Tensor) (n int, err error) {
	c := g.Spec().Condition
	if x.DType() != tensor.Float32 || x.Rank() < 1 || t.DType() != tensor.Float32 || t.Len() != 1 && t.Len() != x.Dim(0) {
		return 0, fmt.Errorf("runtime: guidance of x %v at t %v, want float32 [N …] at [1 1] or [N 1]", x, t)
	}
	n = x.Dim(0)
	labels := c.Kind == flow.Labels && y.DType() == tensor.Int64 && y.Rank() == 1
	vectors := c.Kind == flow.Vector && y.DType() == tensor.Float32 && y.Rank() == 2 && (y.Dim(1) == c.Width || y.Dim(1) == c.Width+1)
	if !labels && !vectors || y.Dim(0) != n {
		return n, fmt.Errorf("runtime: guidance towards %v of %d rows of a model with %s: give each row its condition", y, n, c.Kind)
	}
	if w := len(g.g.Weights); w > 0 && g.job.total == 0 && w != n {
		return n, fmt.Errorf("runtime: guidance by %d weights of %d rows: give one a row", w, n)
	}
	return n, nil
}

// need is what the rows that move need.
func (g *Guided) need(n int, t []float32) branches {
	most := noBranch
	for i := range n {
		at := t[min(i, len(t)-1)]
		if g.g.zero(at) {
			continue
		}
		switch w := g.weight(i, at); {
		case !g.g.single(w):
			return bothBranches
		case w == 0:
			most = oneBranch
		default:
			most = max(most, givenBranch)
		}
	}
	return most
}

// pick is the condition of each row of weight 1, and none for the others.
func (g *Guided) pick(n int, t []float32, y tensor.Tensor) tensor.Tensor {
	c := g.Spec().Condition
	if c.Kind == flow.Labels {
		if g.each.IsZero() || g.each.Dim(0) != n {
			g.each = tensor.New(tensor.Int64, n)
		}
		copy(g.each.Int64(), y.Int64())
	} else {
		if g.each.IsZero() || g.each.Dim(0) != n {
			g.each = tensor.New(tensor.Float32, n, c.Width+1)
		}
		marked(g.each.Float32(), y, c.Width)
	}
	for i := range n {
		if g.weight(i, t[min(i, len(t)-1)]) == 1 {
			continue
		}
		if c.Kind == flow.Labels {
			g.each.Int64()[i] = int64(c.Classes)
		} else {
			g.each.Float32()[i*(c.Width+1)+c.Width] = 1
		}
	}
	return g.each
}

// marked copies vectors [N, width or width + 1] to rows that end in a mark, 0 where the vectors have none.
func marked(rows []float32, y tensor.Tensor, width int) {
	given := y.Dim(1)
	for i := range y.Dim(0) {
		row := rows[i*(width+1) : (i+1)*(width+1)]
		row[width] = 0
		copy(row, y.Float32()[i*given:(i+1)*given])
	}
}

// stack fills the batch of both branches.
func (g *Guided) stack(n int, x, t, y tensor.Tensor) {
	c := g.Spec().Condition
	if g.x.IsZero() || g.x.Dim(0) != 2*n {
		shape := slices.Clone(x.Shape())
		shape[0] = 2 * n
		g.x, g.u = tensor.New(tensor.Float32, shape...), tensor.New(tensor.Float32, shape...)
		switch c.Kind {
		case flow.Labels:
			g.y = tensor.Full(int64(c.Classes), 2*n)
		case flow.Vector:
			g.y = tensor.New(tensor.Float32, 2*n, c.Width+1)
		}
	}
	if times := 2 * t.Len(); times == 2 {
		g.t = t
	} else if g.t.IsZero() || g.t.Dim(0) != times {
		g.t = tensor.New(tensor.Float32, times, 1)
	}
	twice(g.x.Float32(), x.Float32())
	if t.Len() > 1 {
		twice(g.t.Float32(), t.Float32())
	}
	if c.Kind == flow.Labels {
		copy(g.y.Int64(), y.Int64())
		return
	}
	marked(g.y.Float32(), y, c.Width)
	for i := range n {
		g.y.Float32()[(n+i+1)*(c.Width+1)-1] = 1
	}
}

func twice(dst, v []float32) { copy(dst[copy(dst, v):], v) }

// combine writes each row's velocity from both branches, or leaves what the field wrote into dst if there was but one.
func (g *Guided) combine(dst, t []float32, both bool) {
	dim := g.Spec().Dim()
	for i := range len(dst) / dim {
		at, row := t[min(i, len(t)-1)], dst[i*dim:(i+1)*dim]
		if g.g.zero(at) {
			clear(row)
			continue
		}
		if !both {
			continue
		}
		u := g.u.Float32()
		with, without := u[i*dim:(i+1)*dim], u[len(u)/2+i*dim:][:dim]
		if w := g.weight(i, at); w == 1 {
			copy(row, with)
		} else {
			g.g.mix(row, with, without, w)
		}
	}
}

// mix writes s u_∅ + w (u_y − s u_∅), rescaled; s is 1 or s*.
func (g Guidance) mix(dst, with, without []float32, w float64) {
	s := 1.0
	if g.Optimal {
		if square := dot(without, without); square > 0 {
			s = dot(with, without) / square
		}
	}
	for j := range dst {
		o := s * float64(without[j])
		dst[j] = float32(o + w*(float64(with[j])-o))
	}
	if square := dot(dst, dst); g.Rescale > 0 && square > 0 {
		k := 1 - g.Rescale + g.Rescale*math.Sqrt(dot(with, with)/square)
		for j := range dst {
			dst[j] = float32(k * float64(dst[j]))
		}
	}
}

func dot(x, y []float32) float64 {
	sum := 0.0
	for i := range x {
		sum += float64(x[i]) * float64(y[i])
	}
	return sum
}
