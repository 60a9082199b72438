package kernel

// Packed is the right-hand side of products, op(B) [k, n], laid out once for all of them: panels of 16 columns, each k rows of 16 numbers one after another.
// Missing columns of the last panel are zeros.
type Packed struct {
	k, n   int
	panels []float32 // nil without assembly

	tB  bool // without assembly: where it lies
	b   []float32
	ldb int
}

// Columns is the width of a panel, and the multiple on which products with a Packed may be cut along n.
const Columns = 16

// PackedSize is the length of the memory of op(B) [k, n] laid out.
func PackedSize(n, k int) int { return (n + Columns - 1) / Columns * Columns * k }

// Pack lays out op(B) [k, n]; b has row stride ldb: [k, n], or [n, k] if tB. b must not change as long as the result is used.
func Pack(tB bool, n, k int, b []float32, ldb int) *Packed {
	if !HasFMA {
		return &Packed{k: k, n: n, tB: tB, b: b, ldb: ldb}
	}
	p := PackedIn(make([]float32, PackedSize(n, k)), n, k)
	p.Fill(tB, b, ldb, 0, n)
	return p
}

// PackedIn is a right-hand side [k, n] in the caller's memory, of PackedSize(n, k) numbers, which Fill fills. It needs the assembly (HasFMA).
func PackedIn(memory []float32, n, k int) *Packed {
	return &Packed{k: k, n: n, panels: memory[:PackedSize(n, k)]}
}

// Fill lays out columns from to to−1 of op(B) as Pack does; from is a multiple of Columns, and so is to unless it is n.
func (p *Packed) Fill(tB bool, b []float32, ldb, from, to int) {
	for j := from; j < to; j += Columns {
		pack(p.panels[j*p.k:][:Columns*p.k], tB, p.k, min(Columns, p.n-j), b, ldb, 0, j)
	}
}

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
