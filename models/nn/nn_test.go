package nn_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/nn"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
)

// eval builds a graph of one input x [N in] and runs it in float64.
func eval(t testing.TB, x []float64, in int, build func(n *nn.Net, x *graph.Value) *graph.Value) []float64 {
	t.Helper()
	b := graph.NewBuilder("test")
	v := b.Input("x", tensor.Float32, graph.Sym("N"), graph.Fix(in))
	y := build(nn.New(b, nn.Fresh(noise.New(3, noise.Weights))), v)
	b.Output("y", y)
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	p, err := native.Compile(g, native.Options{Float64: true})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	shape, _ := y.Type.Shape.Eval(map[string]int{"N": len(x) / in})
	out := tensor.New(tensor.Float64, shape...)
	if err := p.Run(context.Background(), []tensor.Tensor{tensor.Of(x, len(x)/in, in)}, []tensor.Tensor{out}); err != nil {
		t.Fatal(err)
	}
	return out.Float64()
}

// Each activation is its formula, and its gain is 1/E[f(z)²] over standard normal z, here by quadrature.
func TestActivations(t *testing.T) {
	formulas := map[string]func(float64) float64{
		"silu": func(x float64) float64 { return x / (1 + math.Exp(-x)) },
		"gelu": func(x float64) float64 { return x * (1 + math.Erf(x/math.Sqrt2)) / 2 },
		"tanh": math.Tanh,
		"relu": func(x float64) float64 { return max(x, 0) },
		"selu": func(x float64) float64 {
			const alpha, gamma = 1.6732632423543772, 1.0507009873554805
			if x > 0 {
				return gamma * x
			}
			return gamma * alpha * math.Expm1(x)
		},
	}
	if len(formulas) != len(nn.Activations) {
		t.Fatalf("%d formulas for %d activations", len(formulas), len(nn.Activations))
	}
	const h = 1e-3
	var x []float64
	for v := -8.0; v <= 8; v += h {
		x = append(x, v)
	}
	for _, a := range nn.Activations {
		y := eval(t, x, 1, func(n *nn.Net, v *graph.Value) *graph.Value { return a.Apply(n.Builder, v) })
		second := 0.0
		for i, v := range x {
			if want := formulas[a.Name](v); math.Abs(y[i]-want) > 1e-6 {
				t.Fatalf("%s(%g) = %g, want %g", a.Name, v, y[i], want)
			}
			second += y[i] * y[i] * math.Exp(-v*v/2) / math.Sqrt(2*math.Pi) * h
		}
		if math.Abs(a.Gain*second-1) > 1e-3 {
			t.Errorf("%s: gain %g, want 1/E[f²] = %.4f", a.Name, a.Gain, 1/second)
		}
	}
}

func TestParseActivationProposesTheNearest(t *testing.T) {
	_, err := nn.ParseActivation("sigluu")
	if err == nil || !strings.Contains(err.Error(), `unknown activation "sigluu"`) || !strings.Contains(err.Error(), "did you mean \"silu\"") {
		t.Errorf("got %v", err)
	}
	for _, a := range nn.Activations {
		if got, err := nn.ParseActivation(a.Name); err != nil || got.Name != a.Name {
			t.Errorf("%s: got %s, %v", a.Name, got.Name, err)
		}
	}
}

// Time features are sin and cos of phases that stay within the bound and tell all times of [0, 1] apart.
func TestTimeFeatures(t *testing.T) {
	const n = 16
	f := nn.Frequencies(n)
	if f[0] != float32(math.Pi/2) || float64(f[n-1]) > nn.PhaseBound*(1+1e-7) {
		t.Errorf("frequencies %g … %g, want π/2 … 8π", f[0], f[n-1])
	}
	times := []float64{0, 0.25, 0.5, 0.999, 1}
	y := eval(t, times, 1, func(n *nn.Net, v *graph.Value) *graph.Value { return n.TimeFeatures(v, 16) })
	for i, at := range times {
		for k, w := range f {
			sin, cos := math.Sincos(float64(w) * at)
			if s, c := y[i*2*n+k], y[i*2*n+n+k]; math.Abs(s-sin) > 1e-12 || math.Abs(c-cos) > 1e-12 {
				t.Fatalf("t = %g, frequency %g: %g %g, want %g %g", at, w, s, c, sin, cos)
			}
		}
	}
	if one := nn.Frequencies(1); len(one) != 1 || one[0] != f[0] {
		t.Errorf("one frequency is %v", one)
	}
}

// A linear layer with the gain of the activation before it keeps the variance at 1.
func TestLinearKeepsVariance(t *testing.T) {
	const rows, in, out = 400, 128, 96
	z := make([]float32, rows*in)
	noise.New(1, noise.Probe).Normals(z, 0)
	x := make([]float64, len(z))
	for i, v := range z {
		x[i] = float64(v)
	}
	for _, a := range nn.Activations {
		y := eval(t, x, in, func(n *nn.Net, v *graph.Value) *graph.Value {
			return n.Linear("layer", a.Apply(n.Builder, v), out, a.Gain)
		})
		square := 0.0
		for _, v := range y {
			square += v * v
		}
		if v := square / float64(len(y)); math.Abs(v-1) > 0.1 {
			t.Errorf("%s: variance %.3f, want 1", a.Name, v)
		}
	}
}

// A parameter's numbers depend on its name and the seed alone: other layers change nothing.
func TestFreshIsKeyedByName(t *testing.T) {
	params := func(seed uint64, layers ...string) map[string]string {
		b := graph.NewBuilder("test")
		n := nn.New(b, nn.Fresh(noise.New(seed, noise.Weights)))
		x := b.Input("x", tensor.Float32, graph.Sym("N"), graph.Fix(3))
		for _, l := range layers {
			b.Output(l, n.Linear(l, x, 3, 1))
		}
		g, err := b.Graph()
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, p := range g.Params {
			out[p.Name] = fmt.Sprint(p.Data.Float32())
		}
		return out
	}
	alone, among, other := params(1, "b"), params(1, "a", "b", "c"), params(2, "b")
	if alone["b.weight"] != among["b.weight"] {
		t.Error("other layers change the weights of b")
	}
	if among["a.weight"] == among["b.weight"] || alone["b.weight"] == other["b.weight"] {
		t.Error("two names or two seeds give the same weights")
	}
}

// Choose is the row where drop is 0 and the learned row where it is 1.
func TestChoose(t *testing.T) {
	for drop, wantRow := range map[float64]bool{0: true, 1: false} {
		b := graph.NewBuilder("test")
		n := nn.New(b, nn.Stored(map[string]tensor.Tensor{"null": tensor.Of([]float32{7, 8}, 1, 2)}))
		a := b.Input("a", tensor.Float32, graph.Sym("N"), graph.Fix(2))
		d := b.Input("d", tensor.Float32, graph.Sym("N"), graph.Fix(1))
		b.Output("y", n.Choose("null", a, d))
		g, err := b.Graph()
		if err != nil {
			t.Fatal(err)
		}
		p, err := native.Compile(g, native.Options{})
		if err != nil {
			t.Fatal(err)
		}
		y := tensor.New(tensor.Float32, 1, 2)
		if err := p.Run(context.Background(), []tensor.Tensor{tensor.Of([]float32{1, 2}, 1, 2), tensor.Of([]float32{float32(drop)}, 1, 1)}, []tensor.Tensor{y}); err != nil {
			t.Fatal(err)
		}
		want := [2]float32{7, 8}
		if wantRow {
			want = [2]float32{1, 2}
		}
		if got := [2]float32(y.Float32()); got != want {
			t.Errorf("drop %g: %v, want %v", drop, got, want)
		}
	}
}

// Stored weights that are missing or of another shape are errors that show both sides.
func TestStoredRefuses(t *testing.T) {
	for want, weights := range map[string]map[string]tensor.Tensor{
		"the weights have no layer.weight [3 2]":                       {},
		"layer.weight is float32[2 3], the network needs float32[3 2]": {"layer.weight": tensor.New(tensor.Float32, 2, 3)},
		"layer.weight is float64[3 2], the network needs float32[3 2]": {"layer.weight": tensor.New(tensor.Float64, 3, 2)},
		"layer.bias is float32[2], the network needs float32[1 2]": {
			"layer.weight": tensor.New(tensor.Float32, 3, 2), "layer.bias": tensor.New(tensor.Float32, 2)},
	} {
		b := graph.NewBuilder("test")
		n := nn.New(b, nn.Stored(weights))
		b.Output("y", n.Linear("layer", b.Input("x", tensor.Float32, graph.Sym("N"), graph.Fix(3)), 2, 1))
		if _, err := b.Graph(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func Example() {
	b := graph.NewBuilder("layer")
	n := nn.New(b, nn.Fresh(noise.New(7, noise.Weights)))
	x := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(2))
	act, _ := nn.ParseActivation("silu")
	b.Scope("net", func() { b.Output("h", act.Apply(b, n.Linear("in", x, 64, 1))) })
	g, err := b.Graph()
	for _, p := range g.Params {
		fmt.Println(p.Name, p.Type)
	}
	fmt.Println(g.Output("h").Type, err)
	// Output:
	// net.in.weight float32[2 64]
	// net.in.bias float32[1 64]
	// float32[batch 64] <nil>
}
