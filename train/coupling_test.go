package train

import (
	"math"
	"slices"
	"strings"
	"testing"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/train/data"
)

// twoSided is labelled(n) with a source of other rows.
func twoSided(n int) *data.Set {
	s := labelled(n)
	s.Source = &data.Set{Dims: s.Dims}
	for i := range n + 7 {
		s.Source.Rows = append(s.Source.Rows, float32(1000+i), float32(math.Cos(float64(i))))
	}
	return s
}

func transport(coupling flow.Coupling) Config {
	c := small("linear")
	c.Coupling, c.OT.Pool, c.OT.Block, c.Normaliser = string(coupling), 100, 25, "none"
	return c
}

// take copies what steps see.
func take(t *testing.T, c Config, set *data.Set, steps ...int) (out [][]tensor.Tensor) {
	t.Helper()
	m, rows, _, err := NewModel(c, set)
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFeeder(c, m, Loss{}, rows)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	for _, k := range steps {
		var one []tensor.Tensor
		for _, v := range f.take(k) {
			one = append(one, v.Clone())
		}
		out = append(out, one)
	}
	return out
}

// What a step sees with a coupling depends on the seed and the step alone: not on the steps before, on what is drawn ahead, nor on where in its pool a run is resumed.
func TestCoupledDrawsAreAFunctionOfSeedAndStep(t *testing.T) {
	for _, coupling := range flow.Couplings[:4] {
		c, set := transport(coupling), twoSided(300)
		if coupling == flow.Independent {
			c.OT.Pool, c.OT.Block = 0, 0
		}
		straight := take(t, c, set, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
		for _, k := range []int{3, 6, 9} {
			for i, v := range take(t, c, set, k)[0] {
				if !slices.Equal(v.Bytes(), straight[k][i].Bytes()) {
					t.Errorf("%s: input %d of step %d depends on the steps before", coupling, i, k)
				}
			}
		}
		jumping := take(t, c, set, 8, 2, 3, 9)
		if !slices.Equal(jumping[1][1].Bytes(), straight[2][1].Bytes()) || !slices.Equal(jumping[3][1].Bytes(), straight[9][1].Bytes()) {
			t.Errorf("%s: the order of steps changes x0", coupling)
		}
	}
}

// Over an epoch each row of the data and each row of the source is seen exactly once, whatever the coupling; the data's rows come as without one, and the pairs cost less.
func TestNoPairIsRepeatedOrDropped(t *testing.T) {
	cost := map[flow.Coupling]float64{}
	for _, coupling := range flow.Couplings[:4] {
		c, set := transport(coupling), twoSided(300)
		if coupling == flow.Independent {
			c.OT.Pool, c.OT.Block = 0, 0
		}
		set.Source = set.Source.Take(sequence(300))
		var x1, x0 []float32
		for _, step := range take(t, c, set, 0, 1, 2, 3, 4, 5) { // 6 batches of 50 rows
			for i := range 50 {
				a, b := step[0].Float32()[2*i], step[1].Float32()[2*i]
				x1, x0 = append(x1, a), append(x0, b)
				cost[coupling] += float64(a-b) * float64(a-b)
				if coupling != flow.C2OT {
					continue
				}
				if label := step[len(step)-1].Int64()[i]; label != 5 && label != int64(a)%5 {
					t.Fatalf("row %g has label %d", a, label)
				}
			}
		}
		slices.Sort(x1)
		slices.Sort(x0)
		for i := range 300 {
			if x1[i] != float32(i) || x0[i] != float32(1000+i) {
				t.Fatalf("%s: row %d of the data is seen as %g, of the source as %g", coupling, i, x1[i], x0[i])
			}
		}
	}
	for _, coupling := range flow.Couplings[1:4] {
		if cost[coupling] > 0.999*cost[flow.Independent] {
			t.Errorf("%s costs %g, independent pairs %g", coupling, cost[coupling], cost[flow.Independent])
		}
	}
}

func sequence(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// Pairs stay together, in training and held out, and noise that a model drew is not normalised.
func TestPairsStayTogether(t *testing.T) {
	for _, noisy := range []bool{false, true} {
		set := labelled(200)
		set.Noise = noisy
		for i := range 200 {
			set.Paired = append(set.Paired, 2*set.Row(i)[0], set.Row(i)[1]-1)
		}
		c := small("linear")
		c.HeldOut = 0.2
		m, rows, held, err := NewModel(c, set)
		if err != nil {
			t.Fatal(err)
		}
		if m.Spec.Coupling != flow.Pairs || (m.Spec.Source == flow.DataSource) == noisy {
			t.Errorf("noise %v: coupling %s, source %q", noisy, m.Spec.Coupling, m.Spec.Source)
		}
		data := func(v []float32) []float32 {
			out := make([]float32, len(v))
			m.Spec.Normaliser.Decode(out, v, 2)
			return out
		}
		check := func(b []tensor.Tensor) {
			x1, x0 := data(b[0].Float32()), b[1].Float32()
			if !noisy {
				x0 = data(x0)
			}
			for i := 0; i < len(x1); i += 2 {
				if math.Abs(float64(x0[i]-2*x1[i])) > 1e-2 || math.Abs(float64(x0[i+1]-(x1[i+1]-1))) > 1e-4 {
					t.Fatalf("noise %v: x1 %v with x0 %v", noisy, x1[i:i+2], x0[i:i+2])
				}
			}
		}
		s, err := newSampler(c, rows)
		if err != nil {
			t.Fatal(err)
		}
		b := newBatch(m, Loss{}, c.Batch)
		s.fill(b, 5)
		check(b.tensors)
		check(heldOut(m, Loss{}, held, c).tensors)
	}
}

// Noise on the path is what the network sees more, and the target does not know of it: mean square sigma², new in every step.
func TestPathNoise(t *testing.T) {
	c := small("linear")
	c.Sigma, c.Batch = 0.25, 120
	set := labelled(120)
	m := testModel(t, c, set)
	for i := range m.Weights["net.out.weight"].Float32() {
		m.Weights["net.out.weight"].Float32()[i] = float32(math.Sin(float64(i)))
	}
	s, err := newSampler(c, encoded(set, m.Spec.Normaliser))
	if err != nil {
		t.Fatal(err)
	}
	b := newBatch(m, Loss{}, c.Batch)
	s.fill(b, 4)
	first := slices.Clone(b.path)
	s.fill(b, 3)
	sum, same := 0.0, 0
	for i, v := range b.path {
		sum += float64(v) * float64(v)
		if v == first[i] {
			same++
		}
	}
	if got := math.Sqrt(sum / float64(len(b.path))); math.Abs(got-0.25) > 0.04 || same > 0 {
		t.Errorf("path noise of deviation %.3f, want 0.25; %d numbers as in another step", got, same)
	}
	g, err := LossGraph(m, Loss{})
	if err != nil {
		t.Fatal(err)
	}
	got := execute(t, g, b.tensors, c.Batch)
	plain := m.Spec
	plain.Sigma = 0
	without := *m
	without.Spec = plain
	for i, ti := range b.t { // the same, with x_t moved by hand
		k := plain.Schedule.At(float64(ti))
		for j := 2 * i; j < 2*i+2; j++ {
			target := float64(b.x1[j]) - float64(b.x0[j])
			x := k.Alpha*float64(b.x1[j]) + k.Beta*float64(b.x0[j]) + float64(b.path[j])
			b.x0[j] = float32(x) // x1 = x0 = x: α x1 + β x0 = x on the straight path
			b.x1[j], b.path[j] = float32(x), float32(target)
		}
	}
	vg, err := models.VelocityGraph(&without)
	if err != nil {
		t.Fatal(err)
	}
	u := execute(t, vg, []tensor.Tensor{tensor.Of(b.x0, c.Batch, 2), tensor.Of(b.t, c.Batch, 1), tensor.Of(b.labels, c.Batch)}, c.Batch, 2)
	for i, loss := range got {
		want := 0.0
		for j := 2 * i; j < 2*i+2; j++ {
			e := float64(u[j]) - float64(b.path[j])
			want += e * e
		}
		if math.Abs(float64(loss)-want) > 1e-4*max(1, want) {
			t.Fatalf("row %d: loss %g, want %g", i, loss, want)
		}
	}
}

// With a condition, transport regards it unless told not to.
func TestConditionChoosesTheCoupling(t *testing.T) {
	for _, c := range []struct {
		coupling              flow.Coupling
		unconditional, ignore bool
		want                  flow.Coupling
	}{
		{"", false, false, flow.Independent}, {flow.OT, false, false, flow.C2OT}, {flow.OT, true, false, flow.OT}, {flow.OT, false, true, flow.OT},
		{flow.C2OT, false, false, flow.C2OT}, {flow.Sinkhorn, false, false, flow.Sinkhorn},
	} {
		config := small("linear")
		config.Coupling, config.Unconditional, config.OT.IgnoreCondition = string(c.coupling), c.unconditional, c.ignore
		if got := testModel(t, config, labelled(100)).Spec.Coupling; got != c.want {
			t.Errorf("%+v: coupling %s", c, got)
		}
	}
}

// Settings that make no sense are refused by a line that says what does.
func TestCouplingRefuses(t *testing.T) {
	paired := labelled(100)
	paired.Paired = slices.Clone(paired.Rows)
	for _, c := range []struct {
		change func(*Config)
		set    *data.Set
		want   string
	}{
		{func(c *Config) { c.Coupling = "optimal" }, nil, `unknown coupling "optimal"`},
		{func(c *Config) { c.Coupling, c.OT.Block = "ot", 64 }, nil, "OT with a block larger than the batch of 50"},
		{func(c *Config) { c.Coupling, c.OT.Pool = "ot", 75 }, nil, "want a multiple of the batch of 50"},
		{func(c *Config) { c.OT.Block = 10 }, nil, "settings of ot with coupling independent"},
		{func(c *Config) { c.Coupling, c.OT.Epsilon = "sinkhorn", 0 }, nil, "ot.epsilon is 0"},
		{func(c *Config) { c.Coupling, c.OT.Ratio = "c2ot", 2 }, nil, "ot.ratio is 2"},
		{func(c *Config) { c.Coupling, c.OT.Epsilon = "sinkhorn", 1e-300 }, nil, "at least 1e-06"},
		{func(c *Config) { c.OT.Epsilon = 0.1 }, nil, "ot.epsilon with coupling independent"},
		{func(c *Config) { c.Coupling, c.OT.Epsilon = "ot", 0.1 }, nil, "ot.epsilon with coupling ot"},
		{func(c *Config) { c.Coupling, c.OT.Ratio = "sinkhorn", 0.1 }, nil, "ot.ratio with coupling sinkhorn"},
		{func(c *Config) { c.Coupling, c.OT.Ratio = "c2ot", 0.1 }, nil, "conditions that are numbers"},
		{func(c *Config) { c.Coupling, c.OT.IgnoreCondition = "c2ot", true }, nil, "does not ignore the condition"},
		{func(c *Config) { c.Coupling, c.Unconditional = "c2ot", true }, nil, "c2ot needs a condition"},
		{func(c *Config) { c.Coupling, c.Unconditional, c.OT.IgnoreCondition = "ot", true, true }, nil, "no condition to ignore"},
		{func(c *Config) { c.Coupling = "pairs" }, nil, "--pairs"},
		{func(c *Config) { c.Coupling = "ot" }, paired, "the data are pairs"},
		{func(c *Config) { c.Pairs, c.Source = "a.csv", "b.csv" }, nil, "exclude each other"},
		{func(c *Config) { c.Pairs, c.Coupling = "a.csv", "ot" }, nil, "kept as they are"},
		{func(c *Config) { c.Sigma = -1 }, nil, "sigma is -1"},
		{func(c *Config) { c.Sigma, c.Prediction = 0.1, "x1" }, nil, "path noise"},
	} {
		config, set := small("linear"), c.set
		c.change(&config)
		err := config.Check()
		if err == nil {
			if set == nil {
				set = labelled(100)
			}
			_, _, _, err = NewModel(config, set)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	few := labelled(100)
	few.Source = few.Take(sequence(30))
	if _, err := newSampler(small("linear"), few); err == nil || !strings.Contains(err.Error(), "source") {
		t.Errorf("a source smaller than the batch: %v", err)
	}
}

// A step with a coupling allocates nothing, the goroutines that pair ahead included.
func TestCoupledStepAllocatesNothing(t *testing.T) {
	for _, coupling := range flow.Couplings[1:4] {
		c := transport(coupling)
		c.Steps, c.Sigma = 1<<20, 0.1
		tr, err := newTrainer(c, twoSided(300), t.TempDir(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for range 12 {
			if err := tr.take(); err != nil {
				t.Fatal(err)
			}
		}
		if n := testing.AllocsPerRun(20, func() {
			if err := tr.take(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %g allocations a step", coupling, n)
		}
		tr.close()
	}
}
