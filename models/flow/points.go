package flow

import (
	"fmt"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/interp"
)

// Point is a time and the coefficients there.
type Point struct{ T, Alpha, Beta float64 }

// maxPoints bounds a schedule from a file.
const maxPoints = 256

// points is a schedule through points; its text is the canonical name.
type points struct {
	text        string
	times       []float64
	alpha, beta *interp.FritschButland
}

// Points is the schedule through points of the user's, α and β each the monotone piecewise cubic of Fritsch and Butland [FB84] with its exact slopes.
// It goes from (0, 0, 1) to (1, 1, 0); times and α rise and β falls from each point to the next, so that the path never stands still. Its name,
// points:t,α,β;t,α,β;…, holds all of it.
func Points(list []Point) (Schedule, error) {
	if err := checkPoints(list); err != nil {
		return nil, fmt.Errorf("flow: schedule of points: %w", err)
	}
	t, alpha, beta, parts := make([]float64, len(list)), make([]float64, len(list)), make([]float64, len(list)), make([]string, len(list))
	for i, p := range list {
		t[i], alpha[i], beta[i] = p.T, p.Alpha, p.Beta
		parts[i] = float(p.T) + "," + float(p.Alpha) + "," + float(p.Beta)
	}
	s := &points{pointsPrefix + strings.Join(parts, ";"), t, new(interp.FritschButland), new(interp.FritschButland)}
	s.alpha.Fit(t, alpha) //nolint:errcheck // always nil
	s.beta.Fit(t, beta)   //nolint:errcheck // always nil
	return s, nil
}

func checkPoints(list []Point) error {
	if len(list) < 2 || len(list) > maxPoints {
		return fmt.Errorf("got %d points, want 2 to %d", len(list), maxPoints)
	}
	if first, last := list[0], list[len(list)-1]; first != (Point{0, 0, 1}) || last != (Point{1, 1, 0}) {
		return fmt.Errorf("it goes from %v to %v, want from {0 0 1}, noise, to {1 1 0}, data", first, last)
	}
	for i := 1; i < len(list); i++ {
		a, b := list[i-1], list[i]
		if !(b.T-a.T >= minGap && b.Alpha-a.Alpha >= minGap && a.Beta-b.Beta >= minGap) { // NaN fails too
			return fmt.Errorf("from %v to %v: want t and α to rise and β to fall, by at least %g each", a, b, minGap)
		}
	}
	return nil
}

// minGap keeps the slopes finite and the path moving.
const minGap = 1e-6

func (s *points) At(t float64) Coeffs {
	return Coeffs{s.alpha.Predict(t), s.beta.Predict(t), s.alpha.PredictDerivative(t), s.beta.PredictDerivative(t)}
}

func (s *points) Name() string { return s.text }

func (s *points) Defects() Defects { return sound }

const pointsPrefix = "points:"

// parsePoints reads points:t,α,β;…; ok says whether the text means to be that.
func parsePoints(text string) (s Schedule, ok bool, err error) {
	args, ok := strings.CutPrefix(text, pointsPrefix)
	if !ok {
		if text+":" != pointsPrefix {
			return nil, false, nil
		}
		return nil, true, fmt.Errorf("schedule points: want points:t,α,β;t,α,β;… from 0,0,1 to 1,1,0")
	}
	var list []Point
	for part := range strings.SplitSeq(args, ";") {
		numbers := strings.Split(part, ",")
		if len(numbers) != 3 || len(list) > maxPoints {
			return nil, true, fmt.Errorf("schedule points: %.60q after %d points: want up to %d points t,α,β with semicolons between",
				part, len(list), maxPoints)
		}
		var v [3]float64
		for i, n := range numbers {
			if v[i], err = strconv.ParseFloat(strings.TrimSpace(n), 64); err != nil {
				return nil, true, fmt.Errorf("schedule points: %.60q in point %d is no number", n, len(list))
			}
		}
		list = append(list, Point{v[0], v[1], v[2]})
	}
	s, err = Points(list)
	return s, true, err
}
