package flow

import (
	"fmt"
	"math"
	"slices"
)

// Normaliser takes data to model space, (x − Mean)/Scale, and back. Mean and Scale hold one number for each column, or one for all (global, none) if no column is constant.
type Normaliser struct {
	Kind  string    // "column", "global" or "none"
	Mean  []float32 // [D] or [1]
	Scale []float32 // [D] or [1], positive
	// Constant marks columns [D] whose values were all the same: their scale is 1, samples get the value exactly, likelihoods leave them out. nil: none.
	Constant []bool
}

// NormaliserKinds are the kinds FitNormaliser knows.
var NormaliserKinds = []string{"column", "global", "none"}

// FitNormaliser computes mean and standard deviation of rows [N, dim], in float64. Data that is constant in every column, or not finite, is refused.
func FitNormaliser(kind string, rows []float32, dim int) (Normaliser, error) {
	if dim < 1 || len(rows) == 0 || len(rows)%dim != 0 {
		return Normaliser{}, fmt.Errorf("flow: %d numbers are no rows of %d", len(rows), dim)
	}
	if err := checkFinite("data", rows); err != nil {
		return Normaliser{}, err
	}
	constant := ConstantColumns(rows, dim)
	if !slices.Contains(constant, false) {
		return Normaliser{}, fmt.Errorf("flow: every column of the data is constant: there is nothing to learn")
	}
	n := Normaliser{Kind: kind, Constant: constant}
	switch kind {
	case "column":
		for j := range dim {
			m, s := meanScale(rows[j:], dim)
			if constant[j] {
				m, s = rows[j], 1
			}
			n.Mean, n.Scale = append(n.Mean, m), append(n.Scale, s)
		}
	case "global":
		m, s := meanScale(varying(rows, constant), 1)
		n.Mean, n.Scale = []float32{m}, []float32{s}
	case "none":
		n.Mean, n.Scale = []float32{0}, []float32{1}
	default:
		return Normaliser{}, Unknown("normaliser", kind, NormaliserKinds)
	}
	n.separate(rows, dim)
	return n, nil
}

// ConstantColumns marks the columns of rows [N, dim] whose values are all the same.
func ConstantColumns(rows []float32, dim int) []bool {
	constant := make([]bool, dim)
	for j := range constant {
		constant[j] = true
		for i := j; i < len(rows) && constant[j]; i += dim {
			constant[j] = rows[i] == rows[j]
		}
	}
	return constant
}

// varying are the numbers of the columns that are not constant.
func varying(rows []float32, constant []bool) []float32 {
	var out []float32
	for i, v := range rows {
		if !constant[i%len(constant)] {
			out = append(out, v)
		}
	}
	return out
}

// separate gives constant columns a mean and a scale of their own where all columns shared one.
func (n *Normaliser) separate(rows []float32, dim int) {
	if len(n.Mean) != 1 || dim == 1 || !slices.Contains(n.Constant, true) {
		return
	}
	m, s := n.Mean[0], n.Scale[0]
	n.Mean, n.Scale = make([]float32, dim), make([]float32, dim)
	for j := range dim {
		if n.Mean[j], n.Scale[j] = m, s; n.Constant[j] {
			n.Mean[j], n.Scale[j] = rows[j], 1
		}
	}
}

func meanScale(v []float32, stride int) (mean, scale float32) {
	sum, count := 0.0, 0
	for i := 0; i < len(v); i += stride {
		sum += float64(v[i])
		count++
	}
	m, square := sum/float64(count), 0.0
	for i := 0; i < len(v); i += stride {
		d := float64(v[i]) - m
		square += d * d
	}
	scale = float32(math.Sqrt(square / float64(count)))
	if scale == 0 { // a deviation below the least float32, too
		scale = 1
	}
	return float32(m), scale
}

// Encode writes rows of data units [N, D] as model space; dst may be rows.
func (n Normaliser) Encode(dst, rows []float32) {
	k := len(n.Mean)
	for i, v := range rows {
		dst[i] = (v - n.Mean[i%k]) / n.Scale[i%k]
	}
}

// Decode writes rows of model space [N, D] as data units; dst may be rows. dim is D. Constant columns get their value exactly.
func (n Normaliser) Decode(dst, rows []float32, dim int) {
	k := len(n.Mean)
	for i, v := range rows {
		j := i % dim
		switch {
		case k > 1 && j < len(n.Constant) && n.Constant[j]:
			dst[i] = n.Mean[j]
		default:
			dst[i] = v*n.Scale[i%k] + n.Mean[i%k]
		}
	}
}

// LogJacobian is log |∂ model space/∂ data units| of a row of dim columns, −Σ ln scale over the columns that vary.
func (n Normaliser) LogJacobian(dim int) float64 {
	sum := 0.0
	for j := range dim {
		if j < len(n.Constant) && n.Constant[j] {
			continue
		}
		sum -= math.Log(float64(n.Scale[j%len(n.Scale)]))
	}
	return sum
}

// check refuses a normaliser that does not fit rows of dim columns.
func (n Normaliser) check(dim int) error {
	if !slices.Contains(NormaliserKinds, n.Kind) {
		return fmt.Errorf("flow: %w", Unknown("normaliser", n.Kind, NormaliserKinds))
	}
	if len(n.Mean) != len(n.Scale) || len(n.Mean) != 1 && len(n.Mean) != dim || n.Constant != nil && len(n.Constant) != dim {
		return fmt.Errorf("flow: normaliser with %d means, %d scales and %d constants for %d columns", len(n.Mean), len(n.Scale), len(n.Constant), dim)
	}
	for i, s := range n.Scale {
		if !(s > 0) {
			return fmt.Errorf("flow: normaliser: scale [%d] is %g, want a positive number", i, s)
		}
	}
	if err := checkFinite("normaliser mean", n.Mean); err != nil {
		return err
	}
	return checkFinite("normaliser scale", n.Scale)
}
