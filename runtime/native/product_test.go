package native_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
)

// multiply runs op(A)·op(B) [m, n] over k, A and B read through a Transpose if the flag says so, B a parameter if weights is set.
func multiply(t *testing.T, tA, tB, weights bool, m, n, k, threads int) tensor.Tensor {
	t.Helper()
	sa, sb := []int{m, k}, []int{k, n}
	if tA {
		slices.Reverse(sa)
	}
	if tB {
		slices.Reverse(sb)
	}
	left, right := tensor.Of(wave(m*k, 1), sa...), tensor.Of(wave(k*n, 2), sb...)
	b := graph.NewBuilder("product")
	x := b.Input("x", tensor.Float32, graph.ShapeOf(sa...)...)
	in := []tensor.Tensor{left}
	var y *graph.Value
	if weights {
		y = b.Param("y", right)
	} else {
		y, in = b.Input("y", tensor.Float32, graph.ShapeOf(sb...)...), append(in, right)
	}
	if tA {
		x = b.Transpose(x, 1, 0)
	}
	if tB {
		y = b.Transpose(y, 1, 0)
	}
	b.Output("z", b.MatMul(x, y))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	p, err := native.Compile(g, native.Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	z := tensor.New(tensor.Float32, m, n)
	if err := p.Run(context.Background(), in, []tensor.Tensor{z}); err != nil {
		t.Fatal(err)
	}
	return z
}

// A product large enough to be cut, along rows or columns, has the same bits on any number of goroutines.
func TestThreadsChangeNoProduct(t *testing.T) {
	for _, s := range [][3]int{{300, 130, 130}, {97, 257, 513}, {5, 1000, 300}, {96, 64, 64}, {1, 4000, 400}} {
		for flags := range 8 {
			tA, tB, weights := flags&1 != 0, flags&2 != 0, flags&4 != 0
			want := multiply(t, tA, tB, weights, s[0], s[1], s[2], 1)
			for threads := 2; threads <= 4; threads++ {
				if got := multiply(t, tA, tB, weights, s[0], s[1], s[2], threads); string(got.Bytes()) != string(want.Bytes()) {
					t.Errorf("%v, transposed %v %v, weights %v: %d goroutines change the result", s, tA, tB, weights, threads)
				}
			}
		}
	}
}

// Matrices of any float type can be multiplied, read transposed or not.
func TestProductTypes(t *testing.T) {
	for _, d := range []tensor.DType{tensor.Float16, tensor.Float32, tensor.Float64} {
		b := graph.NewBuilder("product")
		x := b.Input("x", d, graph.Fix(2), graph.Fix(2))
		b.Output("y", b.MatMul(x, b.Transpose(x, 1, 0)))
		g, err := b.Graph()
		if err != nil {
			t.Fatal(err)
		}
		p, err := native.Compile(g, native.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		y := tensor.New(d, 2, 2)
		if err := p.Run(context.Background(), []tensor.Tensor{tensor.Of([]float32{1, 2, 3, 4}, 2, 2).Convert(d)}, []tensor.Tensor{y}); err != nil {
			t.Fatalf("%v: %v", d, err)
		}
		if got := fmt.Sprint(y.Convert(tensor.Float32).Float32()); got != "[5 11 11 25]" {
			t.Errorf("%v: %s", d, got)
		}
	}
}

// Sums begin from what is added to a product: a row, rows of their own, another product, whichever side it stands on; an addition that others read too, or of
// another shape, stays an addition.
func TestSumsBeginFromWhatIsAdded(t *testing.T) {
	for name, build := range map[string]func(b *graph.Builder, x, w, row, rows *graph.Value) *graph.Value{
		"a row":             func(b *graph.Builder, x, w, row, rows *graph.Value) *graph.Value { return b.Add(b.MatMul(x, w), row) },
		"rows, on the left": func(b *graph.Builder, x, w, row, rows *graph.Value) *graph.Value { return b.Add(rows, b.MatMul(x, w)) },
		"products and a row": func(b *graph.Builder, x, w, row, rows *graph.Value) *graph.Value {
			return b.Add(b.MatMul(rows, w), b.Add(b.MatMul(x, w), row))
		},
		"a product twice": func(b *graph.Builder, x, w, row, rows *graph.Value) *graph.Value {
			p := b.MatMul(x, w)
			return b.Add(p, p)
		},
		"a product read twice": func(b *graph.Builder, x, w, row, rows *graph.Value) *graph.Value {
			p := b.MatMul(x, w)
			return b.Mul(b.Add(p, row), p)
		},
		"one number": func(b *graph.Builder, x, w, row, rows *graph.Value) *graph.Value {
			return b.Add(b.MatMul(x, w), b.Scalar(tensor.Float32, 3))
		},
	} {
		b := graph.NewBuilder("sums")
		x, rows := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(6)), b.Input("rows", tensor.Float32, graph.Sym("batch"), graph.Fix(6))
		w, row := b.Param("w", tensor.Of(wave(36, 1), 6, 6)), b.Param("row", tensor.Of(wave(6, 2), 1, 6))
		b.Output("y", build(b, x, w, row, rows))
		g, err := b.Graph()
		if err != nil {
			t.Fatal(err)
		}
		const n = 50
		in, got, want := []tensor.Tensor{tensor.Of(wave(6*n, 3), n, 6), tensor.Of(wave(6*n, 4), n, 6)}, tensor.New(tensor.Float32, n, 6), tensor.New(tensor.Float64, n, 6)
		for out, o := range map[*tensor.Tensor]native.Options{&got: {}, &want: {Float64: true}} {
			p, err := native.Compile(g, o)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Run(context.Background(), in, []tensor.Tensor{*out}); err != nil {
				t.Fatal(err)
			}
			p.Close()
		}
		for i, v := range got.Float32() {
			if d := math.Abs(float64(v) - want.Float64()[i]); !(d < 1e-5) {
				t.Fatalf("%s: element %d is %g, want %g", name, i, v, want.Float64()[i])
			}
		}
	}
}

// Rows times a matrix without rows are 0, to which a bias is added; times one without columns they have none.
func TestRowsTimesAnEmptyMatrix(t *testing.T) {
	for _, s := range [][2]int{{0, 4}, {4, 0}, {0, 0}} {
		b := graph.NewBuilder("empty")
		x := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(s[0]))
		w, bias := b.Param("w", tensor.New(tensor.Float32, s[0], s[1])), b.Param("bias", tensor.Of(wave(s[1], 1), 1, s[1]))
		b.Output("y", b.Add(b.MatMul(x, w), bias))
		g, err := b.Graph()
		if err != nil {
			t.Fatal(err)
		}
		p, err := native.Compile(g, native.Options{})
		if err != nil {
			t.Fatal(err)
		}
		y, want := tensor.New(tensor.Float32, 2, s[1]), slices.Concat(wave(s[1], 1), wave(s[1], 1))
		if err := p.Run(context.Background(), []tensor.Tensor{tensor.New(tensor.Float32, 2, s[0])}, []tensor.Tensor{y}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(y.Float32(), want) {
			t.Errorf("%v: %v, want %v", s, y.Float32(), want)
		}
		_ = p.Close()
	}
}

// A product of rows with one column may be added to a number of any rank.
func TestRowsTimesAColumnAndANumber(t *testing.T) {
	for _, shape := range [][]int{{}, {1}, {1, 1}} {
		b := graph.NewBuilder("column")
		x := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(2))
		w, c := b.Param("w", tensor.Of([]float32{1, 2}, 2, 1)), b.Param("c", tensor.Of([]float32{7}, shape...))
		b.Output("y", b.Add(b.MatMul(x, w), c))
		g, err := b.Graph()
		if err != nil {
			t.Fatal(err)
		}
		p, err := native.Compile(g, native.Options{})
		if err != nil {
			t.Fatal(err)
		}
		y := tensor.New(tensor.Float32, 2, 1)
		if err := p.Run(context.Background(), []tensor.Tensor{tensor.Of([]float32{1, 2, 3, 4}, 2, 2)}, []tensor.Tensor{y}); err != nil {
			t.Fatal(err)
		}
		if want := []float32{12, 18}; !slices.Equal(y.Float32(), want) {
			t.Errorf("shape %v: %v, want %v", shape, y.Float32(), want)
		}
		_ = p.Close()
	}
}
