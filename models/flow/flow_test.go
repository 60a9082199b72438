package flow_test

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/noise"
)

func Example() {
	s, err := flow.ParseSchedule("linear")
	c := s.At(0.25)
	a, b := c.Convert(flow.Velocity, flow.X1) // x1 = x + (1 − t) u on the straight path
	fmt.Println(c, a, b, err)
	_, err = flow.ParseSchedule("cosinus")
	fmt.Println(err)
	// Output:
	// {0.25 0.75 1 -1} 1 0.75 <nil>
	// unknown schedule "cosinus"; did you mean "cosine"? (known: linear, cosine, polynomial, vp, linear-vp, sqrt, cosmap)
}

var names = []string{"linear", "cosine", "polynomial", "polynomial:3.5", "vp", "linear-vp", "sqrt", "cosmap",
	"points:0,0,1;0.25,0.1,0.9;0.5,0.6,0.5;0.8,0.9,0.25;1,1,0", "points:0,0,1;1,1,0"}

func schedules(t *testing.T) map[string]flow.Schedule {
	out := map[string]flow.Schedule{}
	for _, name := range names {
		s, err := flow.ParseSchedule(name)
		if err != nil {
			t.Fatal(err)
		}
		again, err := flow.ParseSchedule(s.Name())
		if err != nil || again.At(0.3) != s.At(0.3) {
			t.Errorf("%s: its name %q gives another schedule (%v)", name, s.Name(), err)
		}
		out[name] = s
	}
	return out
}

// A path starts at noise and ends at data, but for the defects the schedule declares; its slopes are the derivatives and finite.
func TestSchedules(t *testing.T) {
	for name, s := range schedules(t) {
		d := s.Defects()
		c0, c1 := s.At(0), s.At(d.TimeMax)
		if math.Abs(c0.Alpha-d.Alpha0) > 1e-12 || math.Abs(c0.Beta-math.Sqrt(1-d.Alpha0*d.Alpha0)) > 1e-12 {
			t.Errorf("%s: α₀ = %g, β₀ = %g", name, c0.Alpha, c0.Beta)
		}
		if d.Why == "" && (math.Abs(c1.Alpha-1) > 1e-12 || math.Abs(c1.Beta) > 1e-12 || d.TimeMax != 1) {
			t.Errorf("%s: α₁ = %g, β₁ = %g without a declared defect", name, c1.Alpha, c1.Beta)
		}
		for i := range 100 {
			at := float64(i) / 99 * d.TimeMax
			c := s.At(at)
			for _, v := range []float64{c.Alpha, c.Beta, c.DAlpha, c.DBeta} {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("%s: %+v at t = %g", name, c, at)
				}
			}
			const h = 1e-6
			if at < h || at > d.TimeMax-h || at > 0.99 {
				continue
			}
			lo, hi := s.At(at-h), s.At(at+h)
			if da, db := (hi.Alpha-lo.Alpha)/(2*h), (hi.Beta-lo.Beta)/(2*h); math.Abs(da-c.DAlpha) > 1e-6 || math.Abs(db-c.DBeta) > 1e-5*(1+math.Abs(c.DBeta)) {
				t.Errorf("%s at %g: slopes %g %g, differences %g %g", name, at, c.DAlpha, c.DBeta, da, db)
			}
		}
	}
	for _, bad := range []string{"", "linear:2", "polynomial:x", "polynomial:0.5", "polynomial:NaN", "polynomial:1e9", "quadratic"} {
		if s, err := flow.ParseSchedule(bad); err == nil {
			t.Errorf("%q gave %s", bad, s.Name())
		}
	}
}

// Every quantity can be had from every other, and the way back is the identity; the two forms of the conditional velocity agree.
func TestConversions(t *testing.T) {
	for name, s := range schedules(t) {
		for _, at := range []float64{0.05, 0.3, 0.7, 0.95} {
			c := s.At(at)
			x1, x0, x, u, w := []float64{1.3}, []float64{-0.4}, make([]float64, 1), make([]float64, 1), make([]float64, 1)
			c.Xt(x, x1, x0)
			c.Target(u, x1, x0)
			c.Conditional(w, x1, x)
			if math.Abs(u[0]-w[0]) > 1e-10*(1+math.Abs(u[0])) {
				t.Errorf("%s at %g: α̇y + β̇x0 = %g but α̇y + β̇/β(x−αy) = %g", name, at, u[0], w[0])
			}
			truth := map[flow.Quantity]float64{flow.Velocity: u[0], flow.X1: x1[0], flow.Noise: x0[0], flow.Score: -x0[0] / c.Beta}
			for from, v := range truth {
				for to, want := range truth {
					a, b := c.Convert(from, to)
					if got := a*x[0] + b*v; math.Abs(got-want) > 1e-10*(1+math.Abs(want)) {
						t.Errorf("%s at %g: %v → %v gives %g, want %g", name, at, from, to, got, want)
					}
				}
			}
		}
	}
}

// mixture is three Gaussians in two dimensions of different widths and weights.
func mixture(t *testing.T, s flow.Schedule) *flow.Mixture {
	m, err := flow.NewMixture(s, 2, []float64{1, 0, -1, 0.5, 0, -2}, []float64{0.3, 0.5, 0.2}, []float64{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The score is the gradient of the log-density, and density and velocity satisfy the continuity equation ∂p/∂t + ∇·(p u) = 0.
func TestMixtureField(t *testing.T) {
	const h = 1e-5
	for name, s := range schedules(t) {
		m := mixture(t, s)
		density := func(x []float64, at float64) float64 { return math.Exp(m.At(x, at).LogDensity) }
		for i := range 30 {
			at := 0.05 + 0.9*float64(i)/29
			x := []float64{math.Sin(float64(7 * i)), math.Cos(float64(3 * i))}
			score, flux := make([]float64, 2), 0.0
			m.Score(score, x, at)
			for d := range 2 {
				side := func(h float64) (logp, pu float64) {
					y := []float64{x[0], x[1]}
					y[d] += h
					u := make([]float64, 2)
					m.Velocity(u, y, at)
					return m.At(y, at).LogDensity, density(y, at) * u[d]
				}
				l1, f1 := side(h)
				l0, f0 := side(-h)
				if g := (l1 - l0) / (2 * h); math.Abs(g-score[d]) > 1e-6*(1+math.Abs(g)) {
					t.Errorf("%s at t=%.2f: score %g, slope of log p %g", name, at, score[d], g)
				}
				flux += (f1 - f0) / (2 * h)
			}
			change := (density(x, at+h) - density(x, at-h)) / (2 * h)
			if math.Abs(change+flux) > 1e-5*(1+math.Abs(change)) {
				t.Errorf("%s at t=%.2f: ∂p/∂t = %g, ∇·(pu) = %g", name, at, change, flux)
			}
		}
	}
}

// The path of one Gaussian is the affine map from N(0, I) to N(m, s²): its velocity is the textbook's.
func TestGaussianToGaussian(t *testing.T) {
	for name, s := range schedules(t) {
		m, _ := flow.NewMixture(s, 1, []float64{2}, []float64{0.5}, nil)
		for _, at := range []float64{0, 0.1, 0.5, 0.9, s.Defects().TimeMax} {
			c, x, u := s.At(at), []float64{0.7}, make([]float64, 1)
			m.Velocity(u, x, at)
			v := c.Alpha*c.Alpha*0.25 + c.Beta*c.Beta
			want := c.DAlpha*2 + (c.Alpha*c.DAlpha*0.25+c.Beta*c.DBeta)/v*(x[0]-c.Alpha*2)
			if !(math.Abs(u[0]-want) < 1e-10) { // NaN fails too
				t.Errorf("%s at %g: %g, want %g", name, at, u[0], want)
			}
			m.Score(u, x, at)
			if want := (c.Alpha*2 - x[0]) / v; !(math.Abs(u[0]-want) < 1e-10) {
				t.Errorf("%s at %g: score %g, want %g", name, at, u[0], want)
			}
		}
	}
}

// Following the field of a finite data set from noise lands on its points, and the velocity's posterior variance is that of the definition.
func TestFiniteDataSet(t *testing.T) {
	points := []float64{0, 1, 2, -1, -1, -2, 3, 3}
	s, _ := flow.ParseSchedule("linear")
	m, err := flow.NewMixture(s, 2, points, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	z := make([]float32, 2*20)
	noise.New(5, noise.Sampling).Rows(z, 0, 2)
	for i := range 20 {
		x, u := []float64{float64(z[2*i]), float64(z[2*i+1])}, make([]float64, 2)
		const n = 400
		for k := range n {
			m.Velocity(u, x, float64(k)/n)
			x[0], x[1] = x[0]+u[0]/n, x[1]+u[1]/n
		}
		nearest := math.Inf(1)
		for p := 0; p < len(points); p += 2 {
			nearest = min(nearest, math.Hypot(x[0]-points[p], x[1]-points[p+1]))
		}
		if nearest > 1e-6 {
			t.Errorf("sample %d ends %g from the data, at %v", i, nearest, x)
		}
	}
	x, at := []float64{0.4, 0.2}, 0.4
	c := s.At(at)
	var weights, sum, mean, square float64
	for p := 0; p < len(points); p += 2 {
		u := make([]float64, 2)
		c.Conditional(u, points[p:p+2], x)
		w := math.Exp(-(math.Pow(x[0]-c.Alpha*points[p], 2) + math.Pow(x[1]-c.Alpha*points[p+1], 2)) / (2 * c.Beta * c.Beta))
		weights, sum, mean, square = weights+w, sum+w*u[0], mean+w*u[1], square+w*(u[0]*u[0]+u[1]*u[1])
	}
	want := square/weights - math.Pow(sum/weights, 2) - math.Pow(mean/weights, 2)
	if got := m.VelocityVariance(x, at); math.Abs(got-want) > 1e-10 {
		t.Errorf("tr Var u = %g, want %g", got, want)
	}
}

// A mixture of numbers that make no distribution is refused.
func TestMixtureRefusals(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, c := range map[string][3][]float64{
		"means cut off": {{1, 2, 3}, nil, nil}, "mean NaN": {{0, nan}, nil, nil}, "mean infinite": {{-inf, 0}, nil, nil}, "sigma NaN": {{0, 0}, {nan}, nil},
		"sigma negative": {{0, 0}, {-1}, nil}, "sigma infinite": {{0, 0}, {inf}, nil}, "weight 0": {{0, 0}, nil, {0}}, "weight NaN": {{0, 0}, nil, {nan}},
		"weight infinite": {{0, 0}, nil, {inf}}, "sigmas missing": {{0, 0, 1, 1}, {1}, nil},
	} {
		if _, err := flow.NewMixture(flow.Linear, 2, c[0], c[1], c[2]); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Data goes to model space and back; constant columns come back exactly, whatever the sample; bad data is refused.
func TestNormaliser(t *testing.T) {
	rows := []float32{1, 5, 100, 2, 5, 300, 3, 5, 200}
	for _, kind := range flow.NormaliserKinds {
		n, err := flow.FitNormaliser(kind, rows, 3)
		if err != nil {
			t.Fatal(err)
		}
		z, back := make([]float32, 9), make([]float32, 9)
		n.Encode(z, rows)
		n.Decode(back, z, 3)
		for i := range rows {
			if math.Abs(float64(back[i]-rows[i])) > 1e-4 {
				t.Errorf("%s: %g came back as %g", kind, rows[i], back[i])
			}
		}
	}
	tiny, err := flow.FitNormaliser("column", []float32{0, 1, math.SmallestNonzeroFloat32, 2, 0, 3, 0, 4}, 2) // deviation below float32
	if err != nil || tiny.Scale[0] <= 0 {
		t.Errorf("scale of a column that hardly varies: %v, %v", tiny.Scale, err)
	}
	for _, kind := range flow.NormaliserKinds {
		n, _ := flow.FitNormaliser(kind, rows, 3)
		wild := []float32{3, 77, -2}
		if n.Decode(wild, wild, 3); wild[1] != 5 {
			t.Errorf("%s: a constant column came back as %g", kind, wild[1])
		}
	}
	n, _ := flow.FitNormaliser("column", rows, 3)
	wild := []float32{0, 77, 0}
	n.Decode(wild, wild, 3)
	if wild[1] != 5 || n.Scale[1] != 1 || math.Abs(n.LogJacobian(3)+math.Log(float64(n.Scale[0]))+math.Log(float64(n.Scale[2]))) > 1e-9 {
		t.Errorf("constant column: %v, scales %v, log-Jacobian %g", wild, n.Scale, n.LogJacobian(3))
	}
	for name, bad := range map[string][]float32{"constant": {1, 2, 1, 2}, "NaN": {1, 2, 3, float32(math.NaN())}, "Inf": {1, 2, 3, float32(math.Inf(1))}, "ragged": {1, 2, 3}, "empty": {}} {
		if _, err := flow.FitNormaliser("column", bad, 2); err == nil {
			t.Errorf("%s data accepted", name)
		}
	}
}

func spec(t *testing.T) flow.Spec {
	s, _ := flow.ParseSchedule("polynomial:3")
	n, err := flow.FitNormaliser("column", []float32{0.1, 1e-7, 3, 0.3, 1e7, 3}, 3)
	if err != nil {
		t.Fatal(err)
	}
	return flow.Spec{Dims: []int{3}, Columns: []string{"a b", "ü", `"`}, Schedule: s, Normaliser: n, TimeMax: 1, PhaseBound: 8 * math.Pi,
		Condition: flow.Condition{Kind: flow.Labels, Classes: 2, Names: []string{"no", "yes"}, Drop: 0.25}}
}

// A spec survives its metadata exactly.
func TestSpecRoundTrip(t *testing.T) {
	want := spec(t)
	got, err := flow.ParseSpec(want.Metadata())
	if err != nil {
		t.Fatal(err)
	}
	if got.Schedule.Name() != want.Schedule.Name() {
		t.Errorf("schedule %s", got.Schedule.Name())
	}
	got.Schedule, want.Schedule = nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// Damaged metadata is refused by an error that names the key.
func TestParseSpecRefuses(t *testing.T) {
	for key, bad := range map[string]string{
		"kind": "classifier", "format": "2", "dims": "0", "schedule": "linaer", "prediction": "v", "time.max": "1.5", "time.phase": "NaN", "columns": `["a"]`,
		"normaliser.mean": "0 x 0", "normaliser.scale": "1 0 1", "normaliser.constant": "0 1", "normaliser.kind": "row", "condition.kind": "image", "condition.classes": "-1", "condition.names": "[",
	} {
		m := spec(t).Metadata()
		m[flow.Prefix+key] = bad
		if _, err := flow.ParseSpec(m); err == nil {
			t.Errorf("%s = %q accepted", key, bad)
		} else if part, _, _ := strings.Cut(key, "."); !strings.Contains(err.Error(), strings.TrimSuffix(part, "s")) {
			t.Errorf("%s = %q: the error does not say where: %v", key, bad, err)
		}
	}
	m := spec(t).Metadata()
	m[flow.Prefix+"dims"] = "65536 65536 65536 65536 65536"
	if _, err := flow.ParseSpec(m); err == nil {
		t.Error("absurd dims accepted")
	}
}

// No metadata makes ParseSpec panic or ask for absurd memory.
func FuzzParseSpec(f *testing.F) {
	f.Add("dims", "3", "normaliser.mean", "1 2 3")
	f.Add("schedule", "points:0,0,1;0.5,0.4,0.7;1,1,0", "time.min", "0.1")
	f.Add("grid", "beta:1,2 shift:3", "times", "stratified u-shaped:4")
	f.Add("schedule", "vp", "time.max", "0.999")
	f.Add("condition.kind", "vector", "condition.width", "99999999999999999999")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		s, _ := flow.ParseSchedule("linear")
		m := flow.Spec{Dims: []int{3}, Schedule: s, TimeMax: 1, Normaliser: flow.Normaliser{Kind: "none", Mean: []float32{0}, Scale: []float32{1}}, Condition: flow.Condition{Kind: flow.Unconditional}}.Metadata()
		m[flow.Prefix+k1], m[flow.Prefix+k2] = v1, v2
		if got, err := flow.ParseSpec(m); err == nil && got.Check() != nil {
			t.Errorf("accepted a spec that does not check: %+v", got)
		}
	})
}
