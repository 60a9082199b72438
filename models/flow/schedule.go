package flow

import (
	"math"
	"strings"
)

// Coeffs are a schedule's values at one time: x_t = Alpha·x1 + Beta·x0, and their slopes in t.
type Coeffs struct{ Alpha, Beta, DAlpha, DBeta float64 }

// Schedule gives the coefficients of x_t = α_t x1 + β_t x0. The ratio α : β grows with t.
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

// path is a row of the table of schedules: the coefficients as a function of its numbers and t.
type path struct {
	at      func(p []float64, t float64) Coeffs
	defects Defects
}

// epsilon is how far from t = 1 schedules with an infinite slope there stop.
const epsilon = 1e-3

var sound = Defects{TimeMax: 1}

var table = []Entry[path]{
	{Name: "linear", Value: path{linear, sound}},
	{Name: "cosine", Value: path{cosine, sound}},
	{Name: "polynomial", Default: []float64{2}, Bounds: [][2]float64{{1, 16}}, Value: path{polynomial, sound}},
	{Name: "vp", Value: path{variancePreserving, Defects{Alpha0: math.Exp(-(VPMax-VPMin)/4 - VPMin/2), TimeMax: 1 - epsilon,
		Why: "the path starts from α₀ = 0.0066, not 0, and β has an infinite slope at t = 1"}}},
	{Name: "linear-vp", Value: path{linearVP, Defects{TimeMax: 1 - epsilon, Why: "β = √(1−t²) has an infinite slope at t = 1"}}},
	{Name: "sqrt", Value: path{squareRoot, Defects{TimeMax: 1 - epsilon, Why: "β = √(1−t) has an infinite slope at t = 1"}}},
	{Name: "cosmap", Value: path{cosmap, sound}},
}

// linear is α = t, β = 1 − t [LI23].
func linear(_ []float64, t float64) Coeffs { return Coeffs{t, 1 - t, 1, -1} }

// cosine is α = sin(πt/2), β = cos(πt/2), the trigonometric variance-preserving path: α² + β² = 1 [AL23].
func cosine(_ []float64, t float64) Coeffs {
	s, c := math.Sincos(math.Pi / 2 * t)
	return Coeffs{s, c, math.Pi / 2 * c, -math.Pi / 2 * s}
}

// polynomial is α = tⁿ, β = 1 − tⁿ.
func polynomial(p []float64, t float64) Coeffs {
	n := p[0]
	v, slope := math.Pow(t, n), n*math.Pow(t, n-1)
	return Coeffs{v, 1 - v, slope, -slope}
}

// VPMin and VPMax are the rates of the variance-preserving diffusion at its ends; see [SO21].
const VPMin, VPMax = 0.1, 20.0

// variancePreserving is α = e^(−B/2), β = √(1 − e^(−B)) with B = s²(b₁−b₀)/2 + s·b₀ and s = 1−t the diffusion's own time.
func variancePreserving(_ []float64, t float64) Coeffs {
	s := 1 - t
	half := s*s*(VPMax-VPMin)/4 + s*VPMin/2
	slope := -(s*(VPMax-VPMin)/2 + VPMin/2) // of half, in t
	alpha, beta := math.Exp(-half), math.Sqrt(-math.Expm1(-2*half))
	dAlpha := -slope * alpha
	return Coeffs{alpha, beta, dAlpha, -alpha * dAlpha / beta}
}

// linearVP is α = t, β = √(1−t²).
func linearVP(_ []float64, t float64) Coeffs {
	b := math.Sqrt((1 - t) * (1 + t))
	return Coeffs{t, b, 1, -t / b}
}

// squareRoot is α = t, β = √(1−t).
func squareRoot(_ []float64, t float64) Coeffs {
	b := math.Sqrt(1 - t)
	return Coeffs{t, b, 1, -1 / (2 * b)}
}

// cosmap is the straight path at the ratio of cosine, α = s/(s+c), β = c/(s+c) with s, c = sin, cos(πt/2) [ES24].
func cosmap(_ []float64, t float64) Coeffs {
	s, c := math.Sincos(math.Pi / 2 * t)
	slope := math.Pi / 2 / ((s + c) * (s + c))
	return Coeffs{s / (s + c), c / (s + c), slope, -slope}
}

// schedule is a row with its numbers.
type schedule struct {
	row *Entry[path]
	p   []float64
}

func (s schedule) At(t float64) Coeffs { return s.row.Value.at(s.p, t) }

func (s schedule) Name() string { return s.row.Text(s.p) }

func (s schedule) Defects() Defects { return s.row.Value.defects }

// Linear is α = t, β = 1 − t, the straight path of optimal transport between Gaussians and a point.
var Linear Schedule = schedule{row: &table[0]}

// Schedules are the names of the table. Beside them ParseSchedule reads points of one's own.
func Schedules() []string { return Names(table) }

// ParseSchedule returns the schedule of a name: linear, cosine, polynomial:N, vp, linear-vp, sqrt, cosmap, or points:t,α,β;t,α,β;… (see Points).
func ParseSchedule(name string) (Schedule, error) {
	if s, ok, err := parsePoints(name); ok {
		return s, err
	}
	row, p, err := Lookup("schedule", name, table)
	if err != nil {
		return nil, err
	}
	return schedule{row, p}, nil
}

// Formula names the formula of a schedule of this package and its numbers, for those who write it another way, as a graph: a row of the table, or
// "points" with the times of the points, between which α and β are cubics. ok is false for schedules from elsewhere.
func Formula(s Schedule) (name string, numbers []float64, ok bool) {
	switch s := s.(type) {
	case schedule:
		return s.row.Name, s.p, true
	case *points:
		return strings.TrimSuffix(pointsPrefix, ":"), s.times, true
	}
	return "", nil, false
}
