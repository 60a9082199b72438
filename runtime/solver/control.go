package solver

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// ErrSteps is that of a row whose tolerance asks for more evaluations than allowed, or for steps too short.
var ErrSteps = errors.New("the tolerance asks for more than the method can give")

// The controller of step lengths is that of DOPRI5 [HNW93]: after a step with error e, the one before with e',
//
//	h ← h · safety · e^−(1/q − 3/4 β) · e'^β,   q = Order or EBase, the lower, plus 1;   β = memory/q
//
// within least and most, and not longer right after a rejected step. A rejected one is tried again as h · safety · e^−(1/q − 3/4 β), at least h · least.
const (
	safety   = 0.9
	memory   = 0.2 // β = 0.04 for order 5
	least    = 0.2
	most     = 10.0
	minError = 1e-4 // errors e' below do not lengthen steps further
	stretch  = 1.01 // a step this near to the target goes there
)

// judge decides on row r's step of error e, in tolerances, and on the length of the next. An error that is no number rejects.
func (b *batch) judge(r int, e float64) (accept bool) {
	w, m := &b.row[r], b.a.Method
	q := float64(min(m.Order, m.EBase) + 1)
	beta := memory / q
	alpha := 1/q - 0.75*beta
	h := w.end - w.t
	if !(e <= 1) {
		w.h, w.rejected = h*max(least, safety*math.Pow(e, -alpha)), true
		if math.IsNaN(e) || math.IsInf(e, 0) {
			w.h = h * least
		}
		return false
	}
	factor := min(most, max(least, safety*math.Pow(max(e, 1e-16), -alpha)*math.Pow(w.before, beta)))
	if w.rejected {
		factor = min(factor, 1)
	}
	if !w.clipped || math.Abs(h*factor) > math.Abs(w.h) {
		w.h = h * factor
	}
	w.t, w.before, w.rejected = w.end, max(e, minError), false
	return true
}

// aim sets the end of row r's next step, at most target.
func (b *batch) aim(r int, target float64) error {
	w := &b.row[r]
	left := target - w.t
	if w.evaluations+len(b.a.Method.B)-1 > b.a.MaxEvaluations {
		return fmt.Errorf("row %d at t=%.6g, step %.3g, after %d of at most %d evaluations: %w", r, w.t, w.h, w.evaluations, b.a.MaxEvaluations, ErrSteps)
	}
	if w.clipped = math.Abs(left) < math.Abs(w.h); math.Abs(w.h)*stretch >= math.Abs(left) {
		w.end = target
		return nil
	}
	w.end = w.t + w.h
	if math.Abs(w.h) <= 10*epsilon*math.Abs(w.t) {
		return fmt.Errorf("row %d at t=%.6g, step %.3g, after %d evaluations: %w; is the field finite and smooth there?", r, w.t, w.h, w.evaluations, ErrSteps)
	}
	return nil
}

// epsilon is the distance from 1 to the next float64.
const epsilon = 0x1p-52

// start evaluates the rows where they begin and chooses their first steps towards last, by the size of the derivative and its change along a small step
// [HNW93, starting step size].
func (b *batch) start(ctx context.Context, last float64) error {
	n, first := len(b.active), b.stages[0]
	for r := range b.row {
		b.t[r] = b.row[r].t
	}
	if err := b.evaluate(ctx, b.k, b.x, b.t[:n]); err != nil {
		return err
	}
	length := make([]float64, n)
	for r := range b.row {
		span := last - b.row[r].t
		d0, d1 := b.norm(b.of(b.x, r), b.of(b.x, r)), b.norm(b.of(b.k, r), b.of(b.x, r))
		if math.IsNaN(d1) || math.IsInf(d1, 0) {
			return fmt.Errorf("row %d: the field is not finite at t=%.6g, where the row starts", r, b.row[r].t)
		}
		length[r] = 1e-6
		if d0 >= 1e-5 && d1 >= 1e-5 {
			length[r] = 0.01 * d0 / d1
		}
		length[r] = math.Copysign(min(length[r], math.Abs(span)), span)
		copy(b.of(b.y, r), b.of(b.x, r))
		add(b.of(b.y, r), length[r], b.of(b.k, r))
		b.t[r] += length[r]
	}
	if err := b.evaluate(ctx, first, b.y, b.t[:n]); err != nil {
		return err
	}
	for r := range b.row {
		b.row[r].h = b.first(r, length[r], b.of(first, r))
	}
	return nil
}

// first is the length of row r's first step after a trial of length h that ended with derivative k. It uses up k.
func (b *batch) first(r int, h float64, k []float64) float64 {
	add(k, -1, b.of(b.k, r))
	d1, d2 := b.norm(b.of(b.k, r), b.of(b.x, r)), b.norm(k, b.of(b.x, r))/math.Abs(h)
	steepest := max(d1, d2)
	h1 := math.Pow(0.01/steepest, 1/float64(b.a.Method.Order))
	if steepest <= 1e-15 {
		h1 = max(1e-6, math.Abs(h)*1e-3)
	}
	if math.IsNaN(h1) { // the trial left the field's domain
		h1 = 0
	}
	return math.Copysign(max(min(100*math.Abs(h), h1), 1e-3*math.Abs(h)), h)
}

// norm is the root mean square of v over the tolerances at x, over the columns that count.
func (b *batch) norm(v, x []float64) float64 {
	sum := 0.0
	for d := range b.a.Controlled {
		e := v[d] / b.scale(math.Abs(x[d]))
		sum += e * e
	}
	return math.Sqrt(sum / float64(b.a.Controlled))
}
