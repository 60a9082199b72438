package models_test

import (
	"fmt"
	"math"
	"testing"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/nn"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
)

// predicting is a model with random weights that predicts a quantity on a schedule.
func predicting(t *testing.T, schedule string, q flow.Quantity, dims ...int) *models.Model {
	t.Helper()
	s, err := flow.ParseSchedule(schedule)
	if err != nil {
		t.Fatal(err)
	}
	spec := flow.Spec{Dims: dims, Condition: flow.Condition{Kind: flow.Unconditional}, Schedule: s, Prediction: q,
		Normaliser: flow.Normaliser{Kind: "none", Mean: []float32{0}, Scale: []float32{1}}}
	spec.TimeMin, spec.TimeMax = flow.Interval(s, q, q)
	m, err := models.New(spec, &models.MLP{Width: 8, Depth: 2}, noise.New(1, noise.Weights))
	if err != nil {
		t.Fatal(err)
	}
	noise.New(2, noise.Weights).Normals(m.Weights["net.out.weight"].Float32(), 0)
	return m
}

// network is the graph of the prediction itself.
func network(t *testing.T, m *models.Model) *graph.Graph {
	t.Helper()
	b := graph.NewBuilder("network")
	in := models.NewInputs(b, m.Spec, graph.Sym("batch"), graph.Sym(graph.TimeDim))
	b.Output("prediction", models.Build(b, m.Spec, m.Arch, nn.Stored(m.Weights), in))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func execute(t *testing.T, g *graph.Graph, x, at tensor.Tensor) []float32 {
	t.Helper()
	p, err := native.Compile(g, native.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	out := tensor.New(tensor.Float32, x.Shape()...)
	if err := p.Run(t.Context(), []tensor.Tensor{x, at}, []tensor.Tensor{out}); err != nil {
		t.Fatal(err)
	}
	return out.Float32()
}

// On every schedule and for every prediction the graph gives the velocity that flow.Coeffs.Convert gives in float64, with the time held to that of
// training, for one time and a time for each row, for rows and for images.
func TestVelocityOfEveryPrediction(t *testing.T) {
	schedules := append(flow.Schedules(), "polynomial:3.5", "points:0,0,1;0.25,0.1,0.9;0.5,0.6,0.5;0.8,0.9,0.25;1,1,0", "points:0,0,1;1,1,0")
	worst := 0.0
	for i, name := range schedules {
		for _, q := range []flow.Quantity{flow.Velocity, flow.X1, flow.Noise, flow.Score} {
			dims := [][]int{{3}, {1, 2, 2}}[i%2]
			m := predicting(t, name, q, dims...)
			if s := m.VelocitySpec(); s.Prediction != flow.Velocity || s.TimeMin != m.Spec.TimeMin || m.Spec.Prediction != q {
				t.Errorf("%s, %v: the graph means %+v", name, q, s)
			}
			g, err := models.VelocityGraph(m)
			if err != nil {
				t.Fatal(err)
			}
			const n = 64
			x := tensor.New(tensor.Float32, append([]int{n}, dims...)...)
			at, within := tensor.New(tensor.Float32, n, 1), tensor.New(tensor.Float32, n, 1)
			noise.New(3, noise.Probe).Normals(x.Float32(), 0)
			for k := range n {
				v := float32(k) / (n - 1)
				at.Float32()[k], within.Float32()[k] = v, min(max(v, float32(m.Spec.TimeMin)), float32(m.Spec.TimeMax))
			}
			u, raw := execute(t, g, x, at), execute(t, network(t, m), x, within)
			for j := range u {
				a, b := m.Spec.Schedule.At(float64(within.Float32()[j/m.Spec.Dim()])).Convert(q, flow.Velocity)
				first, second := a*float64(x.Float32()[j]), b*float64(raw[j])
				e := math.Abs(float64(u[j])-first-second) / (1 + math.Abs(first) + math.Abs(second))
				if worst = max(worst, e); !(e <= 2e-6) {
					t.Fatalf("%s, %v at t = %g: %g, want %g", name, q, at.Float32()[j/m.Spec.Dim()], u[j], first+second)
				}
			}
			one := tensor.New(tensor.Float32, 1, 1)
			one.Float32()[0] = at.Float32()[40]
			if got, want := execute(t, g, x, one)[40*m.Spec.Dim()], u[40*m.Spec.Dim()]; fmt.Sprintf("%.5g", got) != fmt.Sprintf("%.5g", want) {
				t.Errorf("%s, %v: with one time %g, with a time for each row %g", name, q, got, want)
			}
		}
	}
	t.Logf("largest relative error %.1e", worst)
}
