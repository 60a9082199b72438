package kernel

import "math"

// AdamW are the numbers of one step of AdamW with an average of the weights, see Update. The assembly reads them in this order.
type AdamW struct {
	Scale        float32 // of the gradient, by clipping
	Beta1, Rest1 float32 // of the first moment and of the gradient
	Beta2, Rest2 float32 // of the second moment and of the squared gradient
	Correct1     float32 // 1/(1 − β₁ᵏ)
	Correct2     float32 // 1/(1 − β₂ᵏ)
	Epsilon      float32
	Decay, Rate  float32
	Keep         float32 // of the average
}

func mulAddPortable(dst, x, y, z []float32) {
	for i := range dst {
		dst[i] = float32(float64(x[i])*float64(y[i]) + float64(z[i]))
	}
}

func siluBiasPortable(h, s, z, x, b []float32) {
	for i := range h {
		v := x[i] + b[i]
		u := float32(sigmoid(float64(v)))
		z[i], s[i], h[i] = v, u, v*u
	}
}

func siluBiasOnlyPortable(h, x, b []float32) {
	for i := range h {
		v := x[i] + b[i]
		h[i] = v * float32(sigmoid(float64(v)))
	}
}

func siluPortable(h, s, x []float32) {
	for i := range h {
		v := x[i]
		s[i] = float32(sigmoid(float64(v)))
		h[i] = v * s[i]
	}
}

func siluOnlyPortable(h, x []float32) {
	for i, v := range x[:len(h)] {
		h[i] = v * float32(sigmoid(float64(v)))
	}
}

func siluGradPortable(d, g, z, s []float32) {
	for i := range d {
		d[i] = g[i] * s[i] * (1 + z[i]*(1-s[i]))
	}
}

func residualPortable(e, d, u, y, z []float32, s float32) {
	for i := range e {
		v := u[i] - (y[i] - z[i])
		e[i], d[i] = v, s*v
	}
}

func mixPortable(dst, y, z, a, b []float32, width int) {
	for i := range dst {
		row := i / width
		dst[i] = float32(float64(a[row])*float64(y[i]) + float64(b[row]*z[i]))
	}
}

func updatePortable(w1, m1, v1, e1, w, m, v, e, g []float32, c *AdamW) {
	for i := range w1 {
		gi := g[i] * c.Scale
		mi := m[i]*c.Beta1 + gi*c.Rest1
		vi := v[i]*c.Beta2 + gi*gi*c.Rest2
		move := mi*c.Correct1/(float32(math.Sqrt(float64(vi*c.Correct2)))+c.Epsilon) + c.Decay*w[i]
		wi := w[i] - c.Rate*move
		m1[i], v1[i], w1[i] = mi, vi, wi
		e1[i] = wi + c.Keep*(e[i]-wi)
	}
}
