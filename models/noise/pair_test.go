package noise

import (
	"math"
	"testing"
)

// The logarithm is within a unit of float32's last place of the true one, for every number the generator makes; so are sine and cosine, but for 6e-8 near
// their zeros.
func TestLnAndSincos(t *testing.T) {
	worst := 0.0
	for i := uint32(1); i <= 1<<24; i += 1 + i>>12 {
		u := float32(i) * unit
		want := math.Log(float64(u))
		unitAt := math.Abs(float64(math.Nextafter32(float32(want), -100) - float32(want)))
		worst = max(worst, math.Abs(float64(ln(u))-want)/unitAt)
	}
	if worst > 0.51 {
		t.Errorf("ln is off by %.3f ulp", worst)
	}
	worst = 0
	for i := uint32(0); i < 1<<24; i += 97 {
		x := float32(2*math.Pi) * (float32(i) * unit)
		s, c := sincos(x)
		worst = max(worst, math.Abs(float64(s)-math.Sin(float64(x))), math.Abs(float64(c)-math.Cos(float64(x))))
	}
	if worst > 3e-8 {
		t.Errorf("sine or cosine is off by %g", worst)
	}
}
