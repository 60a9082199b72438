package optim

import (
	"fmt"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// AdamW is Adam with bias correction and decoupled weight decay [LH19], on gradients g of step k = 1, 2, …:
//
//	m ← β₁ m + (1−β₁) g,  v ← β₂ v + (1−β₂) g²
//	w ← w − rate·decay·w − rate·(m/(1−β₁ᵏ)) / (√(v/(1−β₂ᵏ)) + ε)
//
// Biases and other parameters of one row do not decay.
type AdamW struct {
	Beta1   float64 `yaml:"beta1"`
	Beta2   float64 `yaml:"beta2"`
	Epsilon float64 `yaml:"epsilon"`
	Decay   float64 `yaml:"decay"`
}

// Default is AdamW with the customary settings and little decay.
var Default = AdamW{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Decay: 1e-5}

// Check refuses settings out of range.
func (o AdamW) Check() error {
	for _, s := range []struct {
		name  string
		value float64
		ok    bool
	}{
		{"beta1", o.Beta1, o.Beta1 >= 0 && o.Beta1 < 1}, {"beta2", o.Beta2, o.Beta2 >= 0 && o.Beta2 < 1},
		{"epsilon", o.Epsilon, o.Epsilon > 0}, {"decay", o.Decay, o.Decay >= 0 && o.Decay < 1},
	} {
		if !s.ok {
			return fmt.Errorf("optim: %s is %g, want a number in [0, 1), epsilon above 0", s.name, s.value)
		}
	}
	return nil
}

// State says that parameter Param of the graph takes the value of output Next after each run.
type State struct{ Param, Next string }

// The prefixes of the names of state parameters; the weight's own name follows.
const (
	FirstMoment  = "adamw.m."
	SecondMoment = "adamw.v."
	Average      = "ema."
	Next         = "next." // of outputs
)

// updater adds state to a graph.
type updater struct {
	*graph.Builder
	state []State
}

// Update adds one step of AdamW on the gradients, and of the average if ema > 0:
//
//	e ← d e + (1−d) w,  d = min(ema, k/(k+9))
//
// so that early averages forget the start. rate and step k are float32 scalars. It returns where each parameter's next value leaves.
func (o AdamW) Update(b *graph.Builder, weights, grads []*graph.Value, rate, step *graph.Value, ema float64) []State {
	u := &updater{Builder: b}
	b.Scope("update", func() {
		// In float64, as 1 − 0.999 keeps but three digits in float32.
		k := b.Op("Cast", graph.Attrs{"to": int64(graph.Code(tensor.Float64))}, step)
		c1, c2 := u.correction(o.Beta1, k), u.correction(o.Beta2, k)
		var d *graph.Value
		if ema > 0 {
			d = u.narrow(b.Op("Min", nil, b.Scalar(tensor.Float64, ema), b.Div(k, b.Shift(k, 9))))
		}
		for i, w := range weights {
			next := o.adamw(u, w, grads[i], rate, c1, c2)
			u.to(w.Name, next)
			if ema > 0 {
				e := b.Param(Average+w.Name, w.Data.Clone())
				u.to(e.Name, b.Add(next, b.Mul(d, b.Subtract(e, next))))
			}
		}
	})
	return u.state
}

// correction is 1 − βᵏ.
func (u *updater) correction(beta float64, k *graph.Value) *graph.Value {
	return u.narrow(u.Subtract(u.Scalar(tensor.Float64, 1), u.Op("Pow", nil, u.Scalar(tensor.Float64, beta), k)))
}

func (u *updater) narrow(v *graph.Value) *graph.Value {
	return u.Op("Cast", graph.Attrs{"to": int64(graph.Code(tensor.Float32))}, v)
}

func (u *updater) to(param string, v *graph.Value) {
	u.Output(Next+param, v)
	u.state = append(u.state, State{param, Next + param})
}

// adamw updates the moments and returns the next weight.
func (o AdamW) adamw(u *updater, w, g, rate, c1, c2 *graph.Value) *graph.Value {
	shape := w.Data.Shape()
	m := u.Builder.Param(FirstMoment+w.Name, tensor.New(tensor.Float32, shape...))
	v := u.Builder.Param(SecondMoment+w.Name, tensor.New(tensor.Float32, shape...))
	m1 := u.Add(u.Scale(m, o.Beta1), u.Scale(g, 1-o.Beta1))
	v1 := u.Add(u.Scale(v, o.Beta2), u.Scale(u.Mul(g, g), 1-o.Beta2))
	u.to(m.Name, m1)
	u.to(v.Name, v1)
	move := u.Div(u.Div(m1, c1), u.Shift(u.Op("Sqrt", nil, u.Div(v1, c2)), o.Epsilon))
	if o.Decay > 0 && len(shape) > 1 && shape[0] > 1 {
		move = u.Add(move, u.Scale(w, o.Decay))
	}
	return u.Subtract(w, u.Mul(rate, move))
}

// Clip scales the gradients so that their global norm is at most bound, and returns them with the norm before, a scalar; bound 0 leaves them alone.
func Clip(b *graph.Builder, grads []*graph.Value, bound float64) (clipped []*graph.Value, norm *graph.Value) {
	b.Scope("clip", func() {
		for _, g := range grads {
			square := b.ReduceSum(b.Mul(g, g), false)
			if norm == nil {
				norm = square
			} else {
				norm = b.Add(norm, square)
			}
		}
		norm = b.Op("Sqrt", nil, norm)
		if clipped = grads; bound <= 0 {
			return
		}
		factor := b.Div(b.Scalar(tensor.Float32, bound), b.Op("Max", nil, norm, b.Scalar(tensor.Float32, bound)))
		clipped = make([]*graph.Value, len(grads))
		for i, g := range grads {
			clipped[i] = b.Mul(g, factor)
		}
	})
	return clipped, norm
}
