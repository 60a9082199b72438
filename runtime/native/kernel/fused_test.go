package kernel_test

import (
	"math"
	"testing"

	"fmtool/runtime/native/kernel"
)

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// randoms returns guarded operands of n normal numbers, spread by 3.
func randoms(t *testing.T, count, n int) (x [][]float32) {
	for i := range count {
		v := guarded(t, n)
		normal(v, uint64(100*n+i), 3)
		x = append(x, v)
	}
	return x
}

// A product and sum is rounded once, for every length; NaN and infinity come through.
func TestMulAdd(t *testing.T) {
	for n := range 71 {
		in, dst := randoms(t, 3, n), guarded(t, n)
		for i := 0; i < n; i += 3 {
			in[i%2][i] = adversarial[(i+n)%len(adversarial)]
		}
		kernel.MulAdd(dst, in[0], in[1], in[2])
		for i, got := range dst {
			x, y, z := float64(in[0][i]), float64(in[1][i]), float64(in[2][i])
			if u := ulps(got, x*y+z); u > 0.500001 {
				t.Errorf("%g·%g + %g = %g, want %g: %.2g ulp", x, y, z, got, x*y+z, u)
			}
		}
	}
}

// SiLU with a bias and without, alone and with what its gradient needs, is within 4 ulp of float64 of the rounded sum; all forms have the same bits.
func TestSiLU(t *testing.T) {
	for n := range 71 {
		in := randoms(t, 2, n)
		x, b := in[0], in[1]
		for i := 0; i < n; i += 3 {
			x[i] = adversarial[(i+n)%len(adversarial)]
		}
		h, s, z, alone := guarded(t, n), guarded(t, n), guarded(t, n), guarded(t, n)
		kernel.SiLUBias(h, s, z, x, b)
		kernel.SiLUBiasOnly(alone, x, b)
		h2, s2 := guarded(t, n), guarded(t, n)
		kernel.SiLU(h2, s2, z)
		only := guarded(t, n)
		kernel.SiLUOnly(only, z)
		for i := range n {
			v := x[i] + b[i]
			if z[i] != v && v == v {
				t.Errorf("%g + %g = %g, want %g", x[i], b[i], z[i], v)
			}
			wantS := sigmoid(float64(v))
			wantH := float64(v) * wantS
			lost := v < -87 && math.Abs(float64(h[i])-wantH) <= math.Abs(float64(v))*1e-45 // s is subnormal
			if v < -88.3 && s[i] == 0 && h[i] == 0 {                                       // e⁻ᵛ overflows before 1/e⁻ᵛ is 0
				lost = true
			}
			if u := max(ulps(s[i], wantS), ulps(h[i], wantH)); u > 4 && !lost {
				t.Errorf("SiLU(%g) = %g, sigmoid %g, want %g, %g: %.2g ulp", v, h[i], s[i], wantH, wantS, u)
			}
			for _, other := range []float32{alone[i], h2[i], only[i]} {
				if math.Float32bits(other) != math.Float32bits(h[i]) && v == v {
					t.Errorf("SiLU(%g) = %g in one form and %g in another", v, h[i], other)
				}
			}
			if s2[i] != s[i] && v == v {
				t.Errorf("sigmoid(%g) = %g in one form and %g in another", v, s[i], s2[i])
			}
		}
	}
}

// The gradient of SiLU is g·s·(1 + z·(1 − s)), also onto its operand.
func TestSiLUGrad(t *testing.T) {
	for n := range 71 {
		in, d := randoms(t, 3, n), guarded(t, n)
		g, z, s := in[0], in[1], in[2]
		kernel.Sigmoid(s, z)
		if n > 3 {
			g[3] = float32(math.NaN())
		}
		kernel.SiLUGrad(d, g, z, s)
		for i := range n {
			gv, zv, sv := float64(g[i]), float64(z[i]), float64(s[i])
			want, size := gv*sv*(1+zv*(1-sv)), math.Abs(gv*sv)*(1+math.Abs(zv*(1-sv)))
			if !near(float64(d[i]), want, size, 3e-7) {
				t.Errorf("gradient at %g times %g = %g, want %g", zv, gv, d[i], want)
			}
		}
		kernel.SiLUGrad(g, g, z, s)
		for i := range n {
			if g[i] != d[i] && d[i] == d[i] {
				t.Errorf("[%d] onto its operand is %g, elsewhere %g", i, g[i], d[i])
			}
		}
	}
}

// The difference of prediction and target and its multiple are rounded as their operations by themselves, for every length, onto operands too.
func TestResidual(t *testing.T) {
	for n := range 71 {
		in, out := randoms(t, 3, n), randoms(t, 2, n)
		for i := 0; i < n; i += 3 {
			in[i%3][i] = adversarial[(i+n)%len(adversarial)]
		}
		kernel.Residual(out[0], out[1], in[0], in[1], in[2], 0.3)
		for i := range n {
			y := in[1][i] - in[2][i]
			e := in[0][i] - y
			if d := 0.3 * e; out[0][i] != e && e == e || out[1][i] != d && d == d || out[0][i] == out[0][i] && e != e {
				t.Errorf("[%d] of %d: %g − (%g − %g) is %g, times 0.3 %g", i, n, in[0][i], in[1][i], in[2][i], out[0][i], out[1][i])
			}
		}
		kernel.Residual(in[0], in[1], in[0], in[1], in[2], 0.3)
		for i := range n {
			for k := range out {
				if in[k][i] != out[k][i] && out[k][i] == out[k][i] {
					t.Errorf("[%d] of %d: result %d onto its operand is %g, elsewhere %g", i, n, k, in[k][i], out[k][i])
				}
			}
		}
	}
}

// Rows are mixed each by its own numbers, at every width, and a number is rounded alike at every place of a row.
func TestMix(t *testing.T) {
	for width := 1; width < 20 && kernel.HasFMA; width++ { // a sum that rounding to float64 first would round down
		dst, y, z := make([]float32, width), make([]float32, width), make([]float32, width)
		for i := range y {
			y[i], z[i] = 673*0x1p-24, 0x1p-60
		}
		kernel.Mix(dst, y, z, []float32{24929}, []float32{1}, width)
		for i, v := range dst {
			if math.Float32bits(v) != 0x3f800001 {
				t.Errorf("[%d] of a row of %d is %x", i, width, math.Float32bits(v))
			}
		}
	}
	for width := range 41 {
		for _, rows := range []int{0, 1, 5} {
			in, dst := randoms(t, 2, rows*width), guarded(t, rows*width)
			scales := randoms(t, 2, rows)
			for i := 0; i < rows*width; i += 7 {
				in[i%2][i] = adversarial[(i+width)%len(adversarial)]
			}
			kernel.Mix(dst, in[0], in[1], scales[0], scales[1], width)
			for i, got := range dst {
				a, b, y, z := scales[0][i/width], scales[1][i/width], in[0][i], in[1][i]
				if want := float64(a)*float64(y) + float64(b*z); ulps(got, want) > 0.500001 {
					t.Errorf("%d rows of %d: %g·%g + %g·%g = %g, want %g", rows, width, a, y, b, z, got, want)
				}
			}
		}
	}
}

var step = kernel.AdamW{
	Scale: 0.5, Beta1: 0.9, Rest1: 0.1, Beta2: 0.999, Rest2: 0.001, Correct1: 2.5, Correct2: 30, Epsilon: 1e-8, Decay: 0.01, Rate: 1e-3, Keep: 0.99,
}

// adamw is the step of one weight in float64.
func adamw(c *kernel.AdamW, w, m, v, e, g float64) (w1, m1, v1, e1, move float64) {
	g *= float64(c.Scale)
	m1 = float64(c.Beta1)*m + float64(c.Rest1)*g
	v1 = float64(c.Beta2)*v + float64(c.Rest2)*g*g
	move = m1*float64(c.Correct1)/(math.Sqrt(v1*float64(c.Correct2))+float64(c.Epsilon)) + float64(c.Decay)*w
	w1 = w - float64(c.Rate)*move
	return w1, m1, v1, w1 + float64(c.Keep)*(e-w1), move
}

// A step of AdamW is right for every length, onto its operands too; a gradient that is NaN spoils its own weight alone.
func TestAdamW(t *testing.T) {
	for n := range 71 {
		in, out := randoms(t, 5, n), randoms(t, 4, n)
		w, m, v, e, g := in[0], in[1], in[2], in[3], in[4]
		for i := range v {
			v[i] *= v[i]
		}
		if n > 5 {
			g[5], g[4], m[4] = float32(math.NaN()), 0, 0
		}
		step.Update(out[0], out[1], out[2], out[3], w, m, v, e, g)
		for i := range n {
			w1, m1, v1, e1, move := adamw(&step, float64(w[i]), float64(m[i]), float64(v[i]), float64(e[i]), float64(g[i]))
			sizes := []float64{math.Abs(float64(w[i])) + 10*float64(step.Rate)*math.Abs(move), math.Abs(float64(m[i])) + math.Abs(float64(g[i])), v1,
				math.Abs(float64(w[i])) + math.Abs(float64(e[i]))}
			for k, want := range []float64{w1, m1, v1, e1} {
				if !near(float64(out[k][i]), want, sizes[k], 3e-7) {
					t.Errorf("[%d] of %d: result %d is %g, want %g", i, n, k, out[k][i], want)
				}
			}
		}
		step.Update(w, m, v, e, w, m, v, e, g)
		for k := range out {
			for i := range n {
				if in[k][i] != out[k][i] && out[k][i] == out[k][i] {
					t.Errorf("[%d] of %d: result %d onto its operand is %g, elsewhere %g", i, n, k, in[k][i], out[k][i])
				}
			}
		}
	}
}

func TestFusedAllocateNothing(t *testing.T) {
	x, y := make([]float32, 77), make([]float32, 77)
	if n := testing.AllocsPerRun(5, func() {
		kernel.MulAdd(y, x, x, x)
		kernel.SiLUBias(y, y, y, x, x)
		kernel.SiLUGrad(y, x, x, x)
		kernel.Residual(y, y, x, x, x, 1)
		kernel.Mix(y, x, x, x, x, 7)
		step.Update(y, y, y, y, x, x, x, x, x)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// Each fused function on 4096 elements and its naive twin; bytes are those read and written.
func BenchmarkFused(b *testing.B) {
	const n = 4096
	var x [9][]float32
	for i := range x {
		x[i] = make([]float32, n)
		normal(x[i], uint64(i), 1)
	}
	for _, c := range []struct {
		name   string
		passes int64 // slices read or written
		f      func()
		naive  func(i int)
	}{
		{"MulAdd", 4, func() { kernel.MulAdd(x[0], x[1], x[2], x[3]) }, func(i int) { x[0][i] = x[1][i]*x[2][i] + x[3][i] }},
		{"SiLUBias", 5, func() { kernel.SiLUBias(x[0], x[1], x[2], x[3], x[4]) }, func(i int) {
			z := x[3][i] + x[4][i]
			s := float32(sigmoid(float64(z)))
			x[0][i], x[1][i], x[2][i] = z*s, s, z
		}},
		{"SiLUBiasOnly", 3, func() { kernel.SiLUBiasOnly(x[0], x[3], x[4]) }, func(i int) {
			z := x[3][i] + x[4][i]
			x[0][i] = z * float32(sigmoid(float64(z)))
		}},
		{"SiLU", 3, func() { kernel.SiLU(x[0], x[1], x[3]) }, func(i int) {
			s := float32(sigmoid(float64(x[3][i])))
			x[0][i], x[1][i] = x[3][i]*s, s
		}},
		{"SiLUOnly", 2, func() { kernel.SiLUOnly(x[0], x[3]) }, func(i int) { x[0][i] = x[3][i] * float32(sigmoid(float64(x[3][i]))) }},
		{"SiLUGrad", 4, func() { kernel.SiLUGrad(x[0], x[3], x[4], x[5]) }, func(i int) { x[0][i] = x[3][i] * x[5][i] * (1 + x[4][i]*(1-x[5][i])) }},
		{"Residual", 5, func() { kernel.Residual(x[0], x[1], x[2], x[3], x[4], 0.5) }, func(i int) {
			x[0][i] = x[2][i] - (x[3][i] - x[4][i])
			x[1][i] = 0.5 * x[0][i]
		}},
		{"Mix", 3, func() { kernel.Mix(x[0], x[1], x[2], x[3], x[4], 64) }, func(i int) { x[0][i] = x[3][i/64]*x[1][i] + x[4][i/64]*x[2][i] }},
		{"AdamW", 9, func() { step.Update(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8]) }, func(i int) {
			w, m, v, e, _ := adamw(&step, float64(x[4][i]), float64(x[5][i]), float64(x[6][i]), float64(x[7][i]), float64(x[8][i]))
			x[0][i], x[1][i], x[2][i], x[3][i] = float32(w), float32(m), float32(v), float32(e)
		}},
	} {
		for name, f := range map[string]func(){c.name: c.f, c.name + "/naive": func() {
			for i := range n {
				c.naive(i)
			}
		}} {
			b.Run(name, func(b *testing.B) {
				b.SetBytes(4 * n * c.passes)
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/element")
			})
		}
	}
}
