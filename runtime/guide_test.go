package runtime_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/solver"
)

var _ runtime.VelocityField = (*runtime.Guided)(nil)

// formula is a field given by a formula of one number, its time and its label, which counts the rows it is asked for.
type formula struct {
	u    func(x, t float32, y int64) float32
	drop float64
	rows int
}

func (f *formula) Spec() flow.Spec {
	return spec(flow.Condition{Kind: flow.Labels, Classes: 2, Drop: f.drop}, 1)
}

func (f *formula) Velocity(_ context.Context, dst, x, t, y tensor.Tensor) error {
	f.rows += x.Dim(0)
	for i, v := range x.Float32() {
		dst.Float32()[i] = f.u(v, t.Float32()[min(i, t.Len()-1)], y.Int64()[i])
	}
	return nil
}

// curved is not linear in x nor in its label.
func curved(x, t float32, y int64) float32 {
	return float32(math.Sin(float64(x)*float64(y+1)) + float64(y*y)*float64(t))
}

func guide(t *testing.T, f runtime.VelocityField, g runtime.Guidance) *runtime.Guided {
	t.Helper()
	out, err := runtime.Guide(f, g)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Guidance mixes velocities, at every stage of every step: what a solver by hand does with u_∅ + w (u_y − u_∅) at each stage is what the sampler does
// with the guided field. Mixing the samples of both conditions, or guiding the first stage alone, gives another answer.
func TestGuidanceAtEveryStage(t *testing.T) {
	const w, steps = 2.5, 4
	mixed := func(x, at float32) float32 { o, y := curved(x, at, 2), curved(x, at, 1); return o + w*(y-o) }
	for _, m := range []solver.Tableau{solver.Midpoint, solver.Heun} {
		byHand := func(field func(stage int, x, at float32) float32) float32 {
			z := noiseOf(1)
			for k := range steps {
				at, h := float32(k)/steps, float32(1)/steps
				k0 := field(0, z, at)
				k1 := field(1, z+h*float32(m.C[1])*k0, at+h*float32(m.C[1]))
				z += h * (float32(m.B[0])*k0 + float32(m.B[1])*k1)
			}
			return z*2 + 10 // data units of spec
		}
		f := &formula{u: curved, drop: 0.1}
		got := tensor.New(tensor.Float32, 1, 1)
		s := runtime.Sampler{Field: guide(t, f, runtime.Guidance{Weight: w}), Steps: steps, Method: m, Seed: 7}
		if _, err := s.Sample(t.Context(), got, tensor.Of([]int64{1}, 1)); err != nil {
			t.Fatal(err)
		}
		g, want := got.Float32()[0], byHand(func(_ int, x, at float32) float32 { return mixed(x, at) })
		if math.Abs(float64(g-want)) > 1e-5 {
			t.Errorf("%s: %g, by hand %g", m.Name, g, want)
		}
		if f.rows != steps*2*2 {
			t.Errorf("%s: %d rows evaluated, want both branches at %d stages", m.Name, f.rows, steps*2)
		}
		first := byHand(func(stage int, x, at float32) float32 {
			if stage == 0 {
				return mixed(x, at)
			}
			return curved(x, at, 1)
		})
		o, y := byHand(func(_ int, x, at float32) float32 { return curved(x, at, 2) }), byHand(func(_ int, x, at float32) float32 { return curved(x, at, 1) })
		for mistake, other := range map[string]float32{"the first stage alone": first, "samples instead of velocities": o + w*(y-o)} {
			if math.Abs(float64(g-other)) < 0.05 {
				t.Errorf("%s: guiding %s gives the same, %g: the test shows nothing", m.Name, mistake, other)
			}
		}
	}
}

// noiseOf is the first number of the noise that samplers of seed 7 start from.
func noiseOf(rows int) float32 {
	x := tensor.New(tensor.Float32, rows, 1)
	f := &formula{u: func(float32, float32, int64) float32 { return 0 }}
	_, _ = runtime.Sampler{Field: f, Steps: 1, Seed: 7}.Sample(context.Background(), x, tensor.New(tensor.Int64, rows))
	return (x.Float32()[0] - 10) / 2
}

// The rows a sampler evaluates are as predicted: twice as many within the interval, as many outside and with weight 1, none before ZeroUntil.
func TestGuidanceCost(t *testing.T) {
	const n, steps = 3, 20
	for name, c := range map[string]struct {
		g    runtime.Guidance
		want int
	}{
		"weight 1":           {runtime.Guidance{Weight: 1}, n * steps},
		"everywhere":         {runtime.Guidance{Weight: 3}, 2 * n * steps},
		"unconditional":      {runtime.Guidance{}, n * steps},
		"fitted to u_y":      {runtime.Guidance{Optimal: true}, 2 * n * steps},
		"a quarter":          {runtime.Guidance{Weight: 3, Lo: 0.5, Hi: 0.75}, n*steps + n*steps/4},
		"from the middle":    {runtime.Guidance{Weight: 3, Lo: 0.5}, n*steps + n*steps/2},
		"two zero steps":     {runtime.Guidance{Weight: 3, Optimal: true, ZeroUntil: 2. / steps}, 2 * n * (steps - 2)},
		"rows of 1":          {runtime.Guidance{Weights: []float64{1, 1, 1}}, n * steps},
		"rows of 0 and 1":    {runtime.Guidance{Weights: []float64{1, 0, 1}}, n * steps},
		"one row of another": {runtime.Guidance{Weights: []float64{1, 2, 1}}, 2 * n * steps},
	} {
		f := &formula{u: curved, drop: 0.1}
		g := guide(t, f, c.g)
		if _, err := (runtime.Sampler{Field: g, Steps: steps}).Sample(t.Context(), tensor.New(tensor.Float32, n, 1), tensor.Of([]int64{0, 1, 1}, n)); err != nil {
			t.Fatal(err)
		}
		if f.rows != c.want || g.Rows() != uint64(c.want) {
			t.Errorf("%s: %d rows evaluated, said %d, want %d", name, f.rows, g.Rows(), c.want)
		}
	}
}

// Each form of guidance is its formula, row by row, with one time and with a time for each row, which may lie on different sides of the interval.
func TestGuidanceFormulas(t *testing.T) {
	m := open(t, spec(flow.Condition{Kind: flow.Labels, Classes: 3, Drop: 0.1}, 3))
	v := open(t, spec(flow.Condition{Kind: flow.Vector, Width: 2, Drop: 0.1}, 3))
	x := tensor.Of([]float32{0.3, -1, 0.5, 1, 0, -0.2}, 2, 3)
	eval := func(f runtime.VelocityField, at, y tensor.Tensor) []float32 {
		t.Helper()
		u := tensor.New(tensor.Float32, 2, 3)
		if err := f.Velocity(t.Context(), u, x, at, y); err != nil {
			t.Fatal(err)
		}
		return u.Float32()
	}
	for name, c := range map[string]struct {
		field *runtime.Model
		y     tensor.Tensor
	}{
		"labels":  {m, tensor.Of([]int64{1, 2}, 2)},
		"vectors": {v, tensor.Of([]float32{1, -1, 0.5, 2}, 2, 2)},
		"marked":  {v, tensor.Of([]float32{1, -1, 0, 0.5, 2, 0}, 2, 3)},
	} {
		for form, g := range map[string]runtime.Guidance{
			"plain": {Weight: 3}, "rows": {Weights: []float64{2, -1}}, "none": {}, "none and all": {Weights: []float64{0, 1}}, "none, fitted": {Optimal: true}, "interval": {Weight: 3, Lo: 0.5, Hi: 0.7}, "rescaled": {Weight: 3, Rescale: 0.7},
			"optimal": {Weight: 3, Optimal: true}, "zero": {Weight: 3, ZeroUntil: 0.5}, "all": {Weight: 3, Optimal: true, Rescale: 1, Lo: 0.3, Hi: 0.9, ZeroUntil: 0.2},
		} {
			for _, at := range []tensor.Tensor{tensor.Of([]float32{0.6}, 1, 1), tensor.Of([]float32{0.4, 0.6}, 2, 1), tensor.Of([]float32{0.1}, 1, 1)} {
				got, with, without := eval(guide(t, c.field, g), at, c.y), eval(c.field, at, c.y), eval(c.field, at, tensor.Tensor{})
				for i := range 2 {
					want := byFormula(g, i, at.Float32()[min(i, at.Len()-1)], with[3*i:3*i+3], without[3*i:3*i+3])
					for j, w := range want {
						if math.Abs(float64(got[3*i+j])-w) > 1e-5*(1+math.Abs(w)) {
							t.Errorf("%s, %s, t %v, row %d: %v, want %v", name, form, at.Float32(), i, got[3*i:3*i+3], want)
						}
					}
				}
			}
		}
	}
}

// byFormula is the textbook's guidance of one row.
func byFormula(g runtime.Guidance, row int, at float32, y, o []float32) []float64 {
	out, s, w := make([]float64, 3), 1.0, g.Weight
	if g.Weights != nil {
		w = g.Weights[row]
	}
	if at < float32(g.Lo) || g.Hi > 0 && at >= float32(g.Hi) {
		w = 1
	}
	var yo, oo, yy, uu float64
	for j := range out {
		yo, oo, yy = yo+float64(y[j])*float64(o[j]), oo+float64(o[j])*float64(o[j]), yy+float64(y[j])*float64(y[j])
	}
	if g.Optimal {
		s = yo / oo
	}
	for j := range out {
		out[j] = (1-w)*s*float64(o[j]) + w*float64(y[j])
		uu += out[j] * out[j]
	}
	k := 1.0
	switch {
	case float64(at) < g.ZeroUntil:
		k = 0
	case w != 1:
		k = 1 - g.Rescale + g.Rescale*math.Sqrt(yy/uu)
	}
	for j := range out {
		out[j] *= k
	}
	return out
}

// A row does not depend on the rows beside it, and a repeated call allocates nothing.
func TestGuidanceRowsAndMemory(t *testing.T) {
	m := open(t, spec(flow.Condition{Kind: flow.Labels, Classes: 3, Drop: 0.1}, 2))
	g := guide(t, m, runtime.Guidance{Weight: 2, Rescale: 0.5, Optimal: true})
	draw := func(batch int) []float32 {
		dst, y := tensor.New(tensor.Float32, 9, 2), tensor.Of([]int64{0, 1, 2, 0, 1, 2, 3, 3, 0}, 9)
		if _, err := (runtime.Sampler{Field: g, Steps: 3, Batch: batch}).Sample(t.Context(), dst, y); err != nil {
			t.Fatal(err)
		}
		return dst.Float32()
	}
	if whole := draw(9); !slices.Equal(whole, draw(2)) {
		t.Error("the batch changes guided samples")
	}
	x, u, at, y := tensor.New(tensor.Float32, 5, 2), tensor.New(tensor.Float32, 5, 2), tensor.Full(float32(0.5), 1, 1), tensor.New(tensor.Int64, 5)
	ctx := context.Background()
	if n := testing.AllocsPerRun(20, func() {
		if err := g.Velocity(ctx, u, x, at, y); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}

// Each row has its own weight, whatever the batches, by given steps and by steps of the rows' own, on the path of training and on another: a row is what it is
// when all have its weight.
func TestGuidanceOfEachRow(t *testing.T) {
	m := open(t, spec(flow.Condition{Kind: flow.Labels, Classes: 3, Drop: 0.1}, 2))
	weights := []float64{1, 2, 0, -1, 3, 1, 0.5, 2, 0, 4, 1, 2}
	y := tensor.Of([]int64{0, 1, 2, 0, 1, 2, 3, 3, 0, 1, 1, 2}, 12)
	draw := func(s runtime.Sampler, g runtime.Guidance, elsewhere bool) []float32 {
		t.Helper()
		s.Field = guide(t, m, g)
		if elsewhere {
			var err error
			if s.Field, err = runtime.Reschedule(s.Field, parse(t, "cosine")); err != nil {
				t.Fatal(err)
			}
		}
		dst := tensor.New(tensor.Float32, 12, 2)
		if _, err := s.Sample(t.Context(), dst, y); err != nil {
			t.Fatal(err)
		}
		return dst.Float32()
	}
	for name, s := range map[string]runtime.Sampler{
		"one batch": {Steps: 4}, "batches": {Steps: 4, Batch: 5, Method: solver.Heun}, "own steps": {Adaptive: &solver.Adaptive{RTol: 1e-3, ATol: 1e-3}},
		"batches of own steps": {Adaptive: &solver.Adaptive{RTol: 1e-3, ATol: 1e-3}, Batch: 9}, "noise": {Steps: 4, SDE: &runtime.SDE{}, Batch: 5},
	} {
		for _, elsewhere := range []bool{false, true} {
			got := draw(s, runtime.Guidance{Weights: weights}, elsewhere)
			for i, w := range weights {
				if want := draw(s, runtime.Guidance{Weight: w}, elsewhere)[2*i : 2*i+2]; !slices.Equal(got[2*i:2*i+2], want) {
					t.Errorf("%s, elsewhere %v: row %d is %v, with all weights %g %v", name, elsewhere, i, got[2*i:2*i+2], w, want)
				}
			}
		}
	}
	s := runtime.Sampler{Field: guide(t, m, runtime.Guidance{Weights: weights}), Steps: 2, Batch: 4}
	if _, err := s.Sample(t.Context(), tensor.New(tensor.Float32, 4, 2), tensor.New(tensor.Int64, 4)); err == nil || !strings.Contains(err.Error(), "12 weights of 4 rows") {
		t.Errorf("12 weights of 4 rows: %v", err)
	}
	for _, err := range (runtime.Sampler{Field: s.Field, Adaptive: &solver.Adaptive{}, Steps: 2}).Trajectory(t.Context(), 12, y) {
		if err != nil {
			t.Error(err)
		}
	}
}

// Guidance that cannot be is refused with what to do.
func TestGuidanceRefuses(t *testing.T) {
	labels := flow.Condition{Kind: flow.Labels, Classes: 2, Drop: 0.1}
	dropped := &formula{u: curved, drop: 0.1}
	for name, c := range map[string]struct {
		field runtime.VelocityField
		g     runtime.Guidance
		want  string
	}{
		"no condition":       {open(t, spec(flow.Condition{Kind: flow.Unconditional}, 1)), runtime.Guidance{Weight: 2}, "without condition"},
		"no drop-out":        {&formula{u: curved}, runtime.Guidance{Weight: 2}, "--label-drop"},
		"no number":          {dropped, runtime.Guidance{Weight: math.NaN()}, "numbers"},
		"no number in a row": {dropped, runtime.Guidance{Weights: []float64{1, math.Inf(1)}}, "numbers"},
		"falling interval":   {dropped, runtime.Guidance{Lo: 0.5, Hi: 0.2}, "times that rise"},
		"share of two":       {dropped, runtime.Guidance{Rescale: 2}, "share"},
		"zero for ever":      {dropped, runtime.Guidance{ZeroUntil: 1}, "below 1"},
	} {
		if _, err := runtime.Guide(c.field, c.g); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want a word about %q", name, err, c.want)
		}
	}
	x, at := tensor.New(tensor.Float32, 2, 1), tensor.New(tensor.Float32, 1, 1)
	for name, c := range map[string]struct {
		y tensor.Tensor
		g runtime.Guidance
	}{
		"towards nothing": {tensor.Tensor{}, runtime.Guidance{Weight: 2}},
		"one for two":     {tensor.New(tensor.Int64, 1), runtime.Guidance{Weight: 2}},
		"three weights":   {tensor.New(tensor.Int64, 2), runtime.Guidance{Weights: []float64{1, 2, 3}}},
	} {
		if err := guide(t, open(t, spec(labels, 1)), c.g).Velocity(t.Context(), x.Clone(), x, at, c.y); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	v := open(t, spec(flow.Condition{Kind: flow.Vector, Width: 1}, 1))
	if err := v.Velocity(t.Context(), x.Clone(), x, at, tensor.Of([]float32{1, 0, 1, 0.5}, 2, 2)); err == nil {
		t.Error("a condition half left out: accepted")
	}
}

// Guidance and a change of schedule wrap each other in either order: both are linear in velocities, so the samples are the same.
func TestGuidanceOfAnotherSchedule(t *testing.T) {
	m := open(t, spec(flow.Condition{Kind: flow.Vector, Width: 1, Drop: 0.1}, 2))
	cosine := parse(t, "cosine")
	draw := func(f runtime.VelocityField, err error) []float32 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		dst := tensor.New(tensor.Float32, 4, 2)
		if _, err := (runtime.Sampler{Field: f, Steps: 10, Seed: 1}).Sample(t.Context(), dst, tensor.Of([]float32{1, -1, 0.5, 2}, 4, 1)); err != nil {
			t.Fatal(err)
		}
		return dst.Float32()
	}
	other, err := runtime.Reschedule(m, cosine)
	if err != nil {
		t.Fatal(err)
	}
	g := runtime.Guidance{Weight: 3}
	inside, outside, none := draw(runtime.Reschedule(guide(t, m, g), cosine)), draw(runtime.Guide(other, g)), draw(other, nil)
	if d := worst32(inside, outside); d > 2e-3 { // of numbers in the hundreds
		t.Errorf("guided before the change of schedule and after it: %g apart", d)
	}
	if worst32(inside, none) < 0.1 {
		t.Error("guidance does nothing here: the test shows nothing")
	}
}
