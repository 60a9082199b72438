package train

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
	"fmtool/train/data"
)

// labelled is n rows of two columns whose labels are the row numbers modulo 5.
func labelled(n int) *data.Set {
	s := &data.Set{Dims: []int{2}, Classes: []string{"a", "b", "c", "d", "e"}}
	for i := range n {
		s.Rows = append(s.Rows, float32(i), float32(math.Sin(float64(i))))
		s.Labels = append(s.Labels, int64(i%5))
	}
	return s
}

func testModel(t *testing.T, c Config, set *data.Set) *models.Model {
	t.Helper()
	m, _, _, err := NewModel(c, set)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func small(schedule string) Config {
	c := Default()
	c.Model = Network{&models.MLP{Width: 8, Depth: 2, Features: 3}}
	c.Batch, c.Schedule, c.HeldOut = 50, schedule, 0
	return c
}

// What a step draws depends on the seed and the step alone, not on the steps before.
func TestDrawsAreAFunctionOfSeedAndStep(t *testing.T) {
	set := labelled(120)
	c := small("linear")
	m := testModel(t, c, set)
	draw := func(seed uint64, steps ...int) *batch {
		c.Seed = seed
		s, err := newSampler(c, set)
		if err != nil {
			t.Fatal(err)
		}
		b := newBatch(m, Loss{}, c.Batch)
		for _, k := range steps {
			s.fill(b, k)
		}
		return b
	}
	same := func(a, b *batch) bool {
		return slices.Equal(a.x1, b.x1) && slices.Equal(a.x0, b.x0) && slices.Equal(a.t, b.t) && slices.Equal(a.labels, b.labels)
	}
	if !same(draw(1, 7), draw(1, 3, 9, 0, 7)) {
		t.Error("the steps before change a step's draws")
	}
	a, b, other := draw(1, 7), draw(1, 8), draw(2, 7)
	for name, pair := range map[string][2][]float32{
		"rows": {a.x1, b.x1}, "noise": {a.x0, b.x0}, "times": {a.t, b.t},
		"rows of another seed": {a.x1, other.x1}, "noise of another seed": {a.x0, other.x0}, "times of another seed": {a.t, other.t},
	} {
		if slices.Equal(pair[0], pair[1]) {
			t.Errorf("%s are the same", name)
		}
	}
}

// Over many steps: t is uniform on [0, TimeMax], the noise standard normal and independent from step to step, rows carry their own labels, and
// the dropped share goes to the null class.
func TestDrawsHaveTheirDistributions(t *testing.T) {
	set := labelled(101)
	c := small("sqrt")
	m := testModel(t, c, set)
	s, err := newSampler(c, set)
	if err != nil {
		t.Fatal(err)
	}
	b := newBatch(m, Loss{}, c.Batch)
	var n, mean, square, lag, dropped float64
	var deciles [10]float64
	var before []float32
	const steps = 400
	for k := range steps {
		s.fill(b, k)
		for i, ti := range b.t {
			deciles[min(int(10*float64(ti)/m.Spec.TimeMax), 9)]++
			if row := int(b.x1[2*i]); b.labels[i] == 5 {
				dropped++
			} else if b.labels[i] != int64(row%5) {
				t.Fatalf("row %d has label %d", row, b.labels[i])
			}
			want := m.Spec.Schedule.At(float64(ti))
			got := flow.Coeffs{Alpha: float64(b.coeffs[0][i]), Beta: float64(b.coeffs[1][i]), DAlpha: float64(b.coeffs[2][i]), DBeta: float64(b.coeffs[3][i])}
			if math.Abs(got.Beta-want.Beta) > 1e-6 || math.Abs(got.DBeta-want.DBeta) > 1e-5*math.Abs(want.DBeta) ||
				math.Abs(got.Alpha-want.Alpha) > 1e-6 || got.DAlpha != want.DAlpha {
				t.Fatalf("t = %g: %+v, want %+v", ti, got, want)
			}
		}
		for i, z := range b.x0 {
			mean, square, n = mean+float64(z), square+float64(z)*float64(z), n+1
			if before != nil {
				lag += float64(z) * float64(before[i])
			}
		}
		before = slices.Clone(b.x0)
	}
	deviation := 1 / math.Sqrt(n)
	if math.Abs(mean/n) > 4*deviation || math.Abs(square/n-1) > 4*math.Sqrt2*deviation || math.Abs(lag/n) > 4*deviation {
		t.Errorf("noise: mean %.4f, mean square %.4f, product with the step before %.4f", mean/n, square/n, lag/n)
	}
	rows := float64(steps * c.Batch)
	for i, count := range deciles {
		if math.Abs(count-rows/10) > 4*math.Sqrt(rows*0.09) {
			t.Errorf("%g of %g times in tenth %d", count, rows, i)
		}
	}
	if p := dropped / rows; math.Abs(p-c.Drop) > 4*math.Sqrt(c.Drop*(1-c.Drop)/rows) {
		t.Errorf("%.4f of the labels dropped, want %.2f", p, c.Drop)
	}
}

// The loss graph is the definition: ‖u(α x1 + β x0, t, y) − (α̇ x1 + β̇ x0)‖², here with u from the velocity graph.
func TestLossIsItsDefinition(t *testing.T) {
	for _, schedule := range flow.Schedules() {
		set := labelled(60)
		c := small(schedule)
		m := testModel(t, c, set)
		for i, w := range m.Weights["net.out.weight"].Float32() {
			m.Weights["net.out.weight"].Float32()[i] = w + float32(math.Sin(float64(i)))
		}
		b := newBatch(m, Loss{}, c.Batch)
		s, err := newSampler(c, encoded(set, m.Spec.Normaliser))
		if err != nil {
			t.Fatal(err)
		}
		s.fill(b, 3)
		g, err := LossGraph(m, Loss{})
		if err != nil {
			t.Fatal(err)
		}
		got := execute(t, g, b.tensors, c.Batch)
		x := tensor.New(tensor.Float32, c.Batch, 2)
		target := make([]float64, 2*c.Batch)
		for i, ti := range b.t {
			k := m.Spec.Schedule.At(float64(ti))
			for j := 2 * i; j < 2*i+2; j++ {
				x.Float32()[j] = float32(k.Alpha*float64(b.x1[j]) + k.Beta*float64(b.x0[j]))
				target[j] = k.DAlpha*float64(b.x1[j]) + k.DBeta*float64(b.x0[j])
			}
		}
		if g, err = models.VelocityGraph(m); err != nil {
			t.Fatal(err)
		}
		u := execute(t, g, []tensor.Tensor{x, tensor.Of(b.t, c.Batch, 1), tensor.Of(b.labels, c.Batch)}, c.Batch, 2)
		for i, loss := range got {
			want := 0.0
			for j := 2 * i; j < 2*i+2; j++ {
				want += (float64(u[j]) - target[j]) * (float64(u[j]) - target[j])
			}
			if math.Abs(float64(loss)-want) > 2e-5*max(1, want) {
				t.Fatalf("%s: row %d: loss %g, want %g", schedule, i, loss, want)
			}
		}
	}
}

// execute runs a graph of one output.
func execute(t *testing.T, g *graph.Graph, in []tensor.Tensor, shape ...int) []float32 {
	t.Helper()
	p, err := native.Compile(g, native.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	out := tensor.New(tensor.Float32, shape...)
	if err := p.Run(context.Background(), in, []tensor.Tensor{out}); err != nil {
		t.Fatal(err)
	}
	return out.Float32()
}

// The held-out draws cover every tenth of the time evenly, and each row alike.
func TestHeldOutIsEven(t *testing.T) {
	set := labelled(50)
	m := testModel(t, small("linear"), set)
	b := heldOut(m, Loss{}, set, Config{Seed: 1})
	var deciles [bins]int
	times := map[float32]bool{}
	for _, ti := range b.t {
		deciles[int(10*ti)]++
		times[ti] = true
	}
	rows := map[float32]int{}
	for i := range b.t {
		rows[b.x1[2*i]]++
	}
	for i, n := range deciles {
		if n != heldOutRows/bins {
			t.Errorf("%d draws in tenth %d", n, i)
		}
	}
	for r, n := range rows {
		if n != heldOutRows/50 {
			t.Errorf("row %g is drawn %d times", r, n)
		}
	}
	if len(times) != heldOutRows || slices.Contains(b.labels, 5) {
		t.Errorf("%d different times; labels %v", len(times), b.labels[:10])
	}
}

// The tenths of the held-out loss are those of the times trained at, each met equally often, for predictions that stop short of an end.
func TestBinsCoverTheInterval(t *testing.T) {
	set := labelled(50)
	for prediction, schedule := range map[string]string{"noise": "cosine", "x1": "sqrt", "score": "linear"} {
		c := small(schedule)
		c.Prediction = prediction
		m := testModel(t, c, set)
		l, err := NewLoss(c, m.Spec)
		if err != nil {
			t.Fatal(err)
		}
		b := heldOut(m, l, set, Config{Seed: 1})
		e, err := newEvaluation(m, l, b, 1)
		if err != nil {
			t.Fatal(err)
		}
		_, byTime, err := e.of(m.Weights)
		e.plan.Close()
		lo, hi := m.Spec.TimeMin, m.Spec.TimeMax
		var counts [bins]int
		for _, at := range b.t {
			if float64(at) < lo || float64(at) > hi {
				t.Fatalf("%s on %s: time %g outside [%g, %g]", prediction, schedule, at, lo, hi)
			}
			counts[min(int((float64(at)-lo)/(hi-lo)*bins), bins-1)]++
		}
		for k, n := range counts {
			if err != nil || math.Abs(float64(n-heldOutRows/bins)) > 1 || !finite(byTime[k]) || byTime[k] <= 0 {
				t.Errorf("%s on %s: tenth %d has %d draws and the loss %g (%v)", prediction, schedule, k, n, byTime[k], err)
			}
		}
	}
}

// A batch drawn in parts, in any order, is the batch drawn as a whole; so is one that was drawn beside the step before, and one that was not, or not to
// its end.
func TestPartsAreTheWhole(t *testing.T) {
	c, set := small("linear"), labelled(60)
	c.Batch, c.Drop, c.Threads = 50, 0.3, 3
	m := testModel(t, c, set)
	s, err := newSampler(c, encoded(set, m.Spec.Normaliser))
	if err != nil {
		t.Fatal(err)
	}
	whole := newBatch(m, Loss{}, c.Batch)
	same := func(k int, what string, got []tensor.Tensor) {
		t.Helper()
		s.fill(whole, k)
		for i, v := range whole.tensors {
			if string(v.Bytes()) != string(got[i].Bytes()) {
				t.Errorf("step %d, %s: input %d is another than drawn as a whole", k, what, i)
			}
		}
	}
	for _, parts := range []int{2, 3, 9} {
		b := newBatch(m, Loss{}, c.Batch)
		for part := parts - 1; part >= 0; part-- {
			s.part(b, 7, part, parts)
		}
		same(7, fmt.Sprint(parts, " parts"), b.tensors)
	}
	a, err := newAhead(c, m, Loss{}, encoded(set, m.Spec.Normaliser))
	if err != nil {
		t.Fatal(err)
	}
	same(0, "the first", a.take(0))
	for part := range a.parts {
		a.beside(part)
	}
	same(1, "drawn beside", a.take(1))
	a.beside(0)
	same(2, "drawn beside in part", a.take(2))
	same(9, "out of order", a.take(9))
	same(9, "again", a.take(9))
}
