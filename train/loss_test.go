package train

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/nn"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
	"fmtool/train/data"
)

var quantities = []string{"velocity", "x1", "noise", "score"}

// shaken is a model of a configuration whose output is not zero, with its loss and the batch of step 3.
func shaken(t *testing.T, c Config, set *data.Set) (*models.Model, Loss, *batch) {
	t.Helper()
	m := testModel(t, c, set)
	for i, w := range m.Weights["net.out.weight"].Float32() {
		m.Weights["net.out.weight"].Float32()[i] = w + float32(math.Sin(float64(i)))
	}
	l, err := NewLoss(c, m.Spec)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSampler(c, encoded(set, m.Spec.Normaliser))
	if err != nil {
		t.Fatal(err)
	}
	b := newBatch(m, l, c.Batch)
	s.fill(b, 3)
	return m, l, b
}

func lossOf(t *testing.T, m *models.Model, l Loss, b *batch) []float32 {
	t.Helper()
	g, err := LossGraph(m, l)
	if err != nil {
		t.Fatal(err)
	}
	return execute(t, g, b.tensors, len(b.t))
}

// The loss in a quantity is the difference of that quantity as it follows from the network's, squared, weighted by column and time and made
// pseudo-Huber: here by the definition, each side converted by itself in float64.
func TestLossInEveryQuantity(t *testing.T) {
	set := &data.Set{Dims: []int{2}, Columns: []string{"a", "b"}}
	for i := range 60 {
		set.Rows = append(set.Rows, float32(i), float32(math.Sin(float64(i))))
	}
	for _, schedule := range []string{"linear", "cosine", "vp"} {
		for _, prediction := range quantities {
			for _, in := range quantities {
				c := small(schedule)
				c.Prediction, c.LossIn, c.Weight, c.Times = prediction, in, "sigmoid:1", "stratified beta:1,2"
				c.ColumnWeights = map[string]float64{"b": 3}
				for _, c.Loss = range []string{"squared", "pseudo-huber:0.5"} {
					m, l, b := shaken(t, c, set)
					got := lossOf(t, m, l, b)
					for i, want := range defined(t, m, l, b, strings.HasPrefix(c.Loss, "pseudo")) {
						if math.Abs(float64(got[i])-want) > 2e-4*max(1, want) {
							t.Fatalf("%s, %s, %s in %s, row %d at t = %g: loss %g, want %g",
								schedule, prediction, c.Loss, in, i, b.t[i], got[i], want)
						}
					}
				}
			}
		}
	}
}

// defined is the loss of each row by its definition, for columns of weights 1 and 3 and the weight sigmoid:1.
func defined(t *testing.T, m *models.Model, l Loss, b *batch, huber bool) []float64 {
	t.Helper()
	n := len(b.t)
	x, truth := tensor.New(tensor.Float32, n, 2), make([]float64, 2*n)
	for j := range truth {
		c := m.Spec.Schedule.At(float64(b.t[j/2]))
		x.Float32()[j] = float32(c.Alpha*float64(b.x1[j]) + c.Beta*float64(b.x0[j]))
		row := c.Row(l.In)
		truth[j] = row[0]*float64(b.x1[j]) + row[1]*float64(b.x0[j])
	}
	g := graph.NewBuilder("network")
	in := models.NewInputs(g, m.Spec, graph.Sym("batch"), graph.Sym("batch"))
	g.Output("prediction", models.Build(g, m.Spec, m.Arch, nn.Stored(m.Weights), in))
	network := execute(t, built(t, g), []tensor.Tensor{x, tensor.Of(b.t, n, 1)}, n, 2)
	out := make([]float64, n)
	for j, v := range network {
		c := m.Spec.Schedule.At(float64(b.t[j/2]))
		// x by its definition in float64: the conversion of x cancels, where rounding of x would not
		xj := c.Alpha*float64(b.x1[j]) + c.Beta*float64(b.x0[j])
		p, q := c.Convert(m.Spec.Prediction, l.In)
		d := p*xj + q*float64(v) - truth[j]
		out[j/2] += float64(1+2*(j%2)) * d * d
	}
	for i := range out {
		c := m.Spec.Schedule.At(float64(b.t[i]))
		if huber {
			limit := 0.5 * math.Sqrt2
			out[i] = math.Sqrt(out[i]+limit*limit) - limit
		}
		out[i] *= 1 / (1 + math.Exp(-1)*c.Alpha*c.Alpha/(c.Beta*c.Beta))
	}
	return out
}

func built(t *testing.T, b *graph.Builder) *graph.Graph {
	t.Helper()
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// On every schedule, for every prediction, quantity, loss and weight, the times at the ends of the interval included: loss, gradient and the
// weights after a step are finite.
func TestTrainingStaysFinite(t *testing.T) {
	set := labelled(60)
	set.Labels, set.Classes = nil, nil
	schedules := append(flow.Schedules(), "polynomial:16", "points:0,0,1;0.3,0.5,0.6;1,1,0")
	for _, schedule := range schedules {
		for i, prediction := range quantities {
			for j, in := range quantities {
				c := small(schedule)
				c.Prediction, c.LossIn = prediction, in
				c.Loss, c.Weight = LossNames()[(i+j)%2], flow.WeightNames()[(i+3*j)%4]
				m, l, b := shaken(t, c, set)
				b.t[0], b.t[1] = float32(m.Spec.TimeMin), float32(m.Spec.TimeMax)
				b.fillColumns()
				if bad := firstBad(stepOf(t, c, m, l, b)); bad != "" {
					t.Errorf("%s, %s, %s in %s, weight %s: %s", schedule, prediction, c.Loss, in, c.Weight, bad)
				}
			}
		}
	}
}

// stepOf takes a training step and returns loss, norm and the state after it.
func stepOf(t *testing.T, c Config, m *models.Model, l Loss, b *batch) map[string]tensor.Tensor {
	t.Helper()
	g, states, err := StepGraph(m, l, c.AdamW, c.Clip, 0)
	if err != nil {
		t.Fatal(err)
	}
	next := make([]native.State, len(states))
	for i, s := range states {
		next[i] = native.State(s)
	}
	p, err := native.Compile(g, native.Options{Threads: 1, State: next})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	out := make([]tensor.Tensor, len(g.Outputs))
	out[0], out[1] = tensor.New(tensor.Float32), tensor.New(tensor.Float32)
	in := append(append([]tensor.Tensor{}, b.tensors...), tensor.Full(float32(1e-3)), tensor.Full(float32(1)))
	if err := p.Run(context.Background(), in, out); err != nil {
		t.Fatal(err)
	}
	all := map[string]tensor.Tensor{"loss": out[0], "norm": out[1]}
	for _, s := range states {
		if all[s.Param], err = p.ReadParam(s.Param); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func firstBad(all map[string]tensor.Tensor) string {
	for name, v := range all {
		for _, x := range v.Float32() {
			if !finite(float64(x)) || math.Abs(float64(x)) > 1e12 {
				return fmt.Sprintf("%s is %g", name, x)
			}
		}
	}
	return ""
}

// Settings of the loss that make no sense are refused by one line that says what would.
func TestLossRefuses(t *testing.T) {
	for want, change := range map[string]func(*Config){
		`did you mean "noise"`:        func(c *Config) { c.Prediction = "nois" },
		`did you mean "score"`:        func(c *Config) { c.LossIn = "scor" },
		`did you mean "squared"`:      func(c *Config) { c.Loss = "square" },
		"from 1e-06 to 1000":          func(c *Config) { c.Loss = "pseudo-huber:0" },
		`did you mean "min-snr"`:      func(c *Config) { c.Weight = "min-snt" },
		`did you mean "logit-normal"`: func(c *Config) { c.Times = "logitnormal" },
		"draws of training":           func(c *Config) { c.Grid = "stratified" },
		"positive":                    func(c *Config) { c.ColumnWeights = map[string]float64{"a": 0} },
	} {
		c := Default()
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	c := small("linear")
	c.ColumnWeights = map[string]float64{"2": 1}
	if _, err := NewLoss(c, testModel(t, c, labelled(60)).Spec); err == nil || !strings.Contains(err.Error(), "known: 0, 1") {
		t.Errorf("a column that is not there: %v", err)
	}
}
