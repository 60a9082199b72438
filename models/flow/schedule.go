package flow

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Coeffs are a schedule's values at one time: x_t = Alpha·x1 + Beta·x0, and their slopes in t.
type Coeffs struct{ Alpha, Beta, DAlpha, DBeta float64 }

// Schedule gives the coefficients of x_t = α_t x1 + β_t x0.
type Schedule interface {
	// At is finite for t in [0, TimeMax].
	At(t float64) Coeffs
	// Name is what ParseSchedule understands.
	Name() string
	// Defects are what the endpoints fall short of.
	Defects() Defects
}

// Defects say where a schedule departs from α_0 = 0, β_0 = 1, α_1 = 1, β_1 = 0 with a square-integrable slope.
type Defects struct {
	Alpha0  float64 // α_0: data that shows through at t = 0
	TimeMax float64 // last time with finite slopes at which to train and evaluate; 1 if there is no defect at t = 1
	Why     string  // in words, "" for none
}

// row is an entry of the table of schedules: coefficients as a function of a parameter and t.
type row struct {
	name     string
	param    float64 // default; 0: the schedule has none
	min, max float64 // of the parameter
	defects  Defects
	at       func(param, t float64) Coeffs
}

// epsilon is how far from t = 1 schedules with an infinite slope there stop.
const epsilon = 1e-3

var table = []row{
	{name: "linear", defects: Defects{TimeMax: 1}, at: func(_, t float64) Coeffs { return Coeffs{t, 1 - t, 1, -1} }},
	{name: "cosine", defects: Defects{TimeMax: 1}, at: func(_, t float64) Coeffs {
		s, c := math.Sincos(math.Pi / 2 * t)
		return Coeffs{s, c, math.Pi / 2 * c, -math.Pi / 2 * s}
	}},
	{name: "polynomial", param: 2, min: 1, max: 16, defects: Defects{TimeMax: 1}, at: func(n, t float64) Coeffs {
		return Coeffs{math.Pow(t, n), 1 - math.Pow(t, n), n * math.Pow(t, n-1), -n * math.Pow(t, n-1)}
	}},
	{name: "vp", at: variancePreserving, defects: Defects{Alpha0: math.Exp(-(vpMax-vpMin)/4 - vpMin/2), TimeMax: 1 - epsilon,
		Why: "the path starts from α₀ = 0.0066, not 0, and β has an infinite slope at t = 1"}},
	{name: "sqrt", at: squareRoot, defects: Defects{TimeMax: 1 - epsilon, Why: "β = √(1−t) has an infinite slope at t = 1"}},
}

// The rates of the variance-preserving diffusion, ∫ from vpMin to vpMax; see [SO21].
const vpMin, vpMax = 0.1, 20.0

// variancePreserving is α = e^(−B/2), β = √(1 − e^(−B)) with B = s²(b₁−b₀)/2 + s·b₀ and s = 1−t the diffusion's own time.
func variancePreserving(_, t float64) Coeffs {
	s := 1 - t
	half := s*s*(vpMax-vpMin)/4 + s*vpMin/2
	slope := -(s*(vpMax-vpMin)/2 + vpMin/2) // of half, in t
	alpha, beta := math.Exp(-half), math.Sqrt(-math.Expm1(-2*half))
	dAlpha := -slope * alpha
	return Coeffs{alpha, beta, dAlpha, -alpha * dAlpha / beta}
}

// squareRoot is α = t, β = √(1−t).
func squareRoot(_, t float64) Coeffs {
	b := math.Sqrt(1 - t)
	return Coeffs{t, b, 1, -1 / (2 * b)}
}

type schedule struct {
	*row
	param float64
}

func (s schedule) At(t float64) Coeffs { return s.at(s.param, t) }

func (s schedule) Name() string {
	if s.row.param == 0 {
		return s.name
	}
	return s.name + ":" + strconv.FormatFloat(s.param, 'g', -1, 64)
}

func (s schedule) Defects() Defects { return s.defects }

// Linear is α = t, β = 1 − t, the straight path of optimal transport between Gaussians and a point.
var Linear Schedule = schedule{row: &table[0]}

// Schedules are the names of the table.
func Schedules() []string {
	var names []string
	for _, r := range table {
		names = append(names, r.name)
	}
	return names
}

// ParseSchedule returns the schedule of a name: linear, cosine, polynomial:N, vp, sqrt.
func ParseSchedule(name string) (Schedule, error) {
	base, arg, has := strings.Cut(name, ":")
	for i := range table {
		r := &table[i]
		if r.name != base {
			continue
		}
		if !has {
			return schedule{r, r.param}, nil
		}
		v, err := strconv.ParseFloat(arg, 64)
		if r.param == 0 || err != nil || !(v >= r.min && v <= r.max) {
			if r.param == 0 {
				return nil, fmt.Errorf("flow: schedule %s takes no number, got %q", base, name)
			}
			return nil, fmt.Errorf("flow: schedule %q: want a number from %g to %g after the colon", name, r.min, r.max)
		}
		return schedule{r, v}, nil
	}
	return nil, Unknown("schedule", name, Schedules())
}
