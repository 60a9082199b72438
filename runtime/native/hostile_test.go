package native_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native"
)

// Whatever a node says and is given, compiling and running it gives numbers or an error, never a panic.
func TestAnyNode(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	ran := 0
	for _, name := range graph.Ops() {
		if name == "Loop" || name == "If" {
			continue
		}
		for seed := range rounds {
			m := &monkey{rng: rand.New(rand.NewPCG(uint64(seed), 7))}
			if m.try(t, name, uint64(seed)) {
				ran++
			}
		}
	}
	if ran < 10*rounds {
		t.Errorf("only %d nodes ran: the test refuses too much", ran)
	}
}

// monkey makes nodes without knowing what they mean. All it does follows from its generator.
type monkey struct{ rng *rand.Rand }

func (m *monkey) of(list ...int) int { return list[m.rng.IntN(len(list))] }

func (m *monkey) int() int64 {
	if m.rng.IntN(8) == 0 {
		return []int64{math.MinInt64, -1 << 40, 1 << 40, math.MaxInt64}[m.rng.IntN(4)]
	}
	return int64(m.of(-3, -2, -1, 0, 0, 1, 1, 2, 3, 4))
}

func (m *monkey) attrs(op *graph.Op) graph.Attrs {
	attrs := graph.Attrs{}
	for name, kind := range op.Attrs {
		if m.rng.IntN(3) == 0 {
			continue
		}
		switch kind {
		case graph.IntAttr:
			attrs[name] = m.int()
			if name == "to" {
				attrs[name] = int64(m.rng.IntN(14))
			}
		case graph.FloatAttr:
			attrs[name] = float32(m.rng.NormFloat64())
		case graph.StringAttr:
			attrs[name] = []string{"", "none", "add", "mul", "max", "LEFT", "RIGHT"}[m.rng.IntN(7)]
		case graph.IntsAttr:
			list := make([]int64, m.rng.IntN(4))
			for i, j := range m.rng.Perm(len(list)) {
				list[i] = int64(j)
			}
			if len(list) > 0 && m.rng.IntN(4) == 0 {
				list[0] = m.int()
			}
			attrs[name] = list
		case graph.TensorAttr:
			attrs[name] = m.tensor(tensor.Int64)
		}
	}
	return attrs
}

func (m *monkey) tensor(d tensor.DType) tensor.Tensor {
	shape := make([]int, m.of(0, 1, 1, 2, 2, 3, 4))
	for i := range shape {
		shape[i] = m.of(0, 1, 1, 2, 2, 3, 3, 5)
	}
	list := make([]int64, tensor.Size(shape))
	for i := range list {
		list[i] = m.int()
	}
	return tensor.Of(list, shape...).Convert(d)
}

// try builds a node of constants and inputs, and runs it; false if it was refused.
func (m *monkey) try(t *testing.T, name string, seed uint64) bool {
	op, err := graph.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if e := recover(); e != nil {
			t.Errorf("%s, seed %d: %v", name, seed, e)
		}
	}()
	most := op.MaxIn
	if most < 0 {
		most = 3
	}
	types := []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.Int64, tensor.Int32, tensor.Uint8, tensor.Bool}
	common := types[m.rng.IntN(len(types))]
	b := graph.NewBuilder("any")
	var in []*graph.Value
	var data []tensor.Tensor
	for i := range op.MinIn + m.rng.IntN(most-op.MinIn+1) {
		d := common
		if m.rng.IntN(3) == 0 {
			d = types[m.rng.IntN(len(types))]
		}
		x := m.tensor(d)
		switch m.rng.IntN(8) {
		case 0:
			in = append(in, nil)
		case 1, 2, 3:
			in = append(in, b.Const(x))
		case 4: // nothing of its shape is known
			in = append(in, b.Input(fmt.Sprint("x", i), d, make(graph.Shape, 0)...))
			in[len(in)-1].Type.Shape = nil
			data = append(data, x)
		default:
			in = append(in, b.Input(fmt.Sprint("x", i), d, graph.ShapeOf(x.Shape()...)...))
			data = append(data, x)
		}
	}
	outputs := op.MinOut
	if op.MaxOut != 1 {
		outputs += m.rng.IntN(3)
	}
	for i, v := range b.OpN(name, m.attrs(op), outputs, in...) {
		b.Output(fmt.Sprint("y", i), v)
	}
	g, err := b.Graph()
	if err != nil {
		return false
	}
	p, err := native.Compile(g, native.Options{MaxBatch: 4})
	if err != nil {
		return false
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return p.Run(ctx, data, make([]tensor.Tensor, outputs)) == nil
}
