package export

import (
	"encoding/json"
	"math"
	"testing"
)

// Numbers are counted by the distance from the reference in units of its last place as a float32.
func TestUlps(t *testing.T) {
	next := func(x float32, n int) float64 {
		for range n {
			x = math.Nextafter32(x, math.MaxFloat32)
		}
		return float64(x)
	}
	for _, c := range []struct {
		got, want float64
		bin       int
	}{
		{1, 1, 0}, {next(1, 1), 1, 0}, {next(1, 4), 1, 1}, {next(1, 5), 1, 2}, {next(3e20, 16), next(3e20, 0), 2}, {next(1e-3, 200), float64(float32(1e-3)), 3}, {2, 1, 4},
		{math.NaN(), 1, 4}, {math.Inf(1), 1, 4}, {0, 0, 0}, {1e-30, 0, 4},
	} {
		var u Ulps
		u.add(c.got, c.want)
		if u[c.bin] != 1 {
			t.Errorf("%g against %g is counted in %v, want place %d", c.got, c.want, [5]int(u), c.bin)
		}
		text, err := json.Marshal(u)
		var back Ulps
		if err != nil || json.Unmarshal(text, &back) != nil || back != u {
			t.Errorf("%s came back as %v (%v)", text, back, err)
		}
	}
	if got := (Ulps{}).String(); got != "-" {
		t.Errorf("shares of nothing %q, want -", got)
	}
	if got, want := (Ulps{1, 0, 2, 0, 1}).String(), "25 0 50 0 25"; got != want {
		t.Errorf("shares %q, want %q", got, want)
	}
}
