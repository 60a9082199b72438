package flow

import "math"

// maxGain is how far a conversion may enlarge an error of the network, and with its square the loss, over the gain in the middle of the path.
// Without a bound x1 gives a velocity of infinite error at t = 1 and noise one at t = 0; [LI25] stops at 20.
const maxGain = 100

// Interval is the times [lo, hi] at which a network that predicts a quantity is trained and evaluated, its loss measured in another: the schedule's
// own [0, TimeMax], cut where a conversion to the velocity or to the loss, or the size of the target, grows beyond 100 times that in the middle,
// where α = β. Outside, fields take the value at the nearer end. That leaves β(hi)/e of the noise in a sample of infinitely many steps, 0.002 for
// x1 on the linear schedule, where [lo, hi] is [0, 0.995]. A velocity that is trained on itself is never cut.
func Interval(s Schedule, prediction, loss Quantity) (lo, hi float64) {
	middle := RatioTime(s, Coeffs{Alpha: 1, Beta: 1})
	bound := maxGain * max(1, gain(s.At(middle), prediction, loss))
	good := func(t float64) bool { return gain(s.At(t), prediction, loss) <= bound } // NaN is not good
	return edge(middle, 0, good), edge(middle, s.Defects().TimeMax, good)
}

// gain is the largest of the numbers that Interval bounds.
func gain(c Coeffs, prediction, loss Quantity) float64 {
	a, b := c.Convert(prediction, Velocity)
	_, w := c.Convert(prediction, loss)
	g := max(math.Abs(a), math.Abs(b), math.Abs(w)) // max keeps NaN
	if prediction == Score {
		g = max(g, 1/c.Beta)
	}
	return g
}

// edge is the last good time on the way from a good one to another, by bisection.
func edge(from, to float64, good func(float64) bool) float64 {
	if good(to) {
		return to
	}
	for range 60 {
		if t := (from + to) / 2; good(t) {
			from = t
		} else {
			to = t
		}
	}
	return from
}

// RatioTime is the time at which the schedule has the ratio α : β of c, that is, its signal-to-noise ratio (α/β)², by bisection. Ratios beyond the
// ends of [0, TimeMax] give the end.
func RatioTime(s Schedule, c Coeffs) float64 {
	// α_t c.Beta − β_t c.Alpha is negative before that time and positive after; it has no pole.
	return edge(0, s.Defects().TimeMax, func(t float64) bool {
		at := s.At(t)
		return at.Alpha*c.Beta <= at.Beta*c.Alpha
	})
}
