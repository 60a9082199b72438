package native_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
)

// Fusion, and products that read transposed operands in place, keep the operators' meaning where it differs from that of their usual use.
func TestPatternsKeepTheMeaning(t *testing.T) {
	x := tensor.Of([]float32{2.5, -3, 0, 1}, 2, 2)
	for name, c := range map[string]struct {
		build func(b *graph.Builder, x *graph.Value) *graph.Value
		want  []float32
	}{
		"a number cast to bool is 0 or 1": {func(b *graph.Builder, x *graph.Value) *graph.Value {
			truth := b.Op("Cast", graph.Attrs{"to": int64(graph.Code(tensor.Bool))}, x)
			return b.Add(b.Op("Cast", graph.Attrs{"to": int64(graph.Code(tensor.Float32))}, truth), x)
		}, []float32{3.5, -2, 0, 2}},
		"a transpose that keeps the order": {func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.MatMul(b.Transpose(x, 0, 1), x)
		}, []float32{6.25, -10.5, 0, 1}},
		"a transpose of a transpose": {func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.MatMul(b.Transpose(b.Transpose(x, 1, 0), 1, 0), x)
		}, []float32{6.25, -10.5, 0, 1}},
		"a sum of squares": {func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Subtract(x, b.ReduceSum(b.Mul(x, x), false))
		}, []float32{-13.75, -19.25, -16.25, -15.25}},
		"a sum of squares that are read elsewhere too": {func(b *graph.Builder, x *graph.Value) *graph.Value {
			square := b.Mul(x, x)
			return b.Add(square, b.ReduceSum(square, false))
		}, []float32{22.5, 25.25, 16.25, 17.25}},
		"a product added to itself": {func(b *graph.Builder, x *graph.Value) *graph.Value {
			product := b.Mul(x, b.Subtract(x, b.Scalar(tensor.Float32, 1)))
			return b.Add(product, product)
		}, []float32{7.5, 24, 0, 0}},
		"sums of the squares of columns": {func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Add(x, b.ReduceSum(b.Mul(x, x), false, 0))
		}, []float32{8.75, 7, 6.25, 11}},
	} {
		t.Run(name, func(t *testing.T) {
			b := graph.NewBuilder("pattern")
			v := b.Input("x", tensor.Float32, graph.Fix(2), graph.Fix(2))
			b.Output("y", c.build(b, v))
			g, err := b.Graph()
			if err != nil {
				t.Fatal(err)
			}
			p, err := native.Compile(g, native.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			y := tensor.New(tensor.Float32, 2, 2)
			if err := p.Run(context.Background(), []tensor.Tensor{x}, []tensor.Tensor{y}); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(y.Float32(), c.want) {
				t.Errorf("got %v, want %v", y.Float32(), c.want)
			}
		})
	}
}

// A row has the same bits alone and among others, whether its time is its own or that of all.
func TestRowsDoNotDependOnTheBatch(t *testing.T) {
	const rows, cols = 37, 45
	for name, build := range map[string]func(b *graph.Builder, x, t, w, c *graph.Value) *graph.Value{
		"a scaled time is added": func(b *graph.Builder, x, t, w, c *graph.Value) *graph.Value {
			return b.Add(b.Mul(b.MatMul(t, w), c), x)
		},
		"a product is added": func(b *graph.Builder, x, t, w, c *graph.Value) *graph.Value {
			return b.Add(b.MatMul(t, w), b.MatMul(x, b.Const(tensor.Of(wave(cols*cols, 6), cols, cols))))
		},
		"time scales": func(b *graph.Builder, x, t, w, c *graph.Value) *graph.Value {
			return b.Add(b.Mul(x, b.MatMul(t, w)), b.Mul(b.Sigmoid(b.MatMul(t, w)), c))
		},
	} {
		b := graph.NewBuilder("rows")
		x, time := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(cols)), b.Input("t", tensor.Float32, graph.Sym(graph.TimeDim), graph.Fix(3))
		b.Output("y", build(b, x, time, b.Param("w", tensor.Of(wave(3*cols, 2), 3, cols)), b.Param("c", tensor.Of(wave(cols, 5), 1, cols))))
		g, err := b.Graph()
		if err != nil {
			t.Fatal(err)
		}
		p, err := native.Compile(g, native.Options{})
		if err != nil {
			t.Fatal(err)
		}
		all, one := wave(rows*cols, 3), wave(3, 4)
		first := func(n, times int) string { // bits of the first of n rows
			y := tensor.New(tensor.Float32, n, cols)
			in := []tensor.Tensor{tensor.Of(all[:n*cols], n, cols), tensor.Of(slices.Repeat(one, times), times, 3)}
			if err := p.Run(context.Background(), in, []tensor.Tensor{y}); err != nil {
				t.Fatal(err)
			}
			return string(y.Bytes()[:4*cols])
		}
		alone := first(1, 1)
		for _, s := range [][2]int{{2, 1}, {2, 2}, {rows, 1}, {rows, rows}} {
			if first(s[0], s[1]) != alone {
				t.Errorf("%s: the first of %d rows with %d times is another alone", name, s[0], s[1])
			}
		}
		_ = p.Close()
	}
}

// The path, the residual and its gradient of a training step are fused into passes that read a number for each row where it lies: at every width of rows, by
// rows of a batch and as wholes, and where an operator reads the same column beside a fused one.
func TestFusedRowsKeepTheMeaning(t *testing.T) {
	const rows, g = 37, 0.625
	for _, cols := range []int{1, 2, 7, 64, 600, 5000} {
		for _, d := range []graph.Dim{graph.Sym("batch"), graph.Fix(rows)} {
			b := graph.NewBuilder("rows")
			wide, column := graph.Shape{d, graph.Fix(cols)}, graph.Shape{d, graph.Fix(1)}
			y, z, u := b.Input("y", tensor.Float32, wide...), b.Input("z", tensor.Float32, wide...), b.Input("u", tensor.Float32, wide...)
			p, q := b.Input("p", tensor.Float32, column...), b.Input("q", tensor.Float32, column...)
			b.Output("mixed", b.Add(b.Mul(p, y), b.Mul(q, z)))
			b.Output("again", b.Add(b.Add(b.Mul(p, z), b.Mul(q, u)), b.Op("Exp", nil, p)))
			e := b.Subtract(u, b.Subtract(y, z))
			m := b.Mul(e, b.Scalar(tensor.Float32, g))
			b.Output("e", e)
			b.Output("d", b.Add(m, m))
			graph, err := b.Graph()
			if err != nil {
				t.Fatal(err)
			}
			var in []tensor.Tensor
			for i := range 3 {
				in = append(in, tensor.Of(wave(rows*cols, float64(i)), rows, cols))
			}
			in = append(in, tensor.Of(wave(rows, 3), rows, 1), tensor.Of(wave(rows, 4), rows, 1))
			for _, threads := range []int{1, 3} {
				plan, err := native.Compile(graph, native.Options{Threads: threads})
				if err != nil {
					t.Fatal(err)
				}
				var out []tensor.Tensor
				for range 4 {
					out = append(out, tensor.New(tensor.Float32, rows, cols))
				}
				if err := plan.Run(context.Background(), in, out); err != nil {
					t.Fatal(err)
				}
				for i := range rows * cols {
					at := func(k int) float64 { return float64(in[k].Float32()[i]) }
					p, q := float64(in[3].Float32()[i/cols]), float64(in[4].Float32()[i/cols])
					e := at(2) - (at(0) - at(1))
					for k, want := range []float64{p*at(0) + q*at(1), p*at(1) + q*at(2) + math.Exp(p), e, 2 * g * e} {
						if got := float64(out[k].Float32()[i]); math.Abs(got-want) > 1e-6*(1+math.Abs(want)) {
							t.Fatalf("%d threads, rows %v of %d: output %d at %d is %g, want %g", threads, d, cols, k, i, got, want)
						}
					}
				}
				_ = plan.Close()
			}
		}
	}
}

// Columns are right beside all else that a group does with them: read whole by another operator, of different lengths of rows in one sum or in two. The same
// graph in float64, which nothing fuses, says what is right.
func TestFusedColumnsInGroups(t *testing.T) {
	one, fix := graph.Fix(1), graph.Fix
	type values = []*graph.Value
	mix := func(b *graph.Builder, p, y, q, z *graph.Value) *graph.Value { return b.Add(b.Mul(p, y), b.Mul(q, z)) }
	for name, c := range map[string]struct {
		dims, p, q []graph.Dim // after the batch: of y and z, p, q
		build      func(b *graph.Builder, y, z, p, q *graph.Value) *graph.Value
	}{
		"the first is read elsewhere": {[]graph.Dim{fix(64)}, []graph.Dim{one}, []graph.Dim{one}, func(b *graph.Builder, y, z, p, q *graph.Value) *graph.Value {
			return b.Subtract(mix(b, p, y, q, z), p)
		}},
		"the second is read elsewhere": {[]graph.Dim{fix(64)}, []graph.Dim{one}, []graph.Dim{one}, func(b *graph.Builder, y, z, p, q *graph.Value) *graph.Value {
			return b.Subtract(mix(b, p, y, q, z), q)
		}},
		"long rows, then short ones": {[]graph.Dim{fix(6), fix(8)}, []graph.Dim{one, one}, []graph.Dim{fix(6), one},
			func(b *graph.Builder, y, z, p, q *graph.Value) *graph.Value { return mix(b, p, y, q, z) }},
		"short rows, then long ones": {[]graph.Dim{fix(6), fix(8)}, []graph.Dim{one, one}, []graph.Dim{fix(6), one},
			func(b *graph.Builder, y, z, p, q *graph.Value) *graph.Value { return mix(b, q, y, p, z) }},
		"two sums of different rows": {[]graph.Dim{fix(3), fix(200)}, []graph.Dim{one, one}, []graph.Dim{fix(3), one},
			func(b *graph.Builder, y, z, p, q *graph.Value) *graph.Value {
				return b.Subtract(mix(b, p, y, p, z), mix(b, q, z, q, y))
			}},
		"pairs of numbers": {[]graph.Dim{fix(2)}, []graph.Dim{one}, []graph.Dim{one}, func(b *graph.Builder, y, z, p, q *graph.Value) *graph.Value {
			return b.Subtract(mix(b, p, y, q, z), mix(b, q, y, p, z))
		}},
	} {
		for _, n := range []graph.Dim{graph.Sym("batch"), fix(37)} {
			b := graph.NewBuilder("columns")
			shape := func(dims []graph.Dim) graph.Shape { return append(graph.Shape{n}, dims...) }
			in := values{b.Input("y", tensor.Float32, shape(c.dims)...), b.Input("z", tensor.Float32, shape(c.dims)...),
				b.Input("p", tensor.Float32, shape(c.p)...), b.Input("q", tensor.Float32, shape(c.q)...)}
			b.Output("out", c.build(b, in[0], in[1], in[2], in[3]))
			g, err := b.Graph()
			if err != nil {
				t.Fatal(name, err)
			}
			for _, rows := range []int{37, 1, 2} {
				if _, fixed := n.Fixed(); fixed && rows != 37 {
					continue
				}
				var given []tensor.Tensor
				for i, v := range in {
					s, _ := v.Type.Shape[1:].Ints()
					given = append(given, tensor.Of(wave(rows*tensor.Size(s), float64(i)), append([]int{rows}, s...)...))
				}
				run := func(o native.Options) tensor.Tensor {
					t.Helper()
					p, err := native.Compile(g, o)
					if err != nil {
						t.Fatal(name, err)
					}
					defer p.Close()
					out := tensor.New(tensor.Float32, given[0].Shape()...)
					if err := p.Run(context.Background(), given, []tensor.Tensor{out}); err != nil {
						t.Fatal(name, err)
					}
					return out
				}
				want := run(native.Options{Float64: true}).Float32()
				for _, threads := range []int{1, 3} {
					for i, got := range run(native.Options{Threads: threads}).Float32() {
						if math.Abs(float64(got-want[i])) > 1e-6 {
							t.Fatalf("%s, %d rows, %d threads: [%d] is %g, want %g", name, rows, threads, i, got, want[i])
						}
					}
				}
			}
		}
	}
}
