package quality_test

import (
	"bytes"
	"context"
	"math"
	"strings"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime/solver"
	"fmtool/train/data"
	"fmtool/train/metric"
	"fmtool/train/quality"
)

var ctx = context.Background()

// gaussian is the exact field from N(0, I) to N(label, s²) in one dimension on the linear path, with labels 0 and 1 as the mean: velocity
// m + (t s² − (1 − t))/(t² s² + (1 − t)²) (x − t m).
type gaussian struct {
	s       float64
	classes int
}

func (g gaussian) Spec() flow.Spec {
	linear, _ := flow.ParseSchedule("linear")
	n := flow.Normaliser{Kind: "none", Mean: []float32{0}, Scale: []float32{1}}
	c := flow.Condition{Kind: flow.Unconditional}
	if g.classes > 0 {
		c = flow.Condition{Kind: flow.Labels, Classes: g.classes, Names: []string{"low", "high"}}
	}
	return flow.Spec{Dims: []int{1}, Columns: []string{"x"}, Condition: c, Schedule: linear, Normaliser: n, TimeMax: 1}
}

func (g gaussian) Velocity(_ context.Context, dst, x, t, y tensor.Tensor) error {
	at := float64(t.Float32()[0])
	for i, v := range x.Float32() {
		m := 0.0
		if !y.IsZero() {
			m = 3 * float64(y.Int64()[i])
		}
		dst.Float32()[i] = float32(m + (at*g.s*g.s-(1-at))/(at*at*g.s*g.s+(1-at)*(1-at))*(float64(v)-at*m))
	}
	return nil
}

// normal is n rows of N(3·label, s²), labels in turn if there are any.
func normal(t *testing.T, n int, s float64, classes ...string) *data.Set {
	t.Helper()
	set, err := data.Load("8gaussians:r=0,std=1,n=4000", data.Options{Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	out := &data.Set{Dims: []int{1}, Columns: []string{"x"}, Classes: classes}
	for i := range n {
		v := float32(s) * set.Rows[2*i]
		if classes != nil {
			out.Labels = append(out.Labels, int64(i%len(classes)))
			if classes[i%len(classes)] == "high" {
				v += 3
			}
		}
		out.Rows = append(out.Rows, v)
	}
	return out
}

func judge(t *testing.T, g gaussian, set *data.Set, o quality.Options) *quality.Judge {
	t.Helper()
	j, err := quality.New(g, set, o)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// The exact field's samples are at the floor in every metric; those of a field for another deviation are not.
func TestExactFieldIsAtTheFloor(t *testing.T) {
	rule := quality.Rule{Method: solver.RK4, Steps: 20}
	good, err := judge(t, gaussian{s: 0.5}, normal(t, 2000, 0.5), quality.Options{N: 500, Seeds: 3}).Distances(ctx, rule)
	if err != nil {
		t.Fatal(err)
	}
	bad, err := judge(t, gaussian{s: 0.7}, normal(t, 2000, 0.5), quality.Options{N: 500, Seeds: 3}).Distances(ctx, rule)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range good {
		if math.Abs(d.Samples.Mean-d.Floor.Mean) > 4*d.Floor.Std+0.02 {
			t.Errorf("%s: %v, floor %v", d.Metric, d.Samples, d.Floor)
		}
		if d.Better == metric.Lower && bad[i].Samples.Mean < 2*d.Samples.Mean {
			t.Errorf("%s: wrong field %v, right one %v", d.Metric, bad[i].Samples, d.Samples)
		}
	}
}

// More evaluations come closer to the floor, and a better solver comes there sooner.
func TestCurve(t *testing.T) {
	j := judge(t, gaussian{s: 0.2}, normal(t, 2000, 0.2), quality.Options{N: 500, Seeds: 2})
	w2, _ := metric.Parse("w2")
	c, err := j.Curve(ctx, w2, quality.Budgets([]solver.Tableau{solver.Euler, solver.RK4}, []int{1, 8, 64}))
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]float64{}
	for _, p := range c.Points {
		at[p.Solver+" "+string(rune('0'+p.Evaluations%10))] = p.Value.Mean
	}
	if len(c.Points) != 5 || !(at["euler 1"] > at["euler 8"] && at["euler 8"] > at["euler 4"] && at["rk4 8"] < at["euler 8"]) {
		t.Errorf("%+v: want five points, falling with evaluations, rk4 below euler at eight", c.Points)
	}
	if math.Abs(at["rk4 4"]-c.Floor.Mean) > 5*c.Floor.Std {
		t.Errorf("64 evaluations give %g, floor %v", at["rk4 4"], c.Floor)
	}
}

// A conditional field is asked for the classes of the rows, matched by name whatever their order in the file.
func TestClassesAreMatchedByName(t *testing.T) {
	g := gaussian{s: 0.5, classes: 2}
	for _, names := range [][]string{{"low", "high"}, {"high", "low"}} {
		j := judge(t, g, normal(t, 2000, 0.5, names...), quality.Options{N: 400, Seeds: 2})
		rule := quality.Rule{Method: solver.RK4, Steps: 10}
		classes, err := j.Classes(ctx, rule)
		if err != nil || len(classes) != 2 || classes[1].Class != "high" {
			t.Fatalf("%+v, %v", classes, err)
		}
		for _, c := range classes {
			if d := c.Distances[0]; d.Samples.Mean > d.Floor.Mean+5*d.Floor.Std {
				t.Errorf("%v: class %s: w2 %v, floor %v", names, c.Class, d.Samples, d.Floor)
			}
		}
	}
}

// A field that moves every point by the same vector has straight paths.
func TestPathsOfAShift(t *testing.T) {
	figures, err := judge(t, gaussian{s: 1, classes: 2}, normal(t, 400, 1, "low", "high"), quality.Options{}).Paths(ctx, quality.Rule{Method: solver.RK4, Steps: 8})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range figures {
		if f.Metric == "detour" && (f.Samples.Mean < 1 || f.Samples.Mean > 1.5) {
			t.Errorf("detour %v", f.Samples)
		}
		if f.Metric == "path energy" && math.Abs(f.Samples.Mean-4.5) > 1.5 { // half the points travel 3
			t.Errorf("path energy %v, want about 4.5", f.Samples)
		}
	}
}

// What does not go together is refused, with a word on what to do.
func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		g    gaussian
		set  *data.Set
		o    quality.Options
		want string
	}{
		"too few rows":   {gaussian{s: 1}, normal(t, 100, 1), quality.Options{N: 51}, "at most 50 samples"},
		"no labels":      {gaussian{s: 1, classes: 2}, normal(t, 100, 1), quality.Options{}, "--label"},
		"unknown class":  {gaussian{s: 1, classes: 2}, normal(t, 100, 1, "low", "hihg"), quality.Options{}, `did you mean "high"`},
		"other columns":  {gaussian{s: 1}, &data.Set{Dims: []int{2}, Rows: make([]float32, 8)}, quality.Options{}, "columns"},
		"negative":       {gaussian{s: 1}, normal(t, 100, 1), quality.Options{Seeds: -1}, "positive"},
		"beyond a limit": {gaussian{s: 1}, &data.Set{Dims: []int{1}, Rows: make([]float32, 10000)}, quality.Options{N: 5000, Metrics: metric.Sets[:1]}, "at most 4096"},
	} {
		if _, err := quality.New(c.g, c.set, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}

// The report shows every table, its columns aligned.
func TestReport(t *testing.T) {
	j := judge(t, gaussian{s: 0.5, classes: 2}, normal(t, 200, 0.5, "low", "high"), quality.Options{Seeds: 2})
	rule := quality.Rule{Method: solver.Euler, Steps: 4}
	r := quality.Report{Model: "m.onnx", Data: "d.csv", N: j.N, Seeds: 2, Solver: "euler", Steps: 4, Evaluations: 4}
	var err error
	if r.Distances, err = j.Distances(ctx, rule); err != nil {
		t.Fatal(err)
	}
	if r.Classes, err = j.Classes(ctx, rule); err != nil {
		t.Fatal(err)
	}
	c, err := j.Curve(ctx, metric.Sets[1], quality.Budgets([]solver.Tableau{solver.Euler, solver.Heun}, []int{1, 2}))
	if err != nil {
		t.Fatal(err)
	}
	r.Curve = &c
	var b bytes.Buffer
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"floor: two true samples", "coverage", "[NA20]", "high ", "against evaluations", "–"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
