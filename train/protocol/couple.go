package protocol

import "fmtool/train/ot"

// coupler reorders x0 to suit x1 in each batch.
type coupler struct {
	ot.Coupler
	perm []int
	x0   []float32
}

// newCoupler pairs blocks of at most so many rows.
func newCoupler(m ot.Method, block int) *coupler {
	return &coupler{Coupler: ot.Coupler{Method: m, Block: block}}
}

func (c *coupler) couple(p pairs) {
	if c.perm == nil {
		c.perm = make([]int, len(p.x0)/2)
	}
	c.Couple(c.perm, ot.Batch{X0: p.x0, X1: p.x1, Dim: 2, Labels: p.labels})
	c.x0 = append(c.x0[:0], p.x0...)
	gather(p.x0, c.x0, c.perm)
}
