package export

import (
	"math"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// The sampling noise of package noise as a graph. Runtimes add int64 and shift uint64 on every release, and unsigned numbers or int32 beyond their range on some, so
// words are held in 64 bits: sums as int64, which are never cut before they are read, and shifted words as uint64 below 2³².

const (
	low32 = math.MaxUint32     // the low word of 64 bits
	far   = math.MaxUint32 - 1 // the counter of rows beyond 2³²
)

func toInt64(b *graph.Builder, x *graph.Value) *graph.Value  { return castTo(b, x, tensor.Int64) }
func toUint64(b *graph.Builder, x *graph.Value) *graph.Value { return castTo(b, x, tensor.Uint64) }

func castTo(b *graph.Builder, x *graph.Value, d tensor.DType) *graph.Value {
	return b.Op("Cast", graph.Attrs{"to": int64(graph.Code(d))}, x)
}

func word(b *graph.Builder, v uint64) *graph.Value { return b.NamedConst("word", tensor.Scalar(v)) }

func shift(b *graph.Builder, x *graph.Value, bits int, direction string) *graph.Value {
	return b.Op("BitShift", graph.Attrs{"direction": direction}, x, word(b, uint64(bits)))
}

// masked is the low word of an int64 or uint64.
func masked(b *graph.Builder, x *graph.Value) *graph.Value {
	if x.Type.DType == tensor.Int64 {
		x = toUint64(b, x)
	}
	return b.Op("BitwiseAnd", nil, x, word(b, low32))
}

// threefry adds Threefry-2x32-20 [SA11] as a function, and those it calls: a key of two words and a counter of two, int64, of shapes that broadcast, to two words, uint64.
func threefry(main *graph.Builder) (*graph.Function, error) {
	even, err := rounds("threefry_even", 13, 15, 26, 6)
	if err != nil {
		return nil, err
	}
	odd, err := rounds("threefry_odd", 17, 29, 16, 24)
	if err != nil {
		return nil, err
	}
	b := graph.NewBuilder("threefry")
	var in [4]*graph.Value
	for i, name := range []string{"key0", "key1", "counter0", "counter1"} {
		in[i] = anyShape(b, name, tensor.Int64)
	}
	keys := [3]*graph.Value{in[0], in[1], toInt64(b, b.Op("BitwiseXor", nil, b.Op("BitwiseXor", nil, toUint64(b, in[0]), toUint64(b, in[1])), word(b, 0x1BD11BDA)))}
	x, y := b.Add(in[2], in[0]), masked(b, b.Add(in[3], in[1]))
	for i := range 5 { // four rounds, then the next two of the three key words and the number of the pass
		f := even
		if i%2 == 1 {
			f = odd
		}
		out := b.Call(f, x, y)
		x = b.Add(out[0], keys[(i+1)%3])
		y = masked(b, b.Add(b.Add(toInt64(b, out[1]), keys[(i+2)%3]), b.Scalar(tensor.Int64, float64(i+1))))
	}
	b.Output("word0", masked(b, x))
	b.Output("word1", y)
	g, err := b.Graph()
	if err != nil {
		return nil, err
	}
	g.Functions = nil
	main.Inline(&graph.Graph{Functions: []*graph.Function{even, odd}}) // functions belong to the main graph
	g.Doc = "Threefry-2x32 with 20 rounds: two words of 32 bits for a key and a counter of two words each."
	return &graph.Function{Domain: functionDomain, Name: "threefry", Body: g}, nil
}

// rounds are four rounds as a function: x ← x + y; y ← rotate(y, r) xor x, with x an int64 and y a uint64 below 2³².
func rounds(name string, r ...int) (*graph.Function, error) {
	b := graph.NewBuilder(name)
	x, y := anyShape(b, "x", tensor.Int64), anyShape(b, "y", tensor.Uint64)
	for _, bits := range r {
		x = b.Add(x, toInt64(b, y))
		turned := b.Op("BitwiseOr", nil, shift(b, y, bits, "LEFT"), shift(b, y, 32-bits, "RIGHT"))
		y = masked(b, b.Op("BitwiseXor", nil, turned, toUint64(b, x)))
	}
	b.Output("x_next", x)
	b.Output("y_next", y)
	g, err := b.Graph()
	if err != nil {
		return nil, err
	}
	g.Doc = "Four rounds of Threefry-2x32."
	return &graph.Function{Domain: functionDomain, Name: name, Body: g}, nil
}

// anyShape is an input of a function that takes every shape.
func anyShape(b *graph.Builder, name string, d tensor.DType) *graph.Value {
	v := b.Input(name, d)
	v.Type.Shape = nil
	return v
}

// noiseRows adds x0 [count D...], the sampling noise of the rows offset, offset + 1, … of a seed, int64 scalars whose 64 bits count.
func noiseRows(b *graph.Builder, spec flow.Spec, seed, count, offset *graph.Value) (x *graph.Value, err error) {
	f, err := threefry(b)
	if err != nil {
		return nil, err
	}
	b.Scope("noise", func() {
		w0, w1 := words(b, f, seed, count, offset, (spec.Dim()+1)/2)
		x = normals(b, spec, w0, w1)
	})
	return x, nil
}

// words are the two words of each row and pair, uint64 [count pairs].
func words(b *graph.Builder, f *graph.Function, seed, count, offset *graph.Value, pairs int) (w0, w1 *graph.Value) {
	zero, one := b.Scalar(tensor.Int64, 0), b.Scalar(tensor.Int64, 1)
	rows := b.Reshape(b.Add(offset, b.Op("Range", nil, zero, count, one)), b.Ints(-1, 1))
	rows.Type.Shape = graph.Shape{graph.Sym("batch"), graph.Fix(1)} // count of them
	key := [2]*graph.Value{split64(b, seed, 0), split64(b, seed, 1)}
	low, high := split64(b, rows, 0), split64(b, rows, 1)
	first := split64(b, offset, 1)
	highs := toInt64(b, masked(b, b.Add(first, b.Ints(0, 1)))) // the high words of the rows: one, or two neighbours
	farKey := b.Call(f, key[0], key[1], highs, b.Scalar(tensor.Int64, far))
	near, isFirst := b.Op("Equal", nil, highs, zero), b.Op("Equal", nil, high, first)
	for i := range key {
		two := b.OpN("Split", graph.Attrs{"axis": int64(0), "num_outputs": int64(2)}, 2, b.Op("Where", nil, near, key[i], toInt64(b, farKey[i])))
		key[i] = b.Op("Where", nil, isFirst, two[0], two[1])
	}
	pair := make([]int64, pairs)
	for j := range pair {
		pair[j] = int64(j)
	}
	w := b.Call(f, key[0], key[1], low, b.NamedConst("pairs", tensor.Of(pair, 1, pairs)))
	return w[0], w[1]
}

// split64 is word 0 (low) or 1 (high) of an int64, as an int64.
func split64(b *graph.Builder, x *graph.Value, i int) *graph.Value {
	if i == 0 {
		return toInt64(b, masked(b, x))
	}
	return toInt64(b, shift(b, toUint64(b, x), 32, "RIGHT"))
}

// normals are Box–Muller pairs side by side, float32 [count D...], of words [count pairs]: with u = ((w0 ≫ 8) + 1)·2⁻²⁴ and θ = fl32(2π)·((w1 ≫ 8)·2⁻²⁴),
// √(−2 ln u)·cos θ and √(−2 ln u)·sin θ. An odd D drops its last sine.
func normals(b *graph.Builder, spec flow.Spec, w0, w1 *graph.Value) *graph.Value {
	const unit = 1.0 / (1 << 24)
	float := func(w *graph.Value) *graph.Value { return castTo(b, shift(b, w, 8, "RIGHT"), tensor.Float32) }
	u := b.Scale(b.Shift(float(w0), 1), unit)
	theta := b.Scale(b.Scale(float(w1), unit), 2*math.Pi)
	r := b.Op("Sqrt", nil, b.Scale(b.Op("Log", nil, u), -2))
	last, dim := b.Ints(2), spec.Dim()
	c, s := b.Mul(r, b.Op("Cos", nil, theta)), b.Mul(r, b.Op("Sin", nil, theta))
	z := b.Concat(2, b.Op("Unsqueeze", nil, c, last), b.Op("Unsqueeze", nil, s, last))
	z = b.Reshape(z, b.Ints(-1, (dim+1)/2*2))
	if dim%2 == 1 {
		z = b.Op("Slice", nil, z, b.Ints(0), b.Ints(dim), b.Ints(1))
	}
	if len(spec.Dims) > 1 {
		z = b.Reshape(z, b.Ints(append([]int{-1}, spec.Dims...)...))
	}
	return z
}
