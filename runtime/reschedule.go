package runtime

import (
	"context"
	"fmt"

	"fmtool/models/flow"
	"fmtool/models/tensor"
)

// Reschedule returns the field on the path of another schedule than it was trained on, without training: u'(x, t) = A·x + B·u(k·x, T) with the
// numbers of flow.Rescheduling at t. Samples of the same noise end at the same points, but for the error of the solver, which is the reason to
// change: another path spends its steps elsewhere and bends otherwise. It holds for every source and coupling. Path noise is refused, because it
// does not scale with the path.
//
// The field serves one goroutine at a time. Repeating a call on tensors of the same size allocates nothing.
func Reschedule(f VelocityField, to flow.Schedule) (VelocityField, error) {
	spec := f.Spec()
	if spec.Schedule.Name() == to.Name() {
		return f, nil
	}
	if spec.Sigma > 0 {
		return nil, fmt.Errorf("runtime: the model was trained with path noise sigma %g, which holds on its own schedule, %s, alone",
			spec.Sigma, spec.Schedule.Name())
	}
	r := flow.NewRescheduling(spec.Schedule, to, spec.TimeMin, spec.TimeMax)
	spec.Schedule, spec.Prediction, spec.Grid = to, flow.Velocity, flow.Grid{} // the grid was one of the old times
	spec.TimeMin, spec.TimeMax = r.Interval()
	return &rescheduled{field: f, spec: spec, changes: r}, nil
}

type rescheduled struct {
	field   VelocityField
	spec    flow.Spec
	changes flow.Rescheduling
	at      []flow.Change // of each time of the call
	x, t    tensor.Tensor // what the old field is given
}

func (r *rescheduled) Spec() flow.Spec { return r.spec }

func (r *rescheduled) about(j job) error { return about(r.field, j) }

// Velocity implements VelocityField.
func (r *rescheduled) Velocity(ctx context.Context, dst, x, t, y tensor.Tensor) error {
	n := x.Dim(0)
	if t.Len() != 1 && t.Len() != n {
		return fmt.Errorf("runtime: t is %v, want float32 [1 1] or [%d 1]", t, n)
	}
	r.fit(x, t)
	for i, ti := range t.Float32() {
		r.at[i] = r.changes.At(min(max(float64(ti), r.spec.TimeMin), r.spec.TimeMax))
		r.t.Float32()[i] = float32(r.at[i].T)
	}
	dim := r.spec.Dim()
	scaled, given := r.x.Float32(), x.Float32()
	for i := range n {
		k := float32(r.of(i).Scale)
		for j := i * dim; j < (i+1)*dim; j++ {
			scaled[j] = k * given[j]
		}
	}
	if err := r.field.Velocity(ctx, dst, r.x, r.t, y); err != nil {
		return err
	}
	u := dst.Float32()
	for i := range n {
		c := r.of(i)
		a, b := c.A/c.Scale, c.B
		for j := i * dim; j < (i+1)*dim; j++ {
			u[j] = float32(a*float64(scaled[j]) + b*float64(u[j])) // not of x, which may be dst
		}
	}
	return nil
}

// of is the change for row i.
func (r *rescheduled) of(i int) flow.Change { return r.at[min(i, len(r.at)-1)] }

// fit makes room for a call.
func (r *rescheduled) fit(x, t tensor.Tensor) {
	if r.x.IsZero() || r.x.Dim(0) != x.Dim(0) {
		r.x = tensor.New(tensor.Float32, x.Shape()...)
	}
	if r.t.IsZero() || r.t.Len() != t.Len() {
		r.t, r.at = tensor.New(tensor.Float32, t.Len(), 1), make([]flow.Change, t.Len())
	}
}
