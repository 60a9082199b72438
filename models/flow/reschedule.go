package flow

import "math"

// Rescheduling serves a velocity field that was trained on one schedule's path on the path of another, without training: see At.
type Rescheduling struct {
	from, to Schedule
	lo, hi   float64 // times of from
}

// NewRescheduling returns the changes from one schedule, whose field is known at times [lo, hi], to another.
func NewRescheduling(from, to Schedule, lo, hi float64) Rescheduling {
	l, h := Interval(from, Velocity, X1)
	return Rescheduling{from, to, max(lo, l), min(hi, h)}
}

// Change is a Rescheduling at one time of the new schedule: u'(x) = A·x + B·u(Scale·x, T).
type Change struct{ T, Scale, A, B float64 }

// At is the change at time t of the new schedule. Paths of the same data, noise and coupling differ only by how fast they go and by a factor: with
// T the time at which the old schedule has the ratio α : β of the new one at t, its state is k x with k = |(α, β)| / |(α', β')|. There
//
//	E[x1] = (β̇ k x − β u)/d,   E[x0] = (α u − α̇ k x)/d,   d = α β̇ − β α̇,   u' = α̇' E[x1] + β̇' E[x0],
//
// with the old coefficients at T and the new ones (primed) at t. No slope of T enters, so there is a limit at both ends [LI24]. Where d = 0, which
// is where u says nothing of the data, as at t = 0 on a polynomial schedule, T stays within Interval. Samples keep their ends: x_1 is the same.
func (r Rescheduling) At(t float64) Change {
	d := r.to.At(t)
	at := min(max(RatioTime(r.from, d), r.lo), r.hi)
	c := r.from.At(at)
	k := math.Hypot(c.Alpha, c.Beta) / math.Hypot(d.Alpha, d.Beta)
	det := c.Alpha*c.DBeta - c.Beta*c.DAlpha
	return Change{T: at, Scale: k, A: k * (d.DAlpha*c.DBeta - d.DBeta*c.DAlpha) / det, B: (c.Alpha*d.DBeta - c.Beta*d.DAlpha) / det}
}

// Interval is the times of the new schedule at which the old field is known; outside, the value at the nearer end does.
func (r Rescheduling) Interval() (lo, hi float64) {
	if r.lo > 0 {
		lo = RatioTime(r.to, r.from.At(r.lo))
	}
	if hi = r.to.Defects().TimeMax; r.hi < 1 {
		hi = RatioTime(r.to, r.from.At(r.hi))
	}
	return lo, hi
}
