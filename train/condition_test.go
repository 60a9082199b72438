package train_test

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"fmtool/models"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
	"fmtool/train"
	"fmtool/train/data"
)

// A model conditioned on numbers learns what they say: points lie at ±3 as the condition is ±1, and on both sides without one.
func TestVectorCondition(t *testing.T) {
	var text strings.Builder
	text.WriteString("x,side\n")
	z := make([]float32, 400)
	noise.New(1, noise.Data).Normals(z, 0)
	for i, v := range z {
		side := 2*(i%2) - 1
		fmt.Fprintf(&text, "%g,%d\n", float32(3*side)+0.3*v, side)
	}
	set, err := data.ReadCSV([]byte(text.String()), data.Options{Condition: []string{"side"}})
	if err != nil {
		t.Fatal(err)
	}
	c := train.Default()
	c.Steps, c.Batch, c.Drop = 800, 256, 0.3
	dir := filepath.Join(t.TempDir(), "run")
	if err := train.Run(t.Context(), c, set, dir, train.Options{}); err != nil {
		t.Fatal(err)
	}
	m, _, err := train.LoadRun(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	g, err := models.VelocityGraph(m)
	if err != nil {
		t.Fatal(err)
	}
	p, err := native.Compile(g, native.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mean := func(y, drop float32) float64 { // of the velocity at x = 0, t = 0: E[x1] in model space
		u := tensor.New(tensor.Float32, 1, 1)
		in := []tensor.Tensor{tensor.New(tensor.Float32, 1, 1), tensor.New(tensor.Float32, 1, 1), tensor.Full(y, 1, 1), tensor.Full(drop, 1, 1)}
		if err := p.Run(t.Context(), in, []tensor.Tensor{u}); err != nil {
			t.Fatal(err)
		}
		return float64(u.Float32()[0])
	}
	if left, right, none := mean(-1, 0), mean(1, 0), mean(1, 1); left > -0.7 || right < 0.7 || math.Abs(none) > 0.4 {
		t.Errorf("E[x1] is %.2f at -1, %.2f at 1, %.2f without a condition", left, right, none)
	}
}
