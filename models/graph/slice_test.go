package graph_test

import (
	"math"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// A length that is claimed for a slice of a named dimension is the length at every value of the name.
func TestSliceOfNamedLengthHolds(t *testing.T) {
	dims := []graph.Dim{graph.Fix(4), n, n.Add(graph.Fix(2)), n.Mul(graph.Fix(2)), n.Mul(graph.Fix(2)).Add(graph.Fix(3))}
	marks := append(dims, graph.Fix(0), graph.Fix(1), graph.Fix(3), graph.Fix(-1), graph.Fix(-2), graph.Fix(-9), graph.Fix(math.MaxInt64), n.Add(graph.Fix(-1)))
	claimed := 0
	for _, d := range dims {
		for _, start := range marks {
			for _, end := range marks {
				got := sliced(t, d, start, end)
				if !got.Known() {
					continue
				}
				claimed++
				for v := range 7 {
					at := func(x graph.Dim) int { i, _ := x.Eval(map[string]int{"N": v}); return i }
					if _, want := graph.SliceRange(at(d), at(start), at(end), 1); at(got) != want {
						t.Errorf("[%v][%v:%v] = %v, at N = %d it is %d", d, start, end, got, v, want)
					}
				}
			}
		}
	}
	if claimed < 100 {
		t.Errorf("only %d lengths are known", claimed)
	}
}

// sliced is the length that the rule gives for start:end of d.
func sliced(t *testing.T, d, start, end graph.Dim) graph.Dim {
	t.Helper()
	bound := func(at graph.Dim) graph.Known {
		return graph.Known{Type: graph.Type{DType: tensor.Int64, Shape: graph.ShapeOf(1)}, Ints: []graph.Dim{at}}
	}
	node := &graph.Node{Op: "Slice", In: []*graph.Value{{}, {}, {}}, Out: []*graph.Value{{}}}
	out, err := graph.Infer(node, []graph.Known{{Type: graph.Type{DType: tensor.Float32, Shape: graph.Shape{d}}}, bound(start), bound(end)})
	if err != nil {
		t.Fatal(err)
	}
	return out[0].Shape[0]
}

// SliceRange takes the elements that walking from start to end in steps meets.
func TestSliceRange(t *testing.T) {
	marks := []int{math.MinInt64, -9, -3, -1, 0, 1, 2, 5, 9, math.MaxInt64}
	for n := range 6 {
		for _, start := range marks {
			for _, end := range marks {
				for _, step := range []int{math.MinInt64, -2, -1, 1, 2, 3, math.MaxInt64} {
					first, count := graph.SliceRange(n, start, end, step)
					wantFirst, want := walked(n, start, end, step)
					if count != want || want > 0 && first != wantFirst {
						t.Errorf("%d[%d:%d:%d]: %d from %d, want %d from %d", n, start, end, step, count, first, want, wantFirst)
					}
				}
			}
		}
	}
}

// walked counts one element at a time, as ONNX's text defines Slice.
func walked(n, start, end, step int) (first, count int) {
	if start < 0 {
		start += n
	}
	if end < 0 {
		end += n
	}
	last := n
	if step < 0 {
		last = n - 1
	}
	start = min(max(start, 0), last)
	for i := start; i >= 0 && i < n && (step > 0 && i < end || step < 0 && i > end); i += step {
		count++
		if step > n || step < -n {
			break
		}
	}
	return start, count
}

// The lists of Slice agree in number and are integers; an axis is cut once; what is not known yet is not claimed.
func TestSliceInputs(t *testing.T) {
	unknown := is(2)
	someAxes := graph.Type{DType: tensor.Int64, Shape: graph.Shape{graph.Unknown}}
	for name, c := range map[string]struct {
		in   []arg
		want string
	}{
		"more starts than axes": {[]arg{fs(5, 6), i64(0, 0), i64(1, 1), i64(0)}, "graph: Slice: starts, ends, axes and steps differ in number: 2 ≠ 1"},
		"fewer steps":           {[]arg{fs(5, 6), i64(0, 0), i64(1, 1), i64(0, 1), tensor.New(tensor.Int64, 0)}, "graph: Slice: starts, ends, axes and steps differ in number: 2 ≠ 0"},
		"no integers":           {[]arg{fs(5), fs(1), i64(1)}, "graph: Slice: indices are int32 or int64, not float32[1]"},
		"a matrix":              {[]arg{fs(5), is(1, 1), is(1, 1)}, "graph: Slice: starts, ends, axes and steps are vectors, not int64[1 1]"},
		"twice":                 {[]arg{fs(5, 6), i64(0, 0), i64(1, 1), i64(1, -1)}, "graph: Slice: float32[5 6]: axis 1 is cut twice"},
		"too many":              {[]arg{fs(5), i64(0, 0), i64(1, 1)}, "graph: Slice: float32[5]: axis 1 of rank 1"},
		"unknown starts":        {[]arg{fs(5, 6, 7), unknown, unknown}, "float32[? ? 7]"},
		"unknown number":        {[]arg{fs(5, 6, 7), someAxes, someAxes}, "float32[? ? ?]"},
		"unknown steps":         {[]arg{fs(5, 6), i64(1), i64(3), i64(0), is(1)}, "float32[? 6]"},
	} {
		b := graph.NewBuilder(name)
		got := b.Op("Slice", nil, operands(b, c.in)...).Type.String()
		if b.Err() != nil {
			got = b.Err().Error()
		}
		if got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, c.want)
		}
	}
}

// Integers cut with a step that is not known yet are not known either.
func TestSliceFollowsIntegersOnlyWithKnownStep(t *testing.T) {
	b := graph.NewBuilder("step")
	step := b.Input("step", tensor.Int64, graph.Fix(1))
	v := b.Op("Slice", nil, b.Ints(2, 3, 4), b.Ints(0), b.Ints(2), b.Ints(0), step)
	if v.Ints != nil || b.Err() != nil {
		t.Errorf("%v, %v", v.Ints, b.Err())
	}
}
