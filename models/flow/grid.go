package flow

import (
	"fmt"
	"strings"
)

// Grid is where the steps of a sampler lie: n steps go through the times Shift(Times.Quantile(k/n)), k = 0 … n. The zero value is even steps.
//
// A shift s [ES24] is t' = t/(t + s(1 − t)), which is σ' = sσ/(1 + (s−1)σ) for the level of noise σ = 1 − t of texts whose data lie at time 0: s >
// 1 leans to noise and puts more of the steps near t = 0, s < 1 near the data. It multiplies the ratio (1−t)/t by s.
//
// A grid holds its shift beside its distribution and makes its times from k/n anew each time, so a shift can be set twice, or be set over the one
// that a model carries, and still acts once; applied to times it would act twice, which is how a scheduler that is set up again goes wrong.
type Grid struct {
	Times Times
	Shift float64 // 0: none
}

const minShift, maxShift = 0.01, 100.0

func shift(s, t float64) float64 { return t / (t + s*(1-t)) }

// CheckShift refuses a shift that is none; 0 stands for no shift.
func CheckShift(s float64) error {
	if s == 0 || s >= minShift && s <= maxShift {
		return nil
	}
	return fmt.Errorf("flow: time shift %g, want a number from %g to %g; more than 1 puts more steps near the noise", s, minShift, maxShift)
}

// WithShift is the grid with this shift in place of the one it has; 0 and 1 are none.
func (g Grid) WithShift(s float64) Grid {
	if g.Shift = s; s == 1 {
		g.Shift = 0
	}
	return g
}

const shiftText = " shift:"

// ParseGrid reads a distribution of times, with " shift:S" after it or not; "shift:S" alone shifts even steps. "" is even steps.
func ParseGrid(text string) (Grid, error) {
	name, args, has := strings.Cut(text, shiftText)
	d, err := ParseTimes(name)
	if err != nil {
		return Grid{}, err
	}
	if d.stratified {
		return Grid{}, fmt.Errorf("grid %.60q: stratified is for the draws of training; the steps of a grid lie at quantiles already", text)
	}
	g := Grid{Times: d}
	if d.row != nil && d.row.Name == "shift" {
		g = Grid{}.WithShift(d.p[0])
	}
	if has {
		if g.Shift != 0 {
			return Grid{}, fmt.Errorf("grid %.60q: two shifts, want one", text)
		}
		_, p, err := Lookup("time shift", shiftText[1:]+args, timesTable)
		if err != nil {
			return Grid{}, err
		}
		g = g.WithShift(p[0])
	}
	return g, nil
}

// String is what ParseGrid reads.
func (g Grid) String() string {
	switch {
	case g.Shift == 0:
		return g.Times.String()
	case g.Times.row == nil:
		return shiftText[1:] + float(g.Shift)
	}
	return g.Times.String() + shiftText + float(g.Shift)
}

// Even says whether the steps are equal.
func (g Grid) Even() bool { return g.Shift == 0 && g.Times.row == nil }

// At is the time of the share q of the steps.
func (g Grid) At(q float64) float64 {
	t := g.Times.Quantile(q)
	if g.Shift != 0 {
		t = shift(g.Shift, t)
	}
	return t
}

// Steps are the n + 1 times of n steps, from 0 to 1, each later than the one before. Even steps are k/n. A distribution so uneven that two times
// are one in float32, as happens to thousands of steps at its ends, is an error.
func (g Grid) Steps(n int) ([]float64, error) {
	t := make([]float64, n+1)
	for k := range t {
		t[k] = g.At(float64(k) / float64(n))
		if k > 0 && !(float32(t[k]) > float32(t[k-1])) {
			return nil, fmt.Errorf("flow: grid %s: steps %d and %d of %d lie at the same time %.9g; take fewer steps or a more even grid",
				g, k-1, k, n, t[k])
		}
	}
	return t, nil
}
