package flow_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"fmtool/models/flow"
)

// A schedule of points goes through them, rises and falls between them without a wiggle, and is all in its name. Points of the straight path are
// that path.
func TestPoints(t *testing.T) {
	list := []flow.Point{{0, 0, 1}, {0.1, 0.01, 0.98}, {0.4, 0.6, 0.5}, {0.45, 0.62, 0.1}, {1, 1, 0}}
	s, err := flow.Points(list)
	if err != nil {
		t.Fatal(err)
	}
	again, err := flow.ParseSchedule(s.Name())
	if err != nil || again.Name() != s.Name() {
		t.Fatalf("%q came back as %v, %v", s.Name(), again, err)
	}
	for _, p := range list {
		if c := again.At(p.T); math.Abs(c.Alpha-p.Alpha) > 1e-15 || math.Abs(c.Beta-p.Beta) > 1e-15 {
			t.Errorf("at %g: α = %g, β = %g, want %g, %g", p.T, c.Alpha, c.Beta, p.Alpha, p.Beta)
		}
	}
	for i := range 1000 {
		c := s.At(float64(i) / 999)
		if c.DAlpha < 0 || c.DBeta > 0 || c.Alpha < 0 || c.Alpha > 1 || c.Beta < 0 || c.Beta > 1 {
			t.Fatalf("%+v at t = %g", c, float64(i)/999)
		}
	}
	straight, err := flow.Points([]flow.Point{{0, 0, 1}, {0.3, 0.3, 0.7}, {1, 1, 0}})
	if err != nil {
		t.Fatal(err)
	}
	if c := straight.At(0.6); math.Abs(c.Alpha-0.6) > 1e-14 || math.Abs(c.DBeta+1) > 1e-14 {
		t.Errorf("points of the straight path: %+v at 0.6", c)
	}
}

// Points that make no path are refused with what is wrong.
func TestPointsRefuse(t *testing.T) {
	many := "points:0,0,1"
	for i := range 300 {
		v := float64(i+1) / 300
		many += fmt.Sprintf(";%g,%g,%g", v, v, 1-v)
	}
	for text, want := range map[string]string{
		"points":                                    "points:t,α,β",
		"points:":                                   "semicolons",
		"points:0,0,1":                              "2 to",
		"points:0,0,1;0.5,0.5;1,1,0":                "semicolons",
		"points:0,0,1;0.5,x,0.5;1,1,0":              "no number",
		"points:0,0,1;0.5,NaN,0.5;1,1,0":            "rise",
		"points:0,0,1;0.5,Inf,0.5;1,1,0":            "rise",
		"points:0,0,1;0.5,0.5,0.5;0.5,0.6,.4;1,1,0": "rise",
		"points:0,0,1;0.5,0.5,0.5;0.6,0.4,.4;1,1,0": "rise",
		"points:0,0,1;0.5,0.5,0.5;0.6,0.6,.5;1,1,0": "rise",
		"points:0,0.1,1;1,1,0":                      "noise",
		"points:0,0,1;1,1,0.1":                      "data",
		"points:0,0,1;0.9,1,0":                      "data",
		many:                                        "256",
	} {
		if s, err := flow.ParseSchedule(text); err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 300 {
			t.Errorf("%.80q gave %v, %v; want %q", text, s, err, want)
		}
	}
}

// No text panics, and the name of what is accepted gives the same schedule, finite all the way.
func FuzzParseSchedule(f *testing.F) {
	for _, name := range append([]string{"points:0,0,1;1e-7,1e-7,.5;1,1,0", "polynomial:1e400"}, names...) {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := flow.ParseSchedule(text)
		if err != nil {
			return
		}
		again, err := flow.ParseSchedule(s.Name())
		if err != nil || again.At(0.3) != s.At(0.3) {
			t.Fatalf("%q: its name %q gives %v", text, s.Name(), err)
		}
		for i := range 11 {
			c := s.At(s.Defects().TimeMax * float64(i) / 10)
			if v := c.Alpha + c.Beta + c.DAlpha + c.DBeta; math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%q: %+v", text, c)
			}
		}
		for _, q := range quantities {
			lo, hi := flow.Interval(s, q, q)
			a, b := s.At(hi).Convert(q, flow.Velocity)
			if !(lo >= 0 && lo < hi && hi <= s.Defects().TimeMax && math.Abs(a)+math.Abs(b) < math.Inf(1)) {
				t.Errorf("%q, %v: times %g to %g", text, q, lo, hi)
			}
		}
	})
}
