package native

import (
	"context"
	"fmt"
	"math"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/noise"
	"fmtool/models/tensor"
)

// dice draws decisions from a stream.
type dice struct {
	s   noise.Stream
	pos uint64
}

func (d *dice) roll(n int) int { d.pos++; return d.s.Intn(d.pos, n) }

// randomGraph is a program of matrices: elementwise operators with every kind of broadcasting, comparisons and choices, products, alone and in sums, transposes,
// views, reductions, slices, on two sizes that make blocks, rows and columns of all phases; several outputs and a state.
func randomGraph(d *dice, rows, cols int) (*graph.Graph, error) {
	b := graph.NewBuilder("random")
	r, c := graph.Sym("R"), graph.Fix(cols)
	full := []*graph.Value{b.Input("x", tensor.Float32, r, c), b.Input("y", tensor.Float32, r, c)}
	small := []*graph.Value{b.Input("row", tensor.Float32, graph.Fix(1), c), b.Input("col", tensor.Float32, r, graph.Fix(1)), b.Scalar(tensor.Float32, 0.7)}
	w := b.Param("w", tensor.Of(wave(cols*cols), cols, cols))
	state := b.Param("state", tensor.Of(wave(cols), 1, cols))
	small = append(small, state)
	pick := func(list []*graph.Value) *graph.Value { return list[d.roll(len(list))] }
	any := func() *graph.Value {
		if d.roll(3) == 0 {
			return pick(small)
		}
		return pick(full)
	}
	unary := []string{"Neg", "Sigmoid", "Tanh", "Abs", "Relu", "Sin", "Identity", "Softplus"}
	binary := []string{"Add", "Sub", "Mul", "Max", "Min"}
	compare := []string{"Less", "Greater", "GreaterOrEqual", "Equal"}
	for range 3 + d.roll(25) {
		var v *graph.Value
		switch d.roll(14) {
		case 0:
			v = b.MatMul(pick(full), w)
		case 1:
			v = b.Transpose(b.Transpose(pick(full), 1, 0), 1, 0)
		case 2:
			v = b.Scale(b.MatMul(b.MatMul(pick(full), b.Transpose(pick(full), 1, 0)), pick(full)), 1/float64(rows*cols))
		case 3:
			small = append(small, b.ReduceMean(pick(full), true, d.roll(2)))
			continue
		case 4:
			v = b.Op("Where", nil, b.Op(compare[d.roll(4)], nil, pick(full), any()), pick(full), any())
		case 5:
			v = b.Reshape(b.Reshape(pick(full), b.Ints(-1)), b.Ints(-1, cols))
		case 6:
			mask := b.Op("Cast", graph.Attrs{"to": int64(1)}, b.Op("And", nil, b.Op("Less", nil, pick(full), any()), b.Op("Less", nil, any(), pick(full))))
			v = b.Add(pick(full), mask)
		case 7, 8:
			v = b.Op(unary[d.roll(len(unary))], nil, pick(full))
		case 9:
			small = append(small, b.Op(binary[d.roll(len(binary))], nil, pick(small), b.Op(unary[d.roll(len(unary))], nil, pick(small))))
			if len(small[len(small)-1].Type.Shape) == 2 && small[len(small)-1].Type.Shape[0] == r && small[len(small)-1].Type.Shape[1] == c {
				full, small = append(full, small[len(small)-1]), small[:len(small)-1]
			}
			continue
		case 10:
			v = b.Add(b.MatMul(pick(full), w), any())
		case 11:
			product := b.Mul(pick(full), any())
			v = b.Add(product, []*graph.Value{product, any()}[d.roll(2)])
		default:
			v = b.Op(binary[d.roll(len(binary))], nil, pick(full), any())
		}
		full = append(full, b.Op("Tanh", nil, v))
	}
	b.Output("a", full[len(full)-1])
	b.Output("b", pick(full))
	b.Output("truth", b.Op("Less", nil, pick(full), any()))
	b.Output("next", b.Add(b.Scale(state, 0.5), b.ReduceMean(pick(full), true, 0)))
	return b.Graph()
}

func wave(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(math.Sin(1 + 1.7*float64(i)))
	}
	return v
}

// On random programs the compiled plan, with its fusion, views, shared memory and several goroutines, gives what the nodes give one by one; twice, so that a state
// and reused memory show.
func TestPlanAgreesWithNodes(t *testing.T) {
	for seed := range uint64(400) {
		d := &dice{s: noise.New(seed, noise.Probe)}
		cols := []int{1, 3, 8, 64, 130}[d.roll(5)]
		rows := []int{1, 2, 5, 33, 300}[d.roll(5)]
		g, err := randomGraph(d, rows, cols)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		p, err := Compile(g, Options{Threads: 1 + d.roll(3), State: []State{{"state", "next"}}})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		in := []tensor.Tensor{tensor.Of(wave(rows*cols), rows, cols), tensor.Of(wave(rows*cols), rows, cols), tensor.Of(wave(cols), 1, cols), tensor.Of(wave(rows), rows, 1)}
		for i := range in[1].Float32() {
			in[1].Float32()[i] = float32(math.Cos(float64(3 * i)))
		}
		state := tensor.Of(wave(cols), 1, cols)
		for pass := range 2 {
			want, err := nodes(g, in, map[string]tensor.Tensor{"state": state})
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			out := make([]tensor.Tensor, len(want))
			for i, w := range want {
				out[i] = tensor.New(w.DType(), w.Shape()...)
			}
			if err := p.Run(context.Background(), in, out); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for i, w := range want {
				if err := near(out[i], w); err != nil {
					t.Fatalf("seed %d, %d×%d, run %d, output %s: %v\n%s", seed, rows, cols, pass, g.Outputs[i].Name, err, g)
				}
			}
			state = want[3]
			if got, _ := p.ReadParam("state"); near(got, state) != nil {
				t.Fatalf("seed %d: the state is %v, want %v", seed, got.Float32(), state.Float32())
			}
		}
		_ = p.Close()
	}
}

// nodes evaluates a graph node by node.
func nodes(g *graph.Graph, in []tensor.Tensor, params map[string]tensor.Tensor) ([]tensor.Tensor, error) {
	env := map[*graph.Value]tensor.Tensor{}
	for i, v := range g.Inputs {
		env[v] = in[i]
	}
	for _, v := range g.Params {
		env[v] = v.Data
		if t, ok := params[v.Name]; ok {
			env[v] = t
		}
	}
	for _, v := range g.Constants {
		env[v] = v.Data
	}
	for _, n := range g.Nodes {
		out, err := evaluate(n, func(v *graph.Value) tensor.Tensor { return env[v] })
		if err != nil {
			return nil, err
		}
		for i, v := range n.Out {
			env[v] = out[i]
		}
	}
	var out []tensor.Tensor
	for _, o := range g.Outputs {
		out = append(out, env[o.Value])
	}
	return out, nil
}

// near allows what another order of rounding may change; truth values of numbers that are equal but for rounding may flip in a few places.
func near(got, want tensor.Tensor) error {
	if got.DType() == tensor.Bool {
		flips := 0
		for i, v := range want.Bool() {
			if got.Bool()[i] != v {
				flips++
			}
		}
		if flips > 1+len(want.Bool())/50 {
			return fmt.Errorf("%d of %d truth values differ", flips, len(want.Bool()))
		}
		return nil
	}
	far := 0
	for i, v := range want.Float32() {
		if d := math.Abs(float64(got.Float32()[i] - v)); !(d <= 2e-5) {
			far++
		}
	}
	if far > len(want.Float32())/50 { // a comparison decided by rounding carries on
		return fmt.Errorf("%d of %d numbers differ", far, len(want.Float32()))
	}
	return nil
}
