package models_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"testing"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/nn"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
)

// spec is that of samples of the given dims without a condition.
func spec(dims ...int) flow.Spec {
	return flow.Spec{Dims: dims, Condition: flow.Condition{Kind: flow.Unconditional}, Schedule: flow.Linear,
		Normaliser: flow.Normaliser{Kind: "none", Mean: []float32{0}, Scale: []float32{1}}, TimeMax: 1}
}

func conditional(s flow.Spec, kind flow.ConditionKind, n int) flow.Spec {
	s.Condition = flow.Condition{Kind: kind}
	if kind == flow.Labels {
		s.Condition.Classes = n
	} else {
		s.Condition.Width = n
	}
	return s
}

// random is a model whose last layer is not zero either.
func random(t testing.TB, s flow.Spec, a models.Architecture) *models.Model {
	t.Helper()
	m, err := models.New(s, a, noise.New(5, noise.Weights))
	if err != nil {
		t.Fatal(err)
	}
	out := m.Weights["net.out.weight"].Float32()
	noise.New(6, noise.Weights).Normals(out, 0)
	for i := range out {
		out[i] *= 0.1
	}
	for name, w := range m.Weights {
		if strings.HasSuffix(name, "bias") {
			noise.New(7, noise.Weights).Normals(w.Float32(), 0)
		}
	}
	return m
}

func compile(t testing.TB, m *models.Model, o native.Options) *native.Plan {
	t.Helper()
	g, err := models.VelocityGraph(m)
	if err != nil {
		t.Fatal(err)
	}
	p, err := native.Compile(g, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func velocity(t testing.TB, m *models.Model, in ...tensor.Tensor) []float32 {
	t.Helper()
	u := tensor.New(tensor.Float32, in[0].Shape()...)
	if err := compile(t, m, native.Options{}).Run(context.Background(), in, []tensor.Tensor{u}); err != nil {
		t.Fatal(err)
	}
	return u.Float32()
}

func normals(seed uint64, shape ...int) tensor.Tensor {
	t := tensor.New(tensor.Float32, shape...)
	noise.New(seed, noise.Probe).Normals(t.Float32(), 0)
	return t
}

// The parameters' names are part of the file format: a model written today opens for ever.
func TestParameterNamesLast(t *testing.T) {
	for _, c := range []struct {
		spec flow.Spec
		arch models.MLP
		want string
	}{
		{spec(2), models.MLP{Width: 8, Depth: 1, Features: 3},
			"net.in.bias[1 8] net.in.t.weight[6 8] net.in.x.weight[2 8] net.out.bias[1 2] net.out.weight[8 2]"},
		{conditional(spec(1, 2, 2), flow.Labels, 10), models.MLP{Width: 8, Depth: 2, Features: 3},
			"net.hidden.0.bias[1 8] net.hidden.0.h.weight[8 8] net.in.bias[1 8] net.in.t.weight[6 8] net.in.x.weight[4 8] " +
				"net.in.y.weight[11 8] net.out.bias[1 4] net.out.weight[8 4]"},
		{conditional(spec(2), flow.Vector, 5), models.MLP{Width: 8, Depth: 2, Features: 3, Inject: true, Residual: true},
			"net.hidden.0.bias[1 8] net.hidden.0.h.weight[8 8] net.hidden.0.t.weight[6 8] net.hidden.0.y.weight[5 8] " +
				"net.in.bias[1 8] net.in.t.weight[6 8] net.in.x.weight[2 8] net.in.y.weight[5 8] net.null[1 5] net.out.bias[1 2] net.out.weight[8 2]"},
	} {
		m, err := models.New(c.spec, &c.arch, noise.New(1, noise.Weights))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		count := 0
		for name, w := range m.Weights {
			got = append(got, fmt.Sprintf("%s%v", name, w.Shape()))
			count += w.Len()
		}
		sort.Strings(got)
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("got  %s\nwant %s", s, c.want)
		}
		if m.Parameters() != count {
			t.Errorf("Parameters() = %d, want %d", m.Parameters(), count)
		}
	}
}

// The network is the formula of MLP's comment, computed here in float64 straight from the weights.
func TestMLPIsItsFormula(t *testing.T) {
	const n, dim, width, classes = 5, 3, 7, 4
	for _, a := range []models.MLP{{Depth: 1}, {Depth: 3}, {Depth: 3, Inject: true}, {Depth: 4, Residual: true}, {Depth: 2, Inject: true, Residual: true}} {
		a.Width, a.Features, a.Activation = width, 4, "tanh"
		m := random(t, conditional(spec(dim), flow.Labels, classes), &a)
		x, at, y := normals(1, n, dim), tensor.Of([]float32{0, 0.1, 0.5, 0.9, 1}, n, 1), tensor.Of([]int64{0, 3, 4, 1, 4}, n)
		got := velocity(t, m, x, at, y)
		for i := range n {
			want := formula(m, a, x.Float32()[i*dim:(i+1)*dim], float64(at.Float32()[i]), int(y.Int64()[i]))
			for j, w := range want {
				if g := float64(got[i*dim+j]); math.Abs(g-w) > 5e-6*max(1, math.Abs(w)) {
					t.Fatalf("%+v: u[%d %d] = %g, want %g", a, i, j, g, w)
				}
			}
		}
	}
}

// formula is the velocity of one row, with tanh.
func formula(m *models.Model, a models.MLP, x []float32, t float64, label int) []float64 {
	row := make([]float64, len(x))
	for i, v := range x {
		row[i] = float64(v)
	}
	var features, cosines []float64
	for _, f := range nn.Frequencies(a.Features) {
		sin, cos := math.Sincos(float64(f) * t)
		features, cosines = append(features, sin), append(cosines, cos)
	}
	features = append(features, cosines...)
	class := make([]float64, m.Spec.Condition.Classes+1)
	class[label] = 1
	times := func(v []float64, name string) []float64 {
		w := m.Weights[name]
		out := make([]float64, w.Dim(1))
		for i := range v {
			for j := range out {
				out[j] += v[i] * float64(w.Float32()[i*len(out)+j])
			}
		}
		return out
	}
	sum := func(terms ...[]float64) []float64 {
		out := make([]float64, len(terms[0]))
		for _, term := range terms {
			for i, v := range term {
				out[i] += v
			}
		}
		return out
	}
	tanh := func(v []float64) []float64 {
		for i := range v {
			v[i] = math.Tanh(v[i])
		}
		return v
	}
	one := []float64{1}
	h := tanh(sum(times(row, "net.in.x.weight"), times(features, "net.in.t.weight"), times(class, "net.in.y.weight"), times(one, "net.in.bias")))
	for i := 0; i < a.Depth-1; i++ {
		layer := fmt.Sprintf("net.hidden.%d.", i)
		next := sum(times(h, layer+"h.weight"), times(one, layer+"bias"))
		if a.Inject {
			next = sum(next, times(features, layer+"t.weight"), times(class, layer+"y.weight"))
		}
		if next = tanh(next); a.Residual {
			next = sum(next, h)
		}
		h = next
	}
	return sum(times(h, "net.out.weight"), times(one, "net.out.bias"))
}

// One time for a whole batch is the same as that time in every row.
func TestOneTimeServesABatch(t *testing.T) {
	const n = 6
	for _, s := range []flow.Spec{spec(2), spec(1, 3, 3), conditional(spec(2), flow.Labels, 3), conditional(spec(2), flow.Vector, 2)} {
		m := random(t, s, &models.MLP{Width: 9, Inject: true})
		in := []tensor.Tensor{normals(2, append([]int{n}, s.Dims...)...), tensor.Of([]float32{0.3}, 1, 1)}
		switch s.Condition.Kind {
		case flow.Labels:
			in = append(in, tensor.Of([]int64{0, 1, 2, 3, 0, 1}, n))
		case flow.Vector:
			in = append(in, normals(3, n, 2), tensor.Of([]float32{0, 1, 0, 0, 1, 0}, n, 1))
		}
		single := velocity(t, m, in...)
		in[1] = tensor.Full(float32(0.3), n, 1)
		if all := velocity(t, m, in...); !slices.Equal(single, all) {
			t.Errorf("%v, %s: the velocities differ", s.Dims, s.Condition.Kind)
		}
	}
}

// A dropped vector has no influence, whatever it holds; one that is not dropped has.
func TestDroppedVectorIsTheNullRow(t *testing.T) {
	m := random(t, conditional(spec(2), flow.Vector, 3), &models.MLP{Width: 8})
	run := func(y float32, drop float32) []float32 {
		return velocity(t, m, normals(1, 1, 2), tensor.Of([]float32{0.5}, 1, 1), tensor.Full(y, 1, 3), tensor.Of([]float32{drop}, 1, 1))
	}
	if !slices.Equal(run(1, 1), run(2, 1)) {
		t.Error("a dropped vector changes the velocity")
	}
	if slices.Equal(run(1, 0), run(2, 0)) || slices.Equal(run(1, 0), run(1, 1)) {
		t.Error("a vector changes nothing")
	}
}

// A fresh network predicts zero everywhere, since its last layer is zero.
func TestFreshModelIsZero(t *testing.T) {
	m, err := models.New(spec(2), &models.MLP{}, noise.New(1, noise.Weights))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range velocity(t, m, normals(1, 4, 2), tensor.Of([]float32{0.5}, 1, 1)) {
		if u != 0 {
			t.Fatalf("u = %g", u)
		}
	}
}

// The velocity graph keeps to the contract of exported files: names, order and types of inputs and output, operators that onnx-go's gorgonnx has,
// no node that reads one value twice.
func TestVelocityGraphContract(t *testing.T) {
	safe := []string{"MatMul", "Add", "Sub", "Mul", "Sin", "Cos", "Concat", "Sigmoid", "Tanh", "Relu"}
	for _, a := range []string{"silu", "tanh", "relu"} {
		g, err := models.VelocityGraph(random(t, spec(2), &models.MLP{Width: 8, Activation: a, Residual: true, Inject: true}))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range g.Nodes {
			if !slices.Contains(safe, n.Op) {
				t.Errorf("%s: operator %s", a, n.Op)
			}
			if len(n.In) == 2 && n.In[0] == n.In[1] {
				t.Errorf("%s: %s reads one value twice", a, n.Name)
			}
			if !strings.HasPrefix(n.Name, "net/") {
				t.Errorf("%s: node %s is not under net/", a, n.Name)
			}
		}
	}
	for want, s := range map[string]flow.Spec{
		"x float32[batch 2], t float32[T 1] -> float32[batch 2]":                                              spec(2),
		"x float32[batch 1 8 8], t float32[T 1], y int64[batch] -> float32[batch 1 8 8]":                      conditional(spec(1, 8, 8), flow.Labels, 10),
		"x float32[batch 3], t float32[T 1], y float32[batch 4], y_drop float32[batch 1] -> float32[batch 3]": conditional(spec(3), flow.Vector, 4),
	} {
		g, err := models.VelocityGraph(random(t, s, &models.MLP{Width: 8}))
		if err != nil {
			t.Fatal(err)
		}
		var in []string
		for _, v := range g.Inputs {
			in = append(in, v.Name+" "+v.Type.String())
		}
		if got := strings.Join(in, ", ") + " -> " + g.Output("velocity").Type.String(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// Settings that are zero are chosen by the size of the samples and written out.
func TestDefaultsSuitTheData(t *testing.T) {
	for _, c := range []struct {
		spec flow.Spec
		want models.MLP
	}{
		{spec(2), models.MLP{Width: 64, Depth: 3, Activation: "silu", Features: 16}},
		{spec(1, 8, 8), models.MLP{Width: 256, Depth: 4, Activation: "silu", Features: 16}},
	} {
		if got := *random(t, c.spec, &models.MLP{}).Arch.(*models.MLP); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.spec.Dims, got, c.want)
		}
	}
}

// The phase bound that goes into exported files is that of the features.
func TestPhaseBoundIsStored(t *testing.T) {
	m := random(t, spec(2), &models.MLP{})
	if m.Spec.PhaseBound != nn.PhaseBound {
		t.Errorf("phase bound %g, want %g", m.Spec.PhaseBound, nn.PhaseBound)
	}
}

func TestModelRefuses(t *testing.T) {
	s := noise.New(1, noise.Weights)
	good := random(t, spec(2), &models.MLP{Width: 8})
	bad := func(change func(w map[string]tensor.Tensor)) func() error {
		return func() error {
			w := map[string]tensor.Tensor{}
			for k, v := range good.Weights {
				w[k] = v
			}
			change(w)
			_, err := models.VelocityGraph(&models.Model{Spec: good.Spec, Arch: good.Arch, Weights: w})
			return err
		}
	}
	fresh := func(sp flow.Spec, a models.MLP) func() error {
		return func() error { _, err := models.New(sp, &a, s); return err }
	}
	for want, f := range map[string]func() error{
		`unknown activation "sillu"; did you mean "silu"`:    fresh(spec(2), models.MLP{Activation: "sillu"}),
		"width is -1, want 1 to 16384":                       fresh(spec(2), models.MLP{Width: -1}),
		"depth is 1000000, want 1 to 256":                    fresh(spec(2), models.MLP{Depth: 1000000}),
		"features is 5000, want 1 to 1024":                   fresh(spec(2), models.MLP{Features: 5000}),
		"no dims":                                            fresh(spec(), models.MLP{}),
		`unknown architecture "mlb"; did you mean "mlp"`:     func() error { _, err := models.NewArchitecture("mlb"); return err },
		"the weights have no net.out.bias [1 2]":             bad(func(w map[string]tensor.Tensor) { delete(w, "net.out.bias") }),
		"the mlp network has no parameter net.extra":         bad(func(w map[string]tensor.Tensor) { w["net.extra"] = tensor.New(tensor.Float32, 1) }),
		"net.in.x.weight is float32[3 8], the network needs": bad(func(w map[string]tensor.Tensor) { w["net.in.x.weight"] = tensor.New(tensor.Float32, 3, 8) }),
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func Example() {
	s := flow.Spec{Dims: []int{2}, Condition: flow.Condition{Kind: flow.Labels, Classes: 10}, Schedule: flow.Linear,
		Normaliser: flow.Normaliser{Kind: "none", Mean: []float32{0}, Scale: []float32{1}}, TimeMax: 1}
	m, err := models.New(s, &models.MLP{Width: 64, Depth: 3}, noise.New(7, noise.Weights))
	if err != nil {
		fmt.Println(err)
		return
	}
	g, err := models.VelocityGraph(m)
	for _, in := range g.Inputs {
		fmt.Println(in.Name, in.Type)
	}
	fmt.Println(g.Outputs[0].Name, g.Output("velocity").Type, m.Parameters(), "parameters", err)
	// Output:
	// x float32[batch 2]
	// t float32[T 1]
	// y int64[batch]
	// velocity float32[batch 2] 11394 parameters <nil>
}
