package flow

import "math"

// Weight is a factor of the loss that depends on the time, through the signal-to-noise ratio α²/β²: its text is that of a row, such as min-snr:5.
// It multiplies the squared error of whatever quantity the loss is measured in, and comes after the exact weight of a conversion (Coeffs.Convert).
type Weight struct {
	row *Entry[weight] // nil: none
	p   []float64
}

type weight func(p []float64, c Coeffs) float64

var weightTable = []Entry[weight]{
	{Name: "none", Value: func([]float64, Coeffs) float64 { return 1 }},
	// min(SNR, γ)/γ, which for a loss in x1 is [HA23], over γ so that it stays within [0, 1].
	{Name: "min-snr", Default: []float64{5}, Bounds: [][2]float64{{1e-3, 1e6}}, Value: func(p []float64, c Coeffs) float64 {
		return min(c.Alpha*c.Alpha/(p[0]*c.Beta*c.Beta), 1) // +Inf at β = 0 is 1
	}},
	// sigmoid(b − ln SNR): for a loss in noise [KI23].
	{Name: "sigmoid", Default: []float64{2}, Bounds: [][2]float64{{-20, 20}}, Value: func(p []float64, c Coeffs) float64 {
		s, e := c.Alpha*c.Alpha, math.Exp(p[0])*c.Beta*c.Beta
		return e / (s + e)
	}},
	// (2/π)(α+β)²/(α²+β²), the density that cosmap gives times of the straight path: the middle counts twice the ends [ES24].
	{Name: "cosmap", Value: func(_ []float64, c Coeffs) float64 {
		return 2 / math.Pi * (c.Alpha + c.Beta) * (c.Alpha + c.Beta) / (c.Alpha*c.Alpha + c.Beta*c.Beta)
	}},
}

// WeightNames are the rows.
func WeightNames() []string { return Names(weightTable) }

// ParseWeight reads the text of a weight; "" is none.
func ParseWeight(text string) (Weight, error) {
	if text == "" || text == "none" {
		return Weight{}, nil
	}
	row, p, err := Lookup("weight", text, weightTable)
	return Weight{row, p}, err
}

// String is the text.
func (w Weight) String() string {
	if w.None() {
		return "none"
	}
	return w.row.Text(w.p)
}

// None says whether the weight is 1 at all times.
func (w Weight) None() bool { return w.row == nil }

// At is the factor at a schedule's coefficients, finite and at least 0.
func (w Weight) At(c Coeffs) float64 {
	if w.None() {
		return 1
	}
	return w.row.Value(w.p, c)
}

// Formula names the row of a weight and its numbers, for those who write it another way, as a graph; "" is none.
func (w Weight) Formula() (name string, numbers []float64) {
	if w.None() {
		return "", nil
	}
	return w.row.Name, w.p
}
