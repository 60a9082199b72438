//go:build amd64 && !purego

package kernel

//go:noescape
func mulAddVec(dst, x, y, z *float32, n int)

//go:noescape
func siluBiasVec(h, s, z, x, b *float32, n int)

//go:noescape
func siluBiasOnlyVec(h, x, b *float32, n int)

//go:noescape
func siluVec(h, s, x *float32, n int)

//go:noescape
func siluOnlyVec(h, x *float32, n int)

//go:noescape
func siluGradVec(d, grad, z, s *float32, n int)

//go:noescape
func residualVec(e, d, u, y, z *float32, n int, s float32)

//go:noescape
func mixVec(dst, y, z, a, b *float32, rows, n int)

//go:noescape
func adamwVec(w1, m1, v1, e1, w, m, v, e, grad *float32, c *AdamW, n int)

// edge is a buffer for the elements that do not fill a vector, so that each is computed alike wherever it stands.
type edge [lanes]float32

func (e *edge) of(x []float32, n int) *float32 {
	copy(e[:], x[whole(n):n])
	return &e[0]
}

// MulAdd writes x·y + z, rounded once.
func MulAdd(dst, x, y, z []float32) {
	n := len(dst)
	if !HasFMA {
		mulAddPortable(dst, x, y, z)
		return
	}
	x, y, z = x[:n], y[:n], z[:n]
	if k := whole(n); k > 0 {
		mulAddVec(&dst[0], &x[0], &y[0], &z[0], k)
	}
	if k := whole(n); k < n {
		var a, b, c edge
		mulAddVec(&a[0], a.of(x, n), b.of(y, n), c.of(z, n), lanes)
		copy(dst[k:], a[:])
	}
}

// SiLUBias writes z = x + b, s = σ(z) and h = z·s, within 4 ulp; below −88.3 s is 0. Results may overwrite operands of the same index.
func SiLUBias(h, s, z, x, b []float32) {
	n := len(h)
	if !HasFMA {
		siluBiasPortable(h, s, z, x, b)
		return
	}
	s, z, x, b = s[:n], z[:n], x[:n], b[:n]
	if k := whole(n); k > 0 {
		siluBiasVec(&h[0], &s[0], &z[0], &x[0], &b[0], k)
	}
	if k := whole(n); k < n {
		var eh, es, ez, ex, eb edge
		siluBiasVec(&eh[0], &es[0], &ez[0], ex.of(x, n), eb.of(b, n), lanes)
		copy(h[k:], eh[:])
		copy(s[k:], es[:])
		copy(z[k:], ez[:])
	}
}

// SiLUBiasOnly writes h = z·σ(z) with z = x + b, within 4 ulp.
func SiLUBiasOnly(h, x, b []float32) {
	n := len(h)
	if !HasFMA {
		siluBiasOnlyPortable(h, x, b)
		return
	}
	x, b = x[:n], b[:n]
	if k := whole(n); k > 0 {
		siluBiasOnlyVec(&h[0], &x[0], &b[0], k)
	}
	if k := whole(n); k < n {
		var eh, ex, eb edge
		siluBiasOnlyVec(&eh[0], ex.of(x, n), eb.of(b, n), lanes)
		copy(h[k:], eh[:])
	}
}

// SiLU writes s = σ(x) and h = x·s, within 4 ulp.
func SiLU(h, s, x []float32) {
	n := len(h)
	if !HasFMA {
		siluPortable(h, s, x)
		return
	}
	s, x = s[:n], x[:n]
	if k := whole(n); k > 0 {
		siluVec(&h[0], &s[0], &x[0], k)
	}
	if k := whole(n); k < n {
		var eh, es, ex edge
		siluVec(&eh[0], &es[0], ex.of(x, n), lanes)
		copy(h[k:], eh[:])
		copy(s[k:], es[:])
	}
}

// SiLUOnly writes h = x·σ(x), within 4 ulp.
func SiLUOnly(h, x []float32) {
	n := len(h)
	if !HasFMA {
		siluOnlyPortable(h, x)
		return
	}
	x = x[:n]
	if k := whole(n); k > 0 {
		siluOnlyVec(&h[0], &x[0], k)
	}
	if k := whole(n); k < n {
		var eh, ex edge
		siluOnlyVec(&eh[0], ex.of(x, n), lanes)
		copy(h[k:], eh[:])
	}
}

// SiLUGrad writes d = g·s·(1 + z·(1 − s)), the gradient of z·σ(z) with s = σ(z), times g; it is within
// 3e-7 of |g·s|·(1 + |z·(1 − s)|).
func SiLUGrad(d, g, z, s []float32) {
	n := len(d)
	if !HasFMA {
		siluGradPortable(d, g, z, s)
		return
	}
	g, z, s = g[:n], z[:n], s[:n]
	if k := whole(n); k > 0 {
		siluGradVec(&d[0], &g[0], &z[0], &s[0], k)
	}
	if k := whole(n); k < n {
		var ed, eg, ez, es edge
		siluGradVec(&ed[0], eg.of(g, n), ez.of(z, n), es.of(s, n), lanes)
		copy(d[k:], ed[:])
	}
}

// Residual writes e = u − (y − z) and d = s·e, all of len(e), each operation correctly rounded. Results may overwrite operands of the same index.
func Residual(e, d, u, y, z []float32, s float32) {
	n := len(e)
	if !HasFMA {
		residualPortable(e, d, u, y, z, s)
		return
	}
	d, u, y, z = d[:n], u[:n], y[:n], z[:n]
	if k := whole(n); k > 0 {
		residualVec(&e[0], &d[0], &u[0], &y[0], &z[0], k, s)
	}
	if k := whole(n); k < n {
		var ee, ed, eu, ey, ez edge
		residualVec(&ee[0], &ed[0], eu.of(u, n), ey.of(y, n), ez.of(z, n), lanes, s)
		copy(e[k:], ee[:])
		copy(d[k:], ed[:])
	}
}

// Mix writes a·y + b·z [rows, width] of y and z [rows, width], and a and b [rows], one number for each row: b·z is correctly rounded, and so is the sum with a·y.
func Mix(dst, y, z, a, b []float32, width int) {
	rows := len(dst) / max(width, 1)
	if rows == 0 {
		return
	}
	y, z, a, b = y[:len(dst)], z[:len(dst)], a[:rows], b[:rows]
	switch {
	case !HasFMA:
		mixPortable(dst, y, z, a, b, width)
		return
	case width%lanes == 0:
		mixVec(&dst[0], &y[0], &z[0], &a[0], &b[0], rows, width)
		return
	}
	k := whole(width)
	for r := range rows {
		at, end := r*width, (r+1)*width
		if k > 0 {
			mixVec(&dst[at], &y[at], &z[at], &a[r], &b[r], 1, k)
		}
		var ey, ez edge
		copy(ey[:], y[at+k:end])
		copy(ez[:], z[at+k:end])
		mixVec(&ey[0], &ey[0], &ez[0], &a[r], &b[r], 1, lanes)
		copy(dst[at+k:end], ey[:])
	}
}

// Update takes a step of AdamW on weights w with moments m and v, averages e and gradients g, all of len(w1):
//
//	g ← Scale·g,  m1 = Beta1·m + Rest1·g,  v1 = Beta2·v + Rest2·g²
//	w1 = w − Rate·(m1·Correct1/(√(v1·Correct2) + Epsilon) + Decay·w),  e1 = w1 + Keep·(e − w1)
//
// Each is within 3e-7 of the sizes of its terms, for w1 of |w| + 10·Rate·|its factor|. Results may overwrite their operands.
func (c *AdamW) Update(w1, m1, v1, e1, w, m, v, e, g []float32) {
	n := len(w1)
	if !HasFMA {
		updatePortable(w1, m1, v1, e1, w, m, v, e, g, c)
		return
	}
	m1, v1, e1, w, m, v, e, g = m1[:n], v1[:n], e1[:n], w[:n], m[:n], v[:n], e[:n], g[:n]
	if k := whole(n); k > 0 {
		adamwVec(&w1[0], &m1[0], &v1[0], &e1[0], &w[0], &m[0], &v[0], &e[0], &g[0], c, k)
	}
	if k := whole(n); k < n {
		var ew, em, ev, ee, eg edge
		adamwVec(&ew[0], &em[0], &ev[0], &ee[0], ew.of(w, n), em.of(m, n), ev.of(v, n), ee.of(e, n), eg.of(g, n), c, lanes)
		copy(w1[k:], ew[:])
		copy(m1[k:], em[:])
		copy(v1[k:], ev[:])
		copy(e1[k:], ee[:])
	}
}
