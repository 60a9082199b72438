package flow_test

import (
	"math"
	"testing"

	"fmtool/models/flow"
)

var quantities = []flow.Quantity{flow.Velocity, flow.X1, flow.Noise, flow.Score}

// Within the interval every coefficient that training and sampling use is finite and of moderate size, on every schedule, for every prediction and
// loss; what is cut off is a small part of the path, and nothing where the velocity is trained on itself.
func TestInterval(t *testing.T) {
	for name, s := range schedules(t) {
		for _, prediction := range quantities {
			for _, loss := range quantities {
				lo, hi := flow.Interval(s, prediction, loss)
				if !(lo >= 0 && lo < hi && hi <= s.Defects().TimeMax) {
					t.Fatalf("%s, %v, loss in %v: [%g, %g]", name, prediction, loss, lo, hi)
				}
				if prediction == flow.Velocity && loss == flow.Velocity && (lo != 0 || hi != s.Defects().TimeMax) {
					t.Errorf("%s: a velocity is cut to [%g, %g]", name, lo, hi)
				}
				for i := range 101 {
					at := lo + (hi-lo)*float64(i)/100
					c := s.At(at)
					a, b := c.Convert(prediction, flow.Velocity)
					_, w := c.Convert(prediction, loss)
					row := c.Row(prediction)
					for _, v := range []float64{c.Alpha, c.Beta, c.DAlpha, c.DBeta, a, b, w, row[0], row[1]} {
						if !(math.Abs(v) < 2e4) { // NaN fails too
							t.Fatalf("%s, %v, loss in %v at t = %g: coefficient %g", name, prediction, loss, at, v)
						}
					}
				}
				if start, end := s.At(lo), s.At(hi); start.Alpha > 0.1 || end.Beta > 0.11 {
					t.Errorf("%s, %v, loss in %v: the path is cut to α from %g, β to %g", name, prediction, loss, start.Alpha, end.Beta)
				}
			}
		}
	}
	if lo, hi := flow.Interval(flow.Linear, flow.X1, flow.Velocity); lo != 0 || math.Abs(hi-0.995) > 1e-9 {
		t.Errorf("x1 on linear: [%g, %g], want [0, 0.995]", lo, hi)
	}
}

// RatioTime is the inverse of the ratio α : β, ends included.
func TestRatioTime(t *testing.T) {
	for name, s := range schedules(t) {
		last := s.Defects().TimeMax
		for i := range 21 {
			at := last * float64(i) / 20
			if got := flow.RatioTime(s, s.At(at)); math.Abs(got-at) > 1e-12 && s.At(at).Alpha > 1e-12 {
				t.Errorf("%s: the ratio at t = %g is found at %.15g", name, at, got)
			}
		}
		if got := flow.RatioTime(s, flow.Coeffs{Alpha: 1}); got != last {
			t.Errorf("%s: data at t = %.15g, want %g", name, got, last)
		}
		if got := s.At(flow.RatioTime(s, flow.Coeffs{Beta: 1})).Alpha; got > s.Defects().Alpha0+1e-15 {
			t.Errorf("%s: noise at α = %g", name, got)
		}
	}
}

// On every pair of schedules the field of a mixture that is rescheduled is the mixture's own field on the new schedule, to 1e-10.
func TestReschedulingOfClosedForm(t *testing.T) {
	worst := 0.0
	for name, from := range schedules(t) {
		for other, to := range schedules(t) {
			a, b := mixture(t, from), mixture(t, to)
			r := flow.NewRescheduling(from, to, 0, from.Defects().TimeMax)
			lo, hi := r.Interval()
			for i := range 21 {
				at := lo + (hi-lo)*float64(i)/20
				if to.At(at).Alpha < from.Defects().Alpha0 {
					continue // before the old path begins
				}
				c := r.At(at)
				for _, x := range [][]float64{{0.3, -0.4}, {-1, 1}} {
					u, want := make([]float64, 2), make([]float64, 2)
					a.Velocity(u, []float64{c.Scale * x[0], c.Scale * x[1]}, c.T)
					b.Velocity(want, x, at)
					for d := range 2 {
						got := c.A*x[d] + c.B*u[d]
						e := math.Abs(got-want[d]) / (1 + math.Abs(want[d]))
						if worst = max(worst, e); !(e <= 1e-10) {
							t.Fatalf("%s as %s at t = %g: %.14g, want %.14g", name, other, at, got, want[d])
						}
					}
				}
			}
		}
	}
	t.Logf("largest error %.1e", worst)
}
