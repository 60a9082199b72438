package train

import (
	"math"
	"strings"
	"testing"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
	"fmtool/train/data"
	"fmtool/train/optim"
)

// inMotion is a state with moments as they are in the middle of a run. (From moments of zero the first step of AdamW is rate·g/|g|, which turns on the
// last bit of a gradient near 0.)
func inMotion(m *models.Model, ema float64) map[string]tensor.Tensor {
	state := map[string]tensor.Tensor{}
	for _, name := range names(m.Weights) {
		first, second, average := tensor.New(tensor.Float32, m.Weights[name].Shape()...), tensor.New(tensor.Float32, m.Weights[name].Shape()...), m.Weights[name].Clone()
		for i := range first.Float32() {
			first.Float32()[i] = float32(0.1 * math.Sin(float64(i)))
			second.Float32()[i] = float32(0.02 + 0.01*math.Cos(float64(i)))
			average.Float32()[i] *= 0.9
		}
		state[name], state[optim.FirstMoment+name], state[optim.SecondMoment+name] = m.Weights[name], first, second
		if ema > 0 {
			state[optim.Average+name] = average
		}
	}
	return state
}

// portable takes one portable step natively from a state and returns all outputs.
func portable(t *testing.T, c Config, m *models.Model, b *batch, state map[string]tensor.Tensor, step int) map[string]tensor.Tensor {
	t.Helper()
	g, err := PortableStep(m, c)
	if err != nil {
		t.Fatal(err)
	}
	feed := b.feed(m.Spec)
	feed["rate"], feed[stepName] = tensor.Full(float32(1e-3)), tensor.Full(int64(step))
	for name, v := range state {
		feed[name] = v
	}
	var in []tensor.Tensor
	for _, v := range g.Inputs {
		if feed[v.Name].IsZero() {
			t.Fatalf("no input %s to give", v.Name)
		}
		in = append(in, feed[v.Name])
		delete(feed, v.Name)
	}
	for name := range feed {
		t.Errorf("the step does not take %s", name)
	}
	p, err := native.Compile(g, native.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close() //nolint:errcheck // it only frees
	all, out := map[string]tensor.Tensor{}, []tensor.Tensor{}
	for _, o := range g.Outputs {
		shape, _ := o.Value.Type.Shape.Ints()
		all[o.Name] = tensor.New(o.Value.Type.DType, shape...)
		out = append(out, all[o.Name])
	}
	if err := p.Run(t.Context(), in, out); err != nil {
		t.Fatal(err)
	}
	return all
}

// feed is a batch as a portable step takes it.
func (b *batch) feed(spec flow.Spec) map[string]tensor.Tensor {
	shape := append([]int{len(b.t)}, spec.Dims...)
	decoded := func(x []float32) tensor.Tensor {
		v := tensor.New(tensor.Float32, shape...)
		spec.Normaliser.Decode(v.Float32(), x, spec.Dim())
		return v
	}
	feed := map[string]tensor.Tensor{"x1": decoded(b.x1), "x0": tensor.Of(b.x0, shape...), "t": tensor.Of(b.t, len(b.t), 1)}
	if spec.Source == flow.DataSource {
		feed["x0"] = decoded(b.x0)
	}
	if b.labels != nil {
		feed["y"] = tensor.Of(b.labels, len(b.t))
	}
	if b.vectors != nil {
		feed["y"], feed["y_drop"] = tensor.Of(b.vectors, len(b.t), spec.Condition.Width), tensor.Of(b.drop, len(b.t), 1)
	}
	if b.path != nil {
		unit := tensor.New(tensor.Float32, shape...)
		for i, v := range b.path {
			unit.Float32()[i] = v / float32(spec.Sigma)
		}
		feed["path_noise"] = unit
	}
	return feed
}

// nativeStep is the trainer's own step from the same state.
func nativeStep(t *testing.T, c Config, m *models.Model, b *batch, l Loss, state map[string]tensor.Tensor, step int) map[string]tensor.Tensor {
	t.Helper()
	g, plan, params, err := c.compile(m, l, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer plan.Close() //nolint:errcheck // it only frees
	for _, name := range params {
		if err := plan.WriteParam(name, state[name]); err != nil {
			t.Fatal(err)
		}
	}
	out := make([]tensor.Tensor, len(g.Outputs))
	out[0], out[1] = tensor.New(tensor.Float32), tensor.New(tensor.Float32)
	in := append(append([]tensor.Tensor{}, b.tensors...), tensor.Full(float32(1e-3)), tensor.Full(float32(step+1)))
	if err := plan.Run(t.Context(), in, out); err != nil {
		t.Fatal(err)
	}
	all := map[string]tensor.Tensor{"loss": out[0], "norm": out[1], optim.Next + stepName: tensor.Full(int64(step + 1))}
	for _, name := range params {
		if all[optim.Next+name], err = plan.ReadParam(name); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// sameStep compares a portable step with the trainer's.
func sameStep(t *testing.T, what string, c Config, m *models.Model, l Loss, b *batch) {
	t.Helper()
	const step = 41
	state := inMotion(m, c.EMA)
	got, want := portable(t, c, m, b, state, step), nativeStep(t, c, m, b, l, state, step)
	if len(got) != len(want) {
		t.Errorf("%s: %d outputs, want %d", what, len(got), len(want))
	}
	for name, w := range want {
		g, w := got[name].Convert(tensor.Float64).Float64(), w.Convert(tensor.Float64).Float64()
		scale := 1e-3
		for _, v := range w {
			scale = max(scale, math.Abs(v))
		}
		bound := 2e-5
		if strings.HasPrefix(name, optim.Next+optim.SecondMoment) {
			bound = 1e-4 // squares
		}
		for i := range w {
			if math.Abs(g[i]-w[i]) > bound*scale {
				t.Fatalf("%s: %s[%d] = %g, the trainer's is %g", what, name, i, g[i], w[i])
			}
		}
	}
}

// A portable step is the trainer's, for every schedule, prediction, quantity of the loss, loss and weight: with the coefficients from formulas in the graph
// and the data in data units.
func TestPortableStepIsTheTrainers(t *testing.T) {
	set := &data.Set{Dims: []int{2}, Columns: []string{"a", "b"}}
	for i := range 60 {
		set.Rows = append(set.Rows, float32(i), float32(math.Sin(float64(i))))
	}
	schedules := append(flow.Schedules(), "polynomial:3", "points:0,0,1;0.3,0.5,0.6;1,1,0")
	for _, schedule := range schedules {
		for i, prediction := range quantities {
			for j, in := range quantities {
				c := small(schedule)
				c.Prediction, c.LossIn, c.Clip, c.EMA = prediction, in, 0.5, 0.9
				c.Loss, c.Weight = LossNames()[(i+j)%2], flow.WeightNames()[(i+3*j)%4]
				if j%2 == 1 {
					c.ColumnWeights = map[string]float64{"b": 3}
				}
				m, l, b := shaken(t, c, set)
				sameStep(t, strings.Join([]string{schedule, prediction, in, c.Loss, c.Weight}, " "), c, m, l, b)
			}
		}
	}
}

// So it is with labels, vectors, images, path noise, a source of data, and without clipping and averages.
func TestPortableStepOfEveryInput(t *testing.T) {
	plain := labelled(60)
	digits, err := data.Digits()
	if err != nil {
		t.Fatal(err)
	}
	vectors := &data.Set{Dims: []int{2}, Rows: plain.Rows, Given: []string{"a", "b", "c"}, Vectors: make([]float32, 180)}
	for i := range vectors.Vectors {
		vectors.Vectors[i] = float32(math.Cos(float64(i)))
	}
	source := *plain
	source.Source = &data.Set{Dims: []int{2}, Rows: plain.Rows[:110]}
	for what, set := range map[string]*data.Set{"labels": plain, "digits": digits, "vectors": vectors, "source": &source} {
		c := small("cosine")
		c.Drop, c.Clip, c.EMA = 0.5, 0, 0
		if what != "digits" {
			c.Sigma = 0.3
		}
		m, l, b := shaken(t, c, set)
		if what == "source" && m.Spec.Source != flow.DataSource {
			t.Fatal("the model has no source")
		}
		sameStep(t, what, c, m, l, b)
	}
}

// The state of a run is its checkpoint's, and fits the step.
func TestLoadStep(t *testing.T) {
	c := small("linear")
	dir := t.TempDir() + "/run"
	if err := Run(t.Context(), c, labelled(60), dir, Options{}); err != nil {
		t.Fatal(err)
	}
	g, state, settings, err := LoadStep(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := state[stepName].Int64()[0]; got != int64(c.Steps) {
		t.Errorf("step %d, want %d", got, c.Steps)
	}
	taken := map[string]*graph.Value{}
	for _, v := range g.Inputs {
		taken[v.Name] = v
	}
	for name, v := range state {
		if in := taken[name]; in == nil || graph.TypeOf(v).String() != in.Type.String() || g.Output(optim.Next+name) == nil {
			t.Errorf("%s %v does not fit the input %v", name, v, in)
		}
	}
	if want := len(g.Outputs) - 2; len(state) != want {
		t.Errorf("%d parts of the state, want %d", len(state), want)
	}
	if settings[flow.Prefix+"step.clip"] == "" {
		t.Errorf("settings %v", settings)
	}
}
