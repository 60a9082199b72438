package optim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"fmtool/models/autodiff"
	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
	"fmtool/train/optim"
)

type golden struct {
	X, Y, W, B                              []float32
	Beta1, Beta2, Epsilon, Decay, Clip, EMA float64
	Rates                                   []float64
	Steps                                   []struct {
		Loss, Norm   float64
		W, B, EW, EB []float64
	}
}

func read(t *testing.T) (g golden) {
	t.Helper()
	text, err := os.ReadFile("testdata/golden.json")
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// regression is the golden file's problem as a compiled training step.
func regression(t *testing.T, g golden, f64 bool) *native.Plan {
	t.Helper()
	b := graph.NewBuilder("regression")
	rate, step := b.Input("rate", tensor.Float32), b.Input("step", tensor.Float32)
	x, y := b.Const(tensor.Of(g.X, 7, 3)), b.Const(tensor.Of(g.Y, 7, 2))
	w, bias := b.Param("w", tensor.Of(g.W, 3, 2)), b.Param("b", tensor.Of(g.B, 1, 2))
	d := b.Subtract(b.Add(b.MatMul(x, w), bias), y)
	loss := b.ReduceMean(b.ReduceSum(b.Mul(d, d), false, 1), false)
	b.Output("loss", loss)
	grads := autodiff.VJP(b, loss, b.Scalar(tensor.Float32, 1), w, bias)
	grads, norm := optim.Clip(b, grads, g.Clip)
	b.Output("norm", norm)
	o := optim.AdamW{Beta1: g.Beta1, Beta2: g.Beta2, Epsilon: g.Epsilon, Decay: g.Decay}
	var states []native.State
	for _, s := range o.Update(b, []*graph.Value{w, bias}, grads, rate, step, g.EMA) {
		states = append(states, native.State(s))
	}
	gr, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	p, err := native.Compile(gr, native.Options{State: states, Float64: f64})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// Five steps agree with NumPy's float64: loss, norm before clipping, weights and averages; the bias does not decay.
func TestAgainstNumPy(t *testing.T) {
	g := read(t)
	for _, c := range []struct {
		f64       bool
		tolerance float64
	}{{false, 5e-6}, {true, 1e-7}} {
		p := regression(t, g, c.f64)
		d := tensor.Float32
		if c.f64 {
			d = tensor.Float64
		}
		out := make([]tensor.Tensor, 2+2*4) // loss, norm, and the states of two weights
		out[0], out[1] = tensor.New(d), tensor.New(d)
		for k, want := range g.Steps {
			in := []tensor.Tensor{tensor.Scalar(g.Rates[k]).Convert(d), tensor.Scalar(float64(k + 1)).Convert(d)}
			if err := p.Run(context.Background(), in, out); err != nil {
				t.Fatal(err)
			}
			near := func(what string, got tensor.Tensor, want ...float64) {
				for i, v := range got.Convert(tensor.Float64).Float64() {
					if math.Abs(v-want[i]) > c.tolerance*max(1, math.Abs(want[i])) {
						t.Errorf("float64 %v, step %d: %s[%d] = %.9g, want %.9g", c.f64, k+1, what, i, v, want[i])
					}
				}
			}
			near("loss", out[0], want.Loss)
			near("norm", out[1], want.Norm)
			for name, want := range map[string][]float64{"w": want.W, "b": want.B, "ema.w": want.EW, "ema.b": want.EB} {
				v, err := p.ReadParam(name)
				if err != nil {
					t.Fatal(err)
				}
				near(name, v, want...)
			}
		}
	}
}

// Clipping leaves short gradients alone and cuts long ones to the bound, whole.
func TestClip(t *testing.T) {
	for _, c := range []struct{ bound, factor float64 }{{0, 1}, {14, 1}, {13, 1}, {6.5, 0.5}, {1.3, 0.1}} {
		b := graph.NewBuilder("clip")
		in := []*graph.Value{b.Input("a", tensor.Float32, graph.Fix(2)), b.Input("b", tensor.Float32, graph.Fix(1))}
		out, norm := optim.Clip(b, in, c.bound)
		b.Output("norm", norm)
		for i, v := range out {
			b.Output(fmt.Sprint(i), v)
		}
		g, err := b.Graph()
		if err != nil {
			t.Fatal(err)
		}
		p, err := native.Compile(g, native.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := []tensor.Tensor{tensor.New(tensor.Float32), tensor.New(tensor.Float32, 2), tensor.New(tensor.Float32, 1)}
		if err := p.Run(context.Background(), []tensor.Tensor{tensor.Of([]float32{3, 4}, 2), tensor.Of([]float32{12}, 1)}, got); err != nil {
			t.Fatal(err)
		}
		if n := got[0].Float32()[0]; n != 13 {
			t.Errorf("norm %g, want 13", n)
		}
		for i, want := range []float64{3, 4, 12} {
			v := append(got[1].Float32(), got[2].Float32()...)[i]
			if math.Abs(float64(v)-want*c.factor) > 1e-6*want {
				t.Errorf("bound %g: [%d] = %g, want %g", c.bound, i, v, want*c.factor)
			}
		}
	}
}

// The rate rises in a line, then stays or falls along half a cosine to the stated fraction.
func TestRate(t *testing.T) {
	cosine := optim.Rate{Kind: "cosine", Peak: 2, Warmup: 10, Last: 0.1}
	constant := optim.Rate{Kind: "constant", Peak: 2, Warmup: 10}
	for _, c := range []struct {
		rate optim.Rate
		step int
		want float64
	}{
		{cosine, 1, 0.2}, {cosine, 5, 1}, {cosine, 10, 2}, {cosine, 60, 2 * (0.1 + 0.9*0.5)}, {cosine, 110, 0.2},
		{constant, 1, 0.2}, {constant, 10, 2}, {constant, 11, 2}, {constant, 110, 2},
		{optim.Rate{Kind: "cosine", Peak: 1, Warmup: 200}, 110, 0.55}, {optim.Rate{Kind: "constant", Peak: 1}, 1, 1},
	} {
		if got := c.rate.At(c.step, 110); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%+v at %d: %g, want %g", c.rate, c.step, got, c.want)
		}
	}
	for k := 11; k < 110; k++ {
		if cosine.At(k+1, 110) >= cosine.At(k, 110) {
			t.Errorf("the rate rises after step %d", k)
		}
	}
}

func TestRefuses(t *testing.T) {
	for want, err := range map[string]error{
		`unknown rate "cosin"; did you mean "cosine"`: optim.Rate{Kind: "cosin", Peak: 1}.Check(),
		"peak rate is 0":   optim.Rate{Kind: "cosine"}.Check(),
		"peak rate is NaN": optim.Rate{Kind: "cosine", Peak: math.NaN()}.Check(),
		"warm-up of -1":    optim.Rate{Kind: "cosine", Peak: 1, Warmup: -1}.Check(),
		"last is 2":        optim.Rate{Kind: "cosine", Peak: 1, Last: 2}.Check(),
		"beta1 is 1":       optim.AdamW{Beta1: 1, Epsilon: 1}.Check(),
		"beta2 is -1":      optim.AdamW{Beta2: -1, Epsilon: 1}.Check(),
		"epsilon is 0":     optim.AdamW{}.Check(),
		"decay is NaN":     optim.AdamW{Epsilon: 1, Decay: math.NaN()}.Check(),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := optim.Default.Check(); err != nil {
		t.Error(err)
	}
}
