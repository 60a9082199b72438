package flow_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/noise"
)

var distributions = []string{"uniform", "logit-normal", "logit-normal:-0.8,1.6", "u-shaped", "u-shaped:0.01", "beta", "beta:0.5,0.5", "beta:3,1",
	"shift", "shift:0.2"}

func times(t *testing.T, text string) flow.Times {
	t.Helper()
	d, err := flow.ParseTimes(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Quantiles rise from 0 to 1, and their slope is one over the density that the name promises.
func TestTimesHaveTheirDensities(t *testing.T) {
	normal := func(z float64) float64 { return math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) }
	logit := func(t float64) float64 { return math.Log(t / (1 - t)) }
	densities := map[string]func(t float64) float64{
		"uniform":               func(float64) float64 { return 1 },
		"logit-normal":          func(t float64) float64 { return normal(logit(t)) / (t * (1 - t)) },
		"logit-normal:-0.8,1.6": func(t float64) float64 { return normal((logit(t)+0.8)/1.6) / (1.6 * t * (1 - t)) },
		"u-shaped":              func(t float64) float64 { return 4 * math.Cosh(4*(2*t-1)) / math.Sinh(4) },
		"beta":                  func(t float64) float64 { return 6 * t * (1 - t) },
		"beta:0.5,0.5":          func(t float64) float64 { return 1 / (math.Pi * math.Sqrt(t*(1-t))) },
		"beta:3,1":              func(t float64) float64 { return 3 * t * t },
		// t' = t/(t + s(1−t)) has the inverse s t'/(1 + (s−1)t'), of slope s/(1 + (s−1)t')².
		"shift":     func(t float64) float64 { return 3 / math.Pow(1+2*t, 2) },
		"shift:0.2": func(t float64) float64 { return 0.2 / math.Pow(1-0.8*t, 2) },
	}
	for text, density := range densities {
		d := times(t, text)
		if d.Quantile(0) != 0 || d.Quantile(1) != 1 {
			t.Errorf("%s: from %g to %g", text, d.Quantile(0), d.Quantile(1))
		}
		for _, q := range []float64{0.02, 0.2, 0.5, 0.77, 0.98} {
			const h = 1e-6
			slope := (d.Quantile(q+h) - d.Quantile(q-h)) / (2 * h)
			if p := slope * density(d.Quantile(q)); math.Abs(p-1) > 1e-4 {
				t.Errorf("%s: at share %g the slope times the density is %g, want 1", text, q, p)
			}
		}
	}
}

// A batch lies within its bounds whatever the numbers drawn; a stratified one has a time in each equal part of probability, and its mean is steadier.
func TestDrawsOfTimes(t *testing.T) {
	const n, rounds = 64, 100
	for _, text := range distributions {
		spread := map[bool]float64{}
		for _, stratified := range []bool{false, true} {
			d := times(t, strings.TrimSuffix(map[bool]string{true: "stratified "}[stratified]+text, " "))
			mean, square := 0.0, 0.0
			for round := range rounds {
				u := make([]float32, n)
				noise.New(3, noise.Times).Uniforms(u, uint64(round*n))
				u[0], u[n-1] = 0, 1-1./(1<<24) // the extremes
				d.Map(u, 0.1, 0.9)
				sum := 0.0
				for i, v := range u {
					if !(v >= 0.1 && v <= 0.9000001) {
						t.Fatalf("%s: time %g", d, v)
					}
					lo, hi := 0.1+0.8*d.Quantile(float64(i)/n), 0.1+0.8*d.Quantile(float64(i+1)/n)
					if stratified && (float64(v) < lo-1e-6 || float64(v) > hi+1e-6) {
						t.Fatalf("%s: row %d has time %g, not in [%g, %g]", d, i, v, lo, hi)
					}
					sum += float64(v) / n
				}
				mean, square = mean+sum/rounds, square+sum*sum/rounds
			}
			spread[stratified] = math.Sqrt(square - mean*mean)
		}
		if spread[true] > spread[false]/5 {
			t.Errorf("%s: the mean of a batch varies by %g stratified, %g otherwise", text, spread[true], spread[false])
		}
	}
}

// What training draws is the quantile of the number drawn, also where it comes from a table.
func TestDrawsAreQuantiles(t *testing.T) {
	for _, text := range append(distributions, "beta:0.05,0.05", "beta:50,50", "beta:0.3,7") {
		d := times(t, text)
		u := make([]float32, 4001)
		for i := range u {
			u[i] = float32(i) / 4001
		}
		q := slices.Clone(u)
		d.Map(u, 0, 1)
		for i, v := range u {
			if want := d.Quantile(float64(q[i])); math.Abs(float64(v)-want) > 1e-4 || i > 0 && v < u[i-1] {
				t.Fatalf("%s: share %g is drawn as %g, its quantile is %g", text, q[i], v, want)
			}
		}
	}
}

// No text panics; what is accepted comes back from its own text, and its steps rise within [0, 1] or are refused.
func FuzzParseGrid(f *testing.F) {
	for _, text := range append(distributions, "beta:1,2 shift:3", "stratified", "shift:3 shift:3", "u-shaped:50 shift:0.01") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := flow.ParseTimes(text); err == nil {
			if again, err := flow.ParseTimes(d.String()); err != nil || again.String() != d.String() {
				t.Errorf("times %q: %q, %v", text, d, err)
			}
		}
		g, err := flow.ParseGrid(text)
		if err != nil {
			return
		}
		if again := reread(t, g); again.String() != g.String() {
			t.Errorf("grid %q: %q, then %q", text, g, again)
		}
		if s, err := g.Steps(20); err == nil && (s[0] != 0 || s[20] != 1 || !slices.IsSorted(s)) {
			t.Errorf("grid %q: %v", text, s)
		}
	})
}

// Texts of times, grids and weights come back as they are, and mistakes are told.
func TestTextsOfTimes(t *testing.T) {
	for text, want := range map[string]string{"": "uniform", "uniform": "uniform", "stratified": "stratified", "stratified uniform": "stratified",
		"beta":                "beta:2,2",
		"stratified beta:1,2": "stratified beta:1,2", "shift:3": "shift:3"} {
		if d, err := flow.ParseTimes(text); err != nil || d.String() != want {
			t.Errorf("times %q: %q, %v", text, d, err)
		}
	}
	for text, want := range map[string]string{"": "uniform", "shift:3": "shift:3", "uniform shift:3": "shift:3",
		"beta:1,2 shift:0.5": "beta:1,2 shift:0.5", "shift:1": "uniform"} {
		if g, err := flow.ParseGrid(text); err != nil || g.String() != want {
			t.Errorf("grid %q: %q, %v", text, g, err)
		}
	}
	for text, want := range map[string]string{"": "none", "none": "none", "min-snr": "min-snr:5", "sigmoid:-1": "sigmoid:-1", "cosmap": "cosmap"} {
		if w, err := flow.ParseWeight(text); err != nil || w.String() != want {
			t.Errorf("weight %q: %q, %v", text, w, err)
		}
	}
	for _, text := range []string{"unifrom", "beta:1", "beta:1,0", "beta:NaN,1", "uniform:2", "shift:0", "logit-normal:0,1,2",
		"stratifiedx", "beta:1,2 shift:3"} {
		if d, err := flow.ParseTimes(text); err == nil {
			t.Errorf("times %q accepted as %s", text, d)
		}
	}
	for _, text := range []string{"stratified", "shift:3 shift:3", "beta shift:x", "shift:-1", "uniform shift:", "shift:1e9"} {
		if g, err := flow.ParseGrid(text); err == nil {
			t.Errorf("grid %q accepted as %s", text, g)
		}
	}
	for _, text := range []string{"min-snr:0", "snr", "sigmoid:NaN", "cosmap:1"} {
		if w, err := flow.ParseWeight(text); err == nil {
			t.Errorf("weight %q accepted as %s", text, w)
		}
	}
}

// A shift that is applied twice, or over the shift that the model carries, acts once (a peer's scheduler, set up again, shifts its shifted times
// once more: huggingface/diffusers#13243). s > 1 leans to the noise, and s and 1/s are each other's mirror.
func TestShiftTwiceIsShiftOnce(t *testing.T) {
	once := flow.Grid{}.WithShift(3)
	carried, err := flow.ParseGrid("shift:3")
	if err != nil {
		t.Fatal(err)
	}
	for name, g := range map[string]flow.Grid{"twice": once.WithShift(3),
		"over the model's": carried.WithShift(3), "over another": once.WithShift(7).WithShift(3),
		"through its text": reread(t, reread(t, once)).WithShift(3)} {
		if got, want := steps(t, g, 10), steps(t, once, 10); !slices.Equal(got, want) {
			t.Errorf("%s: %v, once %v", name, got, want)
		}
	}
	if got, even := steps(t, once.WithShift(1), 10), steps(t, flow.Grid{}, 10); !slices.Equal(got, even) {
		t.Errorf("shift 1: %v", got)
	}
	forth, back := steps(t, once, 8), steps(t, flow.Grid{}.WithShift(1./3), 8)
	for k := range forth {
		even, sigma := float64(k)/8, 1-float64(k)/8 // the level of noise, by which the formula is known
		if want := 1 - 3*sigma/(1+2*sigma); math.Abs(forth[k]-want) > 1e-15 {
			t.Errorf("step %d of shift 3 at t = %g, want %g", k, forth[k], want)
		}
		if k > 0 && k < 8 && !(forth[k] < even && back[k] > even) || math.Abs(forth[k]+back[8-k]-1) > 1e-15 {
			t.Errorf("step %d: shift 3 at %g, shift 1/3 at %g, even %g", k, forth[k], back[k], even)
		}
	}
}

func reread(t *testing.T, g flow.Grid) flow.Grid {
	t.Helper()
	again, err := flow.ParseGrid(g.String())
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func steps(t *testing.T, g flow.Grid, n int) []float64 {
	t.Helper()
	s, err := g.Steps(n)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// n steps have n + 1 times that rise from 0 to 1, the even ones k/n exactly; steps too close for float32 are refused.
func TestGridSteps(t *testing.T) {
	for _, text := range distributions {
		g, err := flow.ParseGrid(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 2, 50} {
			s := steps(t, g, n)
			if len(s) != n+1 || s[0] != 0 || s[n] != 1 || !slices.IsSorted(s) {
				t.Errorf("%s: %d steps at %v", text, n, s)
			}
			if text == "uniform" && s[n/2] != float64(n/2)/float64(n) {
				t.Errorf("even step at %g", s[n/2])
			}
		}
	}
	fine, err := flow.ParseGrid("beta:0.05,0.05")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := fine.Steps(50); err == nil || !strings.Contains(err.Error(), "fewer steps") {
		t.Errorf("%d steps, %v", len(s), err)
	}
}

// Weights are finite and not negative on every schedule, and what their formulas say on the straight path.
func TestWeights(t *testing.T) {
	for _, name := range flow.WeightNames() {
		w, err := flow.ParseWeight(name)
		if err != nil {
			t.Fatal(err)
		}
		for at, s := range schedules(t) {
			for i := range 21 {
				if v := w.At(s.At(s.Defects().TimeMax * float64(i) / 20)); !(v >= 0 && v < 10) {
					t.Errorf("%s on %s: %g", name, at, v)
				}
			}
		}
	}
	for text, want := range map[string]float64{"none": 1, "min-snr:5": (1. / 9) / 5, "min-snr:0.1": 1, "sigmoid:0": 0.9,
		"cosmap": 2 / (math.Pi * (1 - 0.5 + 0.125))} {
		w, err := flow.ParseWeight(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.At(flow.Linear.At(0.25)); math.Abs(got-want) > 1e-14 {
			t.Errorf("%s at t = 1/4: %g, want %g", text, got, want)
		}
	}
}

// What training drew and where samplers step survive the metadata; bounds of the time that contradict each other or the schedule are refused.
func TestTimesInMetadata(t *testing.T) {
	want := spec(t)
	want.TimeMin, want.Times = 0.125, times(t, "stratified beta:2,3")
	want.Schedule, _ = flow.Points([]flow.Point{{0, 0, 1}, {0.5, 0.4, 0.7}, {1, 1, 0}})
	want.Grid, _ = flow.ParseGrid("u-shaped:2 shift:3")
	m := want.Metadata()
	got, err := flow.ParseSpec(m)
	if err != nil || got.TimeMin != 0.125 || got.Times.String() != want.Times.String() ||
		got.Grid.String() != want.Grid.String() || got.Schedule.Name() != want.Schedule.Name() {
		t.Fatalf("got %+v, %v", got, err)
	}
	if text := m[flow.Prefix+"time"]; !strings.Contains(text, "uneven") || strings.Contains(spec(t).Metadata()[flow.Prefix+"time"], "uneven") {
		t.Errorf("the consumer is told %q", text)
	}
	for _, bad := range [][2]string{{"time.min", "-0.1"}, {"time.min", "1"}, {"time.min", "NaN"}, {"time.min", ""}, {"times", "never"},
		{"grid", "stratified"}, {"grid", "shift:0"},
		{"schedule", "points:0,0,1"}, {"schedule", "sqrt"}} {
		m := want.Metadata()
		m[flow.Prefix+bad[0]] = bad[1]
		if got, err := flow.ParseSpec(m); err == nil {
			t.Errorf("%s = %q accepted as %+v", bad[0], bad[1], got)
		} else if part, _, _ := strings.Cut(bad[0], "."); !strings.Contains(fmt.Sprint(err), part) {
			t.Errorf("%s = %q: %v", bad[0], bad[1], err)
		}
	}
}
