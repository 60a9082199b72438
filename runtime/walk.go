package runtime

import (
	"context"
	"fmt"
	"math"

	"fmtool/models/tensor"
)

// walk is a batch of rows on its way: the state of a row is x, then for each probe what log p has gained since the start, [N, D + P].
type walk struct {
	f         DivergenceField
	n, dim, p int
	keep      []bool
	kept      int
	base      []float64 // log N(x; 0, I) at the start, [N]
	x         []float64 // [N, D] before the first step and after the last
	state     []float64
	y, probes tensor.Tensor  // of all rows
	some      map[int]*place // by number of rows
}

// place is the memory for evaluations of some number of rows.
type place struct {
	u, div, x, t, each tensor.Tensor // t [1, 1], each [N, 1]
	y, probes          tensor.Tensor
}

func newWalk(f DivergenceField, n int) *walk {
	spec, p := f.Spec(), f.Divergence().Probes
	w := &walk{f: f, n: n, dim: spec.Dim(), p: max(p, 1), base: make([]float64, n), some: map[int]*place{}}
	w.keep, w.kept = spec.Varying()
	w.x, w.state = make([]float64, n*w.dim), make([]float64, n*w.width())
	if p > 0 {
		w.probes = tensor.New(tensor.Float64, append([]int{p, n}, spec.Dims...)...)
	}
	return w
}

func (w *walk) width() int { return w.dim + w.p }

// draw makes the probes of the batch, which stay as they are until its solve ends.
func (w *walk) draw(first uint64) {
	if !w.probes.IsZero() {
		w.f.Divergence().draw(w.probes.Float64(), first, w.n, w.keep)
	}
}

// pack makes the first state of x, with constant columns at their value, 0.
func (w *walk) pack() {
	clear(w.state)
	for i := range w.n {
		row := w.state[i*w.width():][:w.dim]
		copy(row, w.x[i*w.dim:])
		w.hold(row)
		w.base[i] = w.logNormal(row)
	}
}

// hold sets the constant columns of a row to 0.
func (w *walk) hold(row []float64) {
	for j, keep := range w.keep {
		if !keep {
			row[j] = 0
		}
	}
}

// logNormal is log N(x; 0, I) over the columns that vary.
func (w *walk) logNormal(x []float64) float64 {
	sum := -float64(w.kept) / 2 * math.Log(2*math.Pi)
	for j, v := range x {
		if w.keep[j] {
			sum -= v * v / 2
		}
	}
	return sum
}

// field is the right-hand side of some rows, nil for all: u, then −∇·u for each probe. t is one time, or one for each of them.
func (w *walk) field(ctx context.Context, dst, state, t []float64, rows []int) error {
	count := len(dst) / w.width()
	size := halves(w.n, count)
	p := w.place(size)
	for i := range size { // the last row stands in for those beyond
		r := min(i, count-1)
		copy(p.x.Float64()[i*w.dim:(i+1)*w.dim], state[r*w.width():])
		p.each.Float64()[i] = t[min(r, len(t)-1)]
	}
	at, y, probes := p.each, w.y, w.probes
	if rows != nil {
		w.gather(p, rows)
		y, probes = p.y, p.probes
	} else if p.t.Float64()[0] = t[0]; len(t) == 1 {
		at = p.t
	}
	if err := w.f.VelocityDivergence(ctx, p.u, p.div, p.x, at, y, probes); err != nil {
		return err
	}
	for i := range count {
		row := dst[i*w.width() : (i+1)*w.width()]
		copy(row, p.u.Float64()[i*w.dim:(i+1)*w.dim])
		w.hold(row[:w.dim])
		for k := range w.p {
			row[w.dim+k] = -p.div.Float64()[k*size+i]
		}
	}
	return nil
}

func (w *walk) place(n int) *place {
	p := w.some[n]
	if p == nil {
		shape := append([]int{n}, w.f.Spec().Dims...)
		p = &place{u: tensor.New(tensor.Float64, shape...), div: tensor.New(tensor.Float64, w.p, n), x: tensor.New(tensor.Float64, shape...),
			t: tensor.New(tensor.Float64, 1, 1), each: tensor.New(tensor.Float64, n, 1)}
		w.some[n] = p
	}
	return p
}

// gather copies conditions and probes of the given rows.
func (w *walk) gather(p *place, rows []int) {
	n := p.x.Dim(0)
	if !w.y.IsZero() {
		if p.y.IsZero() {
			p.y = tensor.New(w.y.DType(), append([]int{n}, w.y.Shape()[1:]...)...)
		}
		take(p.y, w.y, rows)
	}
	if w.probes.IsZero() {
		return
	}
	if p.probes.IsZero() {
		p.probes = tensor.New(tensor.Float64, append([]int{w.p, n}, w.f.Spec().Dims...)...)
	}
	for k := range w.p {
		take(p.probes.Slice(k*n*w.dim, (k+1)*n*w.dim).Reshape(n, w.dim), w.probes.Slice(k*w.n*w.dim, (k+1)*w.n*w.dim).Reshape(w.n, w.dim), rows)
	}
}

// take copies rows of src, [_, ...], to the first rows of dst, and the last of them to those that are left.
func take(dst, src tensor.Tensor, rows []int) {
	for i := range dst.Dim(0) {
		to, from := rowsOf(dst, i, 1), rowsOf(src, rows[min(i, len(rows)-1)], 1)
		switch src.DType() {
		case tensor.Int64:
			copy(to.Int64(), from.Int64())
		case tensor.Float32:
			copy(to.Float32(), from.Float32())
		default:
			copy(to.Float64(), from.Float64())
		}
	}
}

// densities unpacks the last state and writes the log-densities of its rows from row at on. Forward the gain adds to log N at the start; in reverse
// log N is that of the last state, and the gain is taken back. A number that is not finite is an error.
func (w *walk) densities(d *Densities, at int, reverse bool) error {
	width, jacobian := w.width(), w.f.Spec().Normaliser.LogJacobian(w.dim)
	for i := range w.n {
		row := w.state[i*width : (i+1)*width]
		copy(w.x[i*w.dim:(i+1)*w.dim], row)
		base, sign := w.base[i], 1.0
		if reverse {
			base, sign = w.logNormal(row[:w.dim]), -1
		}
		mean, err := meanError(row[w.dim:])
		d.Log[at+i] = base + sign*mean + jacobian
		if math.IsNaN(d.Log[at+i]) || math.IsInf(d.Log[at+i], 0) {
			return fmt.Errorf("runtime: likelihood: row %d gets %g: the solver leaves the numbers there; take more steps, or look at the row",
				at+i, d.Log[at+i])
		}
		if d.Err != nil {
			d.Err[at+i] = err
		}
	}
	return nil
}
