package nn

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"

	"fmtool/models/graph"
	"fmtool/models/noise"
	"fmtool/models/tensor"
)

// Net is a graph.Builder whose layers have parameters.
type Net struct {
	*graph.Builder
	from Source
}

// Source gives the float32 numbers of a parameter. deviation is the standard deviation of a fresh one, 0 for zeros.
type Source func(name string, shape []int, deviation float64) (tensor.Tensor, error)

// New returns a Net that adds to b and takes parameters from a source.
func New(b *graph.Builder, from Source) *Net { return &Net{b, from} }

// Fresh draws parameters from a stream, each from a stream of its own keyed by the 64-bit FNV-1a hash of its name.
func Fresh(s noise.Stream) Source {
	return func(name string, shape []int, deviation float64) (tensor.Tensor, error) {
		t := tensor.New(tensor.Float32, shape...)
		if deviation == 0 {
			return t, nil
		}
		h := fnv.New64a()
		h.Write([]byte(name))
		key := h.Sum64()
		data := t.Float32()
		s.Sub(uint32(key)).Sub(uint32(key>>32)).Normals(data, 0)
		for i, z := range data {
			data[i] = z * float32(deviation)
		}
		return t, nil
	}
}

// Stored takes parameters from a map, shared. A missing one or one of another shape is an error that names it.
func Stored(weights map[string]tensor.Tensor) Source {
	return func(name string, shape []int, _ float64) (tensor.Tensor, error) {
		t, ok := weights[name]
		switch {
		case !ok:
			return t, fmt.Errorf("nn: the weights have no %s %v", name, shape)
		case t.DType() != tensor.Float32 || !slices.Equal(t.Shape(), shape):
			return t, fmt.Errorf("nn: weight %s is %v, the network needs float32%v", name, t, shape)
		}
		return t, nil
	}
}

// Param is parameter name of the layer in scope, [shape]; its full name is the path with dots.
func (n *Net) Param(name string, deviation float64, shape ...int) *graph.Value {
	full := strings.ReplaceAll(n.Path(name), "/", ".")
	t, err := n.from(full, shape, deviation)
	if err != nil {
		return n.Fail(err)
	}
	return n.Builder.Param(full, t)
}

// Linear is x·W + b, [N in] → [N out], with parameters name.weight [in out] and name.bias [1 out]. Weights start with variance gain/in: with
// gain 1/E[f(z)²] (Activation.Gain) the layer's results have variance 1 when x is f of standard normals.
func (n *Net) Linear(name string, x *graph.Value, out int, gain float64) (y *graph.Value) {
	n.Scope(name, func() { y = n.Add(n.product(x, out, gain), n.Param("bias", 0, 1, out)) })
	return y
}

// Product is x·W without a bias, [N in] → [N out], with parameter name.weight.
func (n *Net) Product(name string, x *graph.Value, out int, gain float64) (y *graph.Value) {
	n.Scope(name, func() { y = n.product(x, out, gain) })
	return y
}

func (n *Net) product(x *graph.Value, out int, gain float64) *graph.Value {
	s := x.Type.Shape
	if len(s) != 2 {
		return n.Fail(fmt.Errorf("nn: a linear layer of %v: want [N in]", x.Type))
	}
	in, ok := s[1].Fixed()
	if !ok {
		return n.Fail(fmt.Errorf("nn: a linear layer of %v: the last dimension must be known", x.Type))
	}
	return n.MatMul(x, n.Param("weight", math.Sqrt(gain/float64(in)), in, out))
}

// Embedding is the row of a table for each index, int64 [N] → [N width], with parameter name.weight [rows width], normal with a standard deviation.
func (n *Net) Embedding(name string, index *graph.Value, rows, width int, deviation float64) (y *graph.Value) {
	n.Scope(name, func() {
		y = n.Op("Gather", graph.Attrs{"axis": int64(0)}, n.Param("weight", deviation, rows, width), index)
	})
	return y
}

// Choose is a + drop·(null − a): the row a where drop is 0 and the learned row null where it is 1. a is [N C], drop [N 1]; parameter name [1 C].
func (n *Net) Choose(name string, a, drop *graph.Value) *graph.Value {
	width, _ := a.Type.Shape[len(a.Type.Shape)-1].Fixed()
	null := n.Param(name, 1, 1, width)
	return n.Add(a, n.Mul(drop, n.Subtract(null, a)))
}
