package kernel

// Packed is the right-hand side of products, op(B) [k, n], laid out once for all of them.
type Packed struct {
	k, n   int
	panels []float32 // by block of k and panel of columns, as gemm packs them; nil without assembly

	tB  bool // without assembly: where it lies
	b   []float32
	ldb int
}

// Pack lays out op(B) [k, n]; b has row stride ldb: [k, n], or [n, k] if tB. b must not change as long as the result is used.
func Pack(tB bool, n, k int, b []float32, ldb int) *Packed {
	p := &Packed{k: k, n: n, tB: tB, b: b, ldb: ldb}
	if HasFMA {
		p.panels = packAll(tB, n, k, b, ldb)
	}
	return p
}

// Columns is the multiple on which products with a Packed may be cut along n.
const Columns = 16

// Gemm writes columns from to to−1 of C = op(A)·op(B), bit for bit as the function Gemm does. op(A) is [m, k] as there; from is a multiple of Columns, and so
// is to unless it is n; c has row stride ldc and begins at column 0.
func (p *Packed) Gemm(tA bool, m int, a []float32, lda int, c []float32, ldc, from, to int) {
	if m == 0 || to <= from {
		return
	}
	if p.panels != nil {
		p.multiply(tA, m, a, lda, c, ldc, from, to)
		return
	}
	b := p.b[from:]
	if p.tB {
		b = p.b[from*p.ldb:]
	}
	Gemm(tA, p.tB, m, to-from, p.k, a, lda, b, p.ldb, c[from:], ldc, false)
}
