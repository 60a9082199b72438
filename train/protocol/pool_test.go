package protocol

import (
	"slices"
	"testing"

	"fmtool/train/ot"
)

// The batches of a pool hold each of its rows once, as many of each class; transport brings the ends closer, most where it may mix the classes, and the next pool
// is another.
func TestPool(t *testing.T) {
	const batch = 256
	costs := map[string]float64{}
	for name, c := range map[string]*coupler{"independent": nil, "ot": newCoupler(ot.Exact, batch), "c2ot": newCoupler(ot.Conditional, batch)} {
		q := newPool(1, batch, c)
		p := pairs{x0: make([]float32, 2*batch), x1: make([]float32, 2*batch), labels: make([]int64, batch)}
		var x0, x1 []float32
		ones := int64(0)
		for k := range poolRows / batch {
			if err := q.draw(k, p); err != nil {
				t.Fatal(err)
			}
			x0, x1 = append(x0, p.x0...), append(x1, p.x1...)
			for _, l := range p.labels {
				ones += l
			}
		}
		for i, v := range x0 {
			costs[name] += float64(v-x1[i]) * float64(v-x1[i]) / poolRows
		}
		slices.Sort(x1)
		want := slices.Clone(q.x1)
		slices.Sort(want)
		if !slices.Equal(x1, want) || ones != poolRows/2 {
			t.Errorf("%s: the batches hold other rows than the pool, %d of class 1", name, ones)
		}
		if err := q.draw(poolRows/batch, p); err != nil || slices.Contains(want, p.x1[0]) {
			t.Errorf("%s: the next pool has a row of the first, %v", name, err)
		}
	}
	if !(costs["ot"] < costs["c2ot"] && costs["c2ot"] < 0.6*costs["independent"]) {
		t.Errorf("mean squared distance of the ends %v, want ot below c2ot, both far below independent", costs)
	}
}
