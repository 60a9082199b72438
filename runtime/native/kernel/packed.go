package kernel

import "sync/atomic"

// Packed is the right-hand side of products, op(B) [k, n], laid out once for all of them: panels of Columns() columns, each k rows of as many numbers
// one after another; a last panel with fewer columns is half as wide if that holds them, and filled up with zeros;
// up to four last columns lie one after the other.
type Packed struct {
	k, n   int
	panels []float32     // nil without assembly
	turns  atomic.Uint32 // of products of a few rows

	tB  bool // without assembly: where it lies
	b   []float32
	ldb int
}

// start is what a product is added to; nothing without data. With row 0 it is one row for all.
type start struct {
	data []float32
	row  int // from a row to the next
}

// PackedSize is the length of the memory of op(B) [k, n] laid out.
func PackedSize(n, k int) int { return (n + Columns()/2 - 1) / (Columns() / 2) * (Columns() / 2) * k }

// Pack lays out op(B) [k, n] for products as Gemm gives them; b has row stride ldb: [k, n], or [n, k] if tB. b must not change as long as the result is
// used.
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

// Fill lays out columns from to to−1 of op(B) as Pack does; from is a multiple of Columns(), and so is to unless it is n.
func (p *Packed) Fill(tB bool, b []float32, ldb, from, to int) {
	if p.k > 0 && from < to {
		p.fill(tB, b, ldb, from, to)
	}
}

// Gemm writes columns left to right−1 of C = op(A)·op(B), bit for bit as the function Gemm does. op(A) is [m, k] as there; left is a multiple of Columns(),
// and so is right unless it is n; c has row stride ldc and begins at column 0.
func (p *Packed) Gemm(tA bool, m int, a []float32, lda int, c []float32, ldc, left, right int) {
	p.gemm(tA, m, a, lda, start{}, c, ldc, left, right)
}

// GemmFrom is Gemm added to from: row i of C begins as row i of from, which has row stride fromRow and the columns of C. So from is c to add to C, or a
// bias of one row with fromRow 0.
func (p *Packed) GemmFrom(tA bool, m int, a []float32, lda int, from []float32, fromRow int, c []float32, ldc, left, right int) {
	p.gemm(tA, m, a, lda, start{from, fromRow}, c, ldc, left, right)
}

func (p *Packed) gemm(tA bool, m int, a []float32, lda int, s start, c []float32, ldc, left, right int) {
	if m == 0 || right <= left {
		return
	}
	if p.panels != nil && p.k > 0 {
		p.multiply(tA, m, a, lda, s, c, ldc, left, right)
		return
	}
	for i := 0; i < m && s.data != nil; i++ {
		copy(c[i*ldc+left:i*ldc+right], s.data[i*s.row+left:])
	}
	b := p.b[min(left, len(p.b)):]
	if p.tB {
		b = p.b[min(left*p.ldb, len(p.b)):]
	}
	Gemm(tA, p.tB, m, right-left, p.k, a, lda, b, p.ldb, c[left:], ldc, s.data != nil)
}

// Bytes is the size of the panels.
func (p *Packed) Bytes() int { return 4 * len(p.panels) }
