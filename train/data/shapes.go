package data

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"fmtool/models/flow"
	"fmtool/models/noise"
)

// shape is a generator of points in the plane: each row, independently, from three uniforms u in [0, 1) and two standard normals z.
type shape struct {
	defaults map[string]float64 // its options
	labels   int                // number of classes
	at       func(o map[string]float64, u [3]float64, z [2]float64) (x, y float64, label int64)
}

// shapes is the table. Options that all have: n rows, scale and shift of the finished points (x·scale + shift, both coordinates).
var shapes = map[string]shape{
	// Two interleaved half circles, as scikit-learn's make_moons: angle θ = π·u; outer (cos θ, sin θ), inner (1 − cos θ, ½ − sin θ), either with
	// probability ½; plus noise·N(0, I), or with diagonal=1 plus one offset noise·U[0, 1) on both coordinates, as torchdyn's generate_moons.
	"moons": {map[string]float64{"noise": 0.05, "diagonal": 0}, 2, func(o map[string]float64, u [3]float64, z [2]float64) (float64, float64, int64) {
		s, c := math.Sincos(math.Pi * u[0])
		if o["diagonal"] != 0 {
			z = [2]float64{u[2], u[2]}
		}
		if u[1] < 0.5 {
			return c + o["noise"]*z[0], s + o["noise"]*z[1], 0
		}
		return 1 - c + o["noise"]*z[0], 0.5 - s + o["noise"]*z[1], 1
	}},
	// Two concentric circles, as make_circles: radius 1 and factor, angle 2π·u; plus noise·N(0, I).
	"circles": {map[string]float64{"noise": 0.05, "factor": 0.5}, 2, func(o map[string]float64, u [3]float64, z [2]float64) (float64, float64, int64) {
		s, c := math.Sincos(2 * math.Pi * u[0])
		r, k := 1.0, int64(2*u[1])
		if k == 1 {
			r = o["factor"]
		}
		return r*c + o["noise"]*z[0], r*s + o["noise"]*z[1], k
	}},
	// Eight Gaussians of standard deviation std on a circle of radius r: centre (r cos kπ/4, r sin kπ/4), k = ⌊8u⌋.
	"8gaussians": {map[string]float64{"r": 5, "std": 1}, 8, func(o map[string]float64, u [3]float64, z [2]float64) (float64, float64, int64) {
		k := math.Floor(8 * u[0])
		s, c := math.Sincos(k * math.Pi / 4)
		return o["r"]*c + o["std"]*z[0], o["r"]*s + o["std"]*z[1], int64(k)
	}},
	// Uniform on the dark squares of a 4 × 4 board on [−2, 2]², divided by 0.45: x = 4u − 2, y = v + (⌊x⌋ mod 2) − 2·⌊2w⌋, v, w in [0, 1).
	"checkerboard": {map[string]float64{}, 1, func(o map[string]float64, u [3]float64, z [2]float64) (float64, float64, int64) {
		x := 4*u[0] - 2
		y := u[1] - 2*math.Floor(2*u[2]) + math.Abs(math.Mod(math.Floor(x), 2))
		return x / 0.45, y / 0.45, 0
	}},
	// The rolled sheet seen from its side, as make_swiss_roll: t = 1.5π(1 + 2u), point (t cos t, t sin t)/5, plus noise·N(0, I).
	"swissroll": {map[string]float64{"noise": 0.05}, 1, func(o map[string]float64, u [3]float64, z [2]float64) (float64, float64, int64) {
		t := 1.5 * math.Pi * (1 + 2*u[0])
		s, c := math.Sincos(t)
		return t*c/5 + o["noise"]*z[0], t*s/5 + o["noise"]*z[1], 0
	}},
	// The letter S, coordinates 0 and 2 of make_s_curve: t = 3π(u − ½), point (sin t, sign(t)(cos t − 1)), plus noise·N(0, I).
	"scurve": {map[string]float64{"noise": 0.05}, 1, func(o map[string]float64, u [3]float64, z [2]float64) (float64, float64, int64) {
		t := 3 * math.Pi * (u[0] - 0.5)
		s, c := math.Sincos(t)
		return s + o["noise"]*z[0], math.Copysign(1, t)*(c-1) + o["noise"]*z[1], 0
	}},
}

// Shapes are the names of the generators, sorted.
func Shapes() []string {
	var names []string
	for name := range shapes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// rowLimit is the largest number of generated rows.
const rowLimit = 1 << 26

// load makes the shape with options written name=value,name=value.
func (g shape) load(name, args string, stream noise.Stream) (*Set, error) {
	o := map[string]float64{"n": 10000, "scale": 1, "shift": 0}
	for k, v := range g.defaults {
		o[k] = v
	}
	for _, arg := range strings.FieldsFunc(args, func(r rune) bool { return r == ',' }) {
		key, text, _ := strings.Cut(arg, "=")
		v, err := strconv.ParseFloat(text, 64)
		if _, ok := o[key]; !ok {
			return nil, fmt.Errorf("data: %s: %w", name, flow.Unknown("option", key, sortedKeys(o)))
		} else if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("data: %s: option %s=%q is not a number", name, key, text)
		}
		o[key] = v
	}
	n := int(o["n"])
	if !(o["n"] >= 1 && o["n"] <= rowLimit) {
		return nil, fmt.Errorf("data: %s: n=%g rows, want 1 to %d", name, o["n"], rowLimit)
	}
	return g.make(o, n, stream), nil
}

func (g shape) make(o map[string]float64, n int, stream noise.Stream) *Set {
	s := &Set{Dims: []int{2}, Columns: []string{"x", "y"}, Rows: make([]float32, 0, 2*n)}
	if g.labels > 1 {
		for k := range g.labels {
			s.Classes = append(s.Classes, strconv.Itoa(k))
		}
	}
	var u [3]float32
	var z [2]float32
	for i := range n {
		stream.Uniforms(u[:], uint64(4*i))
		stream.Normals(z[:], uint64(4*i+3))
		x, y, label := g.at(o, [3]float64{float64(u[0]), float64(u[1]), float64(u[2])}, [2]float64{float64(z[0]), float64(z[1])})
		s.Rows = append(s.Rows, float32(x*o["scale"]+o["shift"]), float32(y*o["scale"]+o["shift"]))
		if g.labels > 1 {
			s.Labels = append(s.Labels, label)
		}
	}
	return s
}

func sortedKeys(m map[string]float64) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
