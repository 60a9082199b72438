package flow_test

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"fmtool/models/flow"
)

// Source, coupling and path noise survive the metadata, and files without them start at noise; what the keys cannot mean is refused.
func TestSourceInMetadata(t *testing.T) {
	for _, c := range []struct {
		source   flow.SourceKind
		coupling flow.Coupling
		sigma    float64
	}{{"", "", 0}, {flow.DataSource, flow.C2OT, 0.1}, {"", flow.Independent, 0}, {"", flow.Pairs, 0}} {
		want := spec(t)
		want.Source, want.Coupling, want.Sigma = c.source, c.coupling, c.sigma
		m := want.Metadata()
		got, err := flow.ParseSpec(m)
		if err != nil || got.Source != c.source || got.Coupling != c.coupling || got.Sigma != c.sigma {
			t.Errorf("%+v: got %q %q %g, %v", c, got.Source, got.Coupling, got.Sigma, err)
		}
		if plain := reflect.DeepEqual(m, spec(t).Metadata()); plain != (c.source == "" && c.coupling == "" && c.sigma == 0) {
			t.Errorf("%+v: the metadata of a plain model: %v", c, plain)
		}
		if starts := strings.Contains(m["io.fmtool.noise"], "Threefry"); starts != (c.source == "") {
			t.Errorf("%+v: the consumer is told %q", c, m["io.fmtool.noise"])
		}
	}
	for key, bad := range map[string]string{"source": "moons", "coupling": "kantorovich", "path.sigma": "-1"} {
		m := spec(t).Metadata()
		m[flow.Prefix+key] = bad
		if _, err := flow.ParseSpec(m); err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(key, "path.")) {
			t.Errorf("%s = %q: %v", key, bad, err)
		}
	}
	s := spec(t)
	if s.Sigma = math.NaN(); s.Check() == nil {
		t.Error("sigma NaN accepted")
	}
}

// A base N(0, I) needs noise as the source; a score needs noise that is independent of the data and nothing added to the path.
func TestStatementsOnNoise(t *testing.T) {
	for _, c := range []struct {
		change      func(*flow.Spec)
		base, score bool
	}{
		{func(*flow.Spec) {}, true, true},
		{func(s *flow.Spec) { s.Coupling = flow.Independent }, true, true},
		{func(s *flow.Spec) { s.Coupling = flow.OT }, true, false},
		{func(s *flow.Spec) { s.Coupling = flow.Pairs }, true, false},
		{func(s *flow.Spec) { s.Sigma = 0.1 }, true, false},
		{func(s *flow.Spec) { s.Source = flow.DataSource }, false, false},
	} {
		s := spec(t)
		c.change(&s)
		if base, score := s.CheckBase() == nil, s.CheckScore() == nil; base != c.base || score != c.score {
			t.Errorf("source %q, coupling %q, sigma %g: base %v and score %v, want %v and %v", s.Source, s.Coupling, s.Sigma, base, score, c.base, c.score)
		}
	}
}
