package kernel_test

import (
	"math"
	"slices"
	"testing"

	"fmtool/runtime/native/kernel"
)

// unary are the functions of one operand, what they are by definition and the ulps that their comments promise.
var unary = []struct {
	name   string
	f      func(dst, x []float32)
	truth  func(float64) float64
	within float64
}{
	{"Sqrt", kernel.Sqrt, math.Sqrt, 0.5},
	{"Exp", kernel.Exp, math.Exp, 3},
	{"Log", kernel.Log, math.Log, 2},
	{"Sin", kernel.Sin, math.Sin, 2},
	{"Cos", kernel.Cos, math.Cos, 2},
	{"Tanh", kernel.Tanh, math.Tanh, 3},
	{"Erf", kernel.Erf, math.Erf, 2},
	{"Sigmoid", kernel.Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, 3},
	{"Softplus", kernel.Softplus, func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, 4},
	{"Reciprocal", kernel.Reciprocal, func(x float64) float64 { return 1 / x }, 0.5},
	{"Neg", kernel.Neg, func(x float64) float64 { return -x }, 0},
	{"Abs", kernel.Abs, math.Abs, 0},
	{"Relu", kernel.Relu, func(x float64) float64 { return max(x, 0) }, 0},
	{"Floor", kernel.Floor, math.Floor, 0},
	{"Ceil", kernel.Ceil, math.Ceil, 0},
	{"Sign", kernel.Sign, func(x float64) float64 {
		if x == 0 || x != x {
			return x
		}
		return math.Copysign(1, x)
	}, 0},
	{"LeakyRelu", func(dst, x []float32) { kernel.LeakyRelu(dst, x, 0.25) }, func(x float64) float64 { return max(x, x/4) }, 0.5},
	{"Elu", func(dst, x []float32) { kernel.Elu(dst, x, 1, 1.5) }, elu(1, 1.5), 3},
	{"Selu", func(dst, x []float32) { kernel.Elu(dst, x, gamma, gammaAlpha) }, elu(gamma, gammaAlpha), 3},
}

// The factors of SELU, as float32.
const gamma, gammaAlpha = 1.0507010221481323, 1.7580993175506592

func elu(above, below float64) func(float64) float64 {
	return func(x float64) float64 {
		if x > 0 {
			return float64(float32(above)) * x
		}
		return float64(float32(below)) * math.Expm1(x)
	}
}

// hard are numbers that functions of one operand find hard: the adversarial ones, those about 1, about multiples of π/2, of every size and sign.
func hard() []float32 {
	x := slices.Clone(adversarial)
	about := func(v float64) {
		for d := range 7 {
			x = append(x, math.Float32frombits(math.Float32bits(float32(v))+uint32(d)-3))
		}
	}
	for _, v := range []float64{1, math.Sqrt2, math.Sqrt2 / 2, 0x1p-126, 1 << 15, 1 << 23, 1 << 24, 0.5, 1.5, 2.5, 4} {
		about(v)
		about(-v)
	}
	for k := 1; k < 25000; k += 1 + k/100 {
		about(float64(k) * math.Pi / 4)
	}
	for bits := uint32(1); bits < 0xff800000; bits += 0x00123457 {
		x = append(x, math.Float32frombits(bits))
	}
	return x
}

// Each vector function is within its ulps of float64, for every length, on random, denormal, huge and infinite numbers; NaN stays NaN; nothing
// outside is written.
func TestUnary(t *testing.T) {
	hard := hard()
	for _, f := range unary {
		t.Run(f.name, func(t *testing.T) {
			worst := 0.0
			check := func(x []float32) {
				dst, in := guarded(t, len(x)), guarded(t, len(x))
				copy(in, x)
				f.f(dst, in)
				for i, v := range x {
					u := ulps(dst[i], f.truth(float64(v)))
					if f.name == "Sigmoid" && v < -88.3 && dst[i] == 0 { // e⁻ˣ overflows before 1/e⁻ˣ is 0
						u = 0
					}
					if worst = max(worst, u); u > f.within {
						t.Errorf("f(%g) = %g, want %g: %.2g ulp", v, dst[i], f.truth(float64(v)), u)
					}
				}
			}
			check(hard)
			for n := range 71 {
				x := make([]float32, n)
				normal(x, uint64(n), 10)
				check(x)
			}
			x := make([]float32, 20000)
			for i, s := range []float32{0.1, 1, 10, 40, 1e4} {
				normal(x, uint64(100+i), s)
				check(x)
			}
			t.Logf("worst %.2f ulp", worst)
		})
	}
}

// An element has the same bits wherever it stands and whatever its neighbours are, also onto its operand.
func TestUnaryElementsAreIndependent(t *testing.T) {
	x := hard()
	for _, f := range unary {
		whole, one := make([]float32, len(x)), make([]float32, 1)
		f.f(whole, x)
		for i := 0; i < len(x); i += 3 {
			if f.f(one, x[i:i+1]); math.Float32bits(one[0]) != math.Float32bits(whole[i]) && one[0] == one[0] {
				t.Fatalf("%s(%g) = %g alone and %g among others", f.name, x[i], one[0], whole[i])
			}
		}
		in := slices.Clone(x)
		f.f(in, in)
		for i := range in {
			if math.Float32bits(in[i]) != math.Float32bits(whole[i]) && in[i] == in[i] {
				t.Fatalf("%s(%g) = %g onto its operand and %g elsewhere", f.name, x[i], in[i], whole[i])
			}
		}
	}
}

// binary are the functions of two operands, which are exact.
var binary = []struct {
	name  string
	f     func(dst, x, y []float32)
	truth func(x, y float32) float32
}{
	{"Add", kernel.Add, func(x, y float32) float32 { return x + y }},
	{"Sub", kernel.Sub, func(x, y float32) float32 { return x - y }},
	{"Mul", kernel.Mul, func(x, y float32) float32 { return x * y }},
	{"Div", kernel.Div, func(x, y float32) float32 { return x / y }},
	{"Max", kernel.Max, func(x, y float32) float32 { return max(x, y) }},
	{"Min", kernel.Min, func(x, y float32) float32 { return min(x, y) }},
	{"Equal", kernel.Equal, func(x, y float32) float32 { return truth(x == y) }},
	{"Less", kernel.Less, func(x, y float32) float32 { return truth(x < y) }},
	{"LessOrEqual", kernel.LessOrEqual, func(x, y float32) float32 { return truth(x <= y) }},
	{"Greater", kernel.Greater, func(x, y float32) float32 { return truth(x > y) }},
	{"GreaterOrEqual", kernel.GreaterOrEqual, func(x, y float32) float32 { return truth(x >= y) }},
	{"Where", func(dst, x, y []float32) { kernel.Where(dst, x, x, y) }, func(x, y float32) float32 {
		if x != 0 {
			return x
		}
		return y
	}},
}

func truth(b bool) float32 {
	if b {
		return 1
	}
	return 0
}

// They are as defined, bit for bit but for the sign of 0 and the kind of NaN, for every length, also onto an operand.
func TestBinary(t *testing.T) {
	for _, f := range binary {
		for n := range 71 {
			x, y, dst := guarded(t, n), guarded(t, n), guarded(t, n)
			normal(x, 1, 1)
			normal(y, 2, 1)
			for i := range n {
				if i%3 == 0 {
					x[i] = adversarial[(i+n)%len(adversarial)]
				}
				if i%7 == 0 {
					y[i] = x[i]
				} else if i%5 == 0 {
					y[i] = adversarial[(2*i+3*n)%len(adversarial)]
				}
			}
			f.f(dst, x, y)
			for i := range n {
				if want := f.truth(x[i], y[i]); dst[i] != want && (want == want || dst[i] == dst[i]) {
					t.Errorf("%s(%g, %g) = %g, want %g", f.name, x[i], y[i], dst[i], want)
				}
			}
			f.f(x, x, y)
			for i := range n {
				if x[i] != dst[i] && dst[i] == dst[i] {
					t.Errorf("%s onto its operand differs", f.name)
				}
			}
		}
	}
}

// Where looks at its condition alone, NaN being one that holds, for every length.
func TestWhere(t *testing.T) {
	for n := range 71 {
		cond, x, y, dst := guarded(t, n), guarded(t, n), guarded(t, n), guarded(t, n)
		normal(x, 1, 1)
		normal(y, 2, 1)
		for i := range cond {
			cond[i] = []float32{0, 1, float32(math.NaN()), float32(math.Copysign(0, -1)), 1e-45}[(i*i+n)%5]
		}
		kernel.Where(dst, cond, x, y)
		for i, got := range dst {
			if want := map[bool]float32{true: x[i], false: y[i]}[cond[i] != 0]; got != want {
				t.Errorf("%d of %d with %g: %g, want %g", i, n, cond[i], got, want)
			}
		}
	}
}

func TestVectorsAllocateNothing(t *testing.T) {
	x, y := make([]float32, 77), make([]float32, 77)
	normal(x, 1, 1e5)
	for _, f := range unary {
		if n := testing.AllocsPerRun(5, func() { f.f(y, x) }); n > 0 {
			t.Errorf("%s: %v allocations", f.name, n)
		}
	}
	for _, f := range binary {
		if n := testing.AllocsPerRun(5, func() { f.f(y, x, y) }); n > 0 {
			t.Errorf("%s: %v allocations", f.name, n)
		}
	}
}

// Each function on 4096 elements, which stay in the first-level cache, and its naive twin; bytes are those read and written.
func BenchmarkVector(b *testing.B) {
	const n = 4096
	x, y, z := make([]float32, n), make([]float32, n), make([]float32, n)
	normal(x, 1, 3)
	normal(y, 2, 3)
	bench := func(name string, operands int64, f func()) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(4 * n * (operands + 1))
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/element")
		})
	}
	for _, f := range unary {
		bench(f.name, 1, func() { f.f(z, x) })
		bench(f.name+"/naive", 1, func() { kernel.Map(z, x, f.truth) })
	}
	for _, f := range binary {
		bench(f.name, 2, func() { f.f(z, x, y) })
		bench(f.name+"/naive", 2, func() {
			for i := range z {
				z[i] = f.truth(x[i], y[i])
			}
		})
	}
}
