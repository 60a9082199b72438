//go:build !amd64 || purego

package kernel

// HasFMA reports that assembly is in use; here there is none, but for the tiles of products on arm64, of which only gemm knows.
const HasFMA = false

func (p *Packed) fill(bool, []float32, int, int, int) { panic("kernel: no panels without assembly") }

// Columns is the width of a panel, and the multiple on which products with a Packed may be cut along n.
func Columns() int { return 16 }

func (p *Packed) multiply(bool, int, []float32, int, start, []float32, int, int, int) {
	panic("kernel: no panels without assembly")
}

// AddsOnce reports that Gemm adds all of a product of depth k to each element of C in one addition, so that C += A·B gives what adding a product by
// itself does.
func AddsOnce(int) bool { return false }

// MulAdd writes x·y + z, rounded once.
func MulAdd(dst, x, y, z []float32) { mulAddPortable(dst, x, y, z) }

// SiLUBias writes z = x + b, s = σ(z) and h = z·s, within 4 ulp; below −88.3 s is 0. Results may overwrite operands of the same index.
func SiLUBias(h, s, z, x, b []float32) { siluBiasPortable(h, s, z, x, b) }

// SiLUBiasOnly writes h = z·σ(z) with z = x + b, within 4 ulp.
func SiLUBiasOnly(h, x, b []float32) { siluBiasOnlyPortable(h, x, b) }

// SiLU writes s = σ(x) and h = x·s, within 4 ulp.
func SiLU(h, s, x []float32) { siluPortable(h, s, x) }

// SiLUOnly writes h = x·σ(x), within 4 ulp.
func SiLUOnly(h, x []float32) { siluOnlyPortable(h, x) }

// SiLUGrad writes d = g·s·(1 + z·(1 − s)), the gradient of z·σ(z) with s = σ(z), times g; it is within
// 3e-7 of |g·s|·(1 + |z·(1 − s)|).
func SiLUGrad(d, g, z, s []float32) { siluGradPortable(d, g, z, s) }

// Residual writes e = u − (y − z) and d = s·e, all of len(e), each operation correctly rounded. Results may overwrite operands of the same index.
func Residual(e, d, u, y, z []float32, s float32) { residualPortable(e, d, u, y, z, s) }

// Mix writes a·y + b·z [rows, width] of y and z [rows, width], and a and b [rows], one number for each row: b·z is correctly rounded, and so is the sum with a·y.
func Mix(dst, y, z, a, b []float32, width int) { mixPortable(dst, y, z, a, b, width) }

// Update takes a step of AdamW on weights w with moments m and v, averages e and gradients g, all of len(w1):
//
//	g ← Scale·g,  m1 = Beta1·m + Rest1·g,  v1 = Beta2·v + Rest2·g²
//	w1 = w − Rate·(m1·Correct1/(√(v1·Correct2) + Epsilon) + Decay·w),  e1 = w1 + Keep·(e − w1)
//
// Each is within 3e-7 of the sizes of its terms, for w1 of |w| + 10·Rate·|its factor|. Results may overwrite their operands.
func (c *AdamW) Update(w1, m1, v1, e1, w, m, v, e, g []float32) {
	updatePortable(w1, m1, v1, e1, w, m, v, e, g, c)
}
