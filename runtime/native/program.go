package native

import (
	"fmt"
	"math"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native/kernel"
)

// blockSize is the number of elements a vector program works on at a time: a dozen blocks stay in the first-level cache.
const blockSize = 512

// vectorOp is a row of the table of fusable operators: the number of operands and the function in both precisions, chosen by the node's attributes.
type vectorOp struct {
	arity int
	f32   func(n *graph.Node) func(dst, a, b, c []float32)
	f64   func(n *graph.Node) func(dst, a, b, c []float64)
}

var vectorOps = map[string]vectorOp{}

func init() {
	for name, f := range map[string]func(dst, x, y []float32){"Add": kernel.Add, "Sub": kernel.Sub, "Mul": kernel.Mul, "Div": kernel.Div} {
		g := map[string]func(x, y float64) float64{"Add": add[float64], "Sub": sub[float64], "Mul": mul[float64], "Div": func(x, y float64) float64 { return x / y }}[name]
		vectorOps[name] = vectorOp{2, constantly(func(dst, a, b, _ []float32) { f(dst, a, b) }), constantly(two(g))}
	}
	for name, f := range map[string]func(dst, x []float32){"Sqrt": kernel.Sqrt, "Exp": kernel.Exp, "Sigmoid": kernel.Sigmoid, "Tanh": kernel.Tanh} {
		g := map[string]func(float64) float64{"Sqrt": math.Sqrt, "Exp": math.Exp, "Tanh": math.Tanh, "Sigmoid": func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }}[name]
		vectorOps[name] = vectorOp{1, constantly(func(dst, a, _, _ []float32) { f(dst, a) }), constantly(one(g))}
	}
	for name, f := range map[string]func(float64) float64{"Log": math.Log, "Sin": math.Sin, "Cos": math.Cos, "Erf": math.Erf, "Floor": math.Floor, "Ceil": math.Ceil, "Softplus": softplus} {
		vectorOps[name] = vectorOp{1, constantly(func(dst, a, _, _ []float32) { kernel.Map(dst, a, f) }), constantly(one(f))}
	}
	both1("Neg", neg[float32], neg[float64])
	both1("Reciprocal", func(x float32) float32 { return 1 / x }, func(x float64) float64 { return 1 / x })
	both1("Abs", func(x float32) float32 { return float32(math.Abs(float64(x))) }, math.Abs)
	both1("Sign", sign[float32], sign[float64])
	both1("Relu", relu[float32], relu[float64])
	both1("Not", func(x float32) float32 { return 1 - x }, func(x float64) float64 { return 1 - x })
	both1("Cast", func(x float32) float32 { return x }, func(x float64) float64 { return x })
	both2("Max", greater[float32], greater[float64])
	both2("Min", lesser[float32], lesser[float64])
	both2("And", mul[float32], mul[float64])
	both2("Or", greater[float32], greater[float64])
	both2("Equal", truth(func(x, y float32) bool { return x == y }), truth(func(x, y float64) bool { return x == y }))
	both2("Less", truth(func(x, y float32) bool { return x < y }), truth(func(x, y float64) bool { return x < y }))
	both2("LessOrEqual", truth(func(x, y float32) bool { return x <= y }), truth(func(x, y float64) bool { return x <= y }))
	both2("Greater", truth(func(x, y float32) bool { return x > y }), truth(func(x, y float64) bool { return x > y }))
	both2("GreaterOrEqual", truth(func(x, y float32) bool { return x >= y }), truth(func(x, y float64) bool { return x >= y }))
	both2("Pow", func(x, y float32) float32 { return float32(math.Pow(float64(x), float64(y))) }, math.Pow)
	vectorOps["Where"] = vectorOp{3, constantly(pick[float32]), constantly(pick[float64])}
}

// constantly is for functions that no attribute changes.
func constantly[F any](f F) func(*graph.Node) F { return func(*graph.Node) F { return f } }

func both1(name string, f func(float32) float32, g func(float64) float64) {
	vectorOps[name] = vectorOp{1, constantly(one(f)), constantly(one(g))}
}

func both2(name string, f func(x, y float32) float32, g func(x, y float64) float64) {
	vectorOps[name] = vectorOp{2, constantly(two(f)), constantly(two(g))}
}

func one[T float](f func(T) T) func(dst, a, b, c []T) {
	return func(dst, a, _, _ []T) {
		for i := range dst {
			dst[i] = f(a[i])
		}
	}
}

func two[T float](f func(x, y T) T) func(dst, a, b, c []T) {
	return func(dst, a, b, _ []T) {
		for i := range dst {
			dst[i] = f(a[i], b[i])
		}
	}
}

// truth writes 1 where f holds and 0 elsewhere.
func truth[T float](f func(x, y T) bool) func(x, y T) T {
	return func(x, y T) T {
		if f(x, y) {
			return 1
		}
		return 0
	}
}

func pick[T float](dst, cond, x, y []T) {
	for i := range dst {
		if cond[i] != 0 {
			dst[i] = x[i]
		} else {
			dst[i] = y[i]
		}
	}
}

// instruction applies f to registers.
type instruction[T float] struct {
	f   func(dst, a, b, c []T)
	dst int
	arg [3]int
}

// cell is one value of a program: a block of a tensor, of an operand filled block by block, or scratch.
type cell[T float] struct {
	data    []T     // whole operand or result; nil: scratch
	operand operand // how data is read; div 1 and mod len(data) is in place
	input   bool
}

// vectorProgram is a fused group bound to memory.
type vectorProgram[T float] struct {
	size  int
	regs  []cell[T]
	code  []instruction[T]
	slots [][][]T // for each worker the current block of each register
	room  [][][]T // for each worker the memory of filled and scratch registers
	last  [][]int // for each worker and register the start of the block it holds, −1: none
}

func (b *binder) prepareGroup(g *group) (func() error, error) {
	if g.dtype == tensor.Float64 {
		return bindProgram(b, g, func(op vectorOp, n *graph.Node) func(dst, a, b, c []float64) { return op.f64(n) })
	}
	return bindProgram(b, g, func(op vectorOp, n *graph.Node) func(dst, a, b, c []float32) { return op.f32(n) })
}

func bindProgram[T interface {
	float
	tensor.Element
}](b *binder, g *group, choose func(vectorOp, *graph.Node) func(dst, a, b, c []T)) (func() error, error) {
	p := &vectorProgram[T]{size: g.size}
	index := map[*graph.Value]int{}
	for _, v := range g.in {
		shape, _ := b.known[v].Shape.Ints()
		o, ok := classify(g.shape, shape)
		if !ok {
			return nil, fmt.Errorf("native: %s: operand %v of %v", g.name(), shape, g.shape)
		}
		index[v] = len(p.regs)
		p.regs = append(p.regs, cell[T]{tensor.Data[T](b.place[v]), o, true})
	}
	for _, n := range g.nodes {
		in := instruction[T]{f: choose(vectorOps[n.Op], n), dst: len(p.regs)}
		for i, v := range n.In {
			in.arg[i] = index[v]
		}
		index[n.Out[0]] = in.dst
		p.regs = append(p.regs, cell[T]{})
		p.code = append(p.code, in)
	}
	for _, v := range g.out {
		p.regs[index[v]].data = tensor.Data[T](b.place[v])
	}
	p.allocate(b.pool.n, g, index)
	parts := b.pool.parts(g.size*len(p.code), 1<<15)
	if parts == 1 {
		return func() error { p.run(0, 0, p.size); return nil }, nil
	}
	blocks := (p.size + blockSize - 1) / blockSize
	t := b.pool.task(parts, func(part int) {
		p.run(part, blocks*part/parts*blockSize, min(blocks*(part+1)/parts*blockSize, p.size))
	})
	return func() error { t.run(); return nil }, nil
}

// allocate makes the registers' memory; scratch registers share it when their lives do not overlap.
func (p *vectorProgram[T]) allocate(workers int, g *group, index map[*graph.Value]int) {
	last := make([]int, len(p.regs))
	for i, in := range p.code {
		for k := range g.nodes[i].In {
			last[in.arg[k]] = i
		}
	}
	slot := make([]int, len(p.regs))
	var free []int
	rooms := 0
	take := func() int {
		if n := len(free); n > 0 {
			s := free[n-1]
			free = free[:n-1]
			return s
		}
		rooms++
		return rooms - 1
	}
	for r := range p.regs {
		slot[r] = -1
		if p.regs[r].input && !p.inPlace(r) {
			slot[r] = take() // never given back: a repeated operand stays filled
		}
	}
	for i, in := range p.code {
		if p.regs[in.dst].data == nil {
			slot[in.dst] = take()
		}
		for k := range g.nodes[i].In {
			if r := in.arg[k]; last[r] == i && slot[r] >= 0 && !p.regs[r].input {
				free = append(free, slot[r])
				slot[r] = -2 - slot[r] // given back; the block below keeps pointing at it
			}
		}
	}
	for range workers {
		memory := make([]T, rooms*blockSize)
		room, held := make([][]T, len(p.regs)), make([]int, len(p.regs))
		for r, s := range slot {
			if s <= -2 {
				s = -2 - s
			}
			if s >= 0 {
				room[r] = memory[s*blockSize : (s+1)*blockSize]
			}
			held[r] = -1
		}
		p.room, p.slots, p.last = append(p.room, room), append(p.slots, make([][]T, len(p.regs))), append(p.last, held)
	}
}

// inPlace reports an operand that is read where it lies.
func (p *vectorProgram[T]) inPlace(r int) bool {
	return p.regs[r].operand.div == 1 && p.regs[r].operand.mod == p.size
}

// run executes the program on elements from to to, as worker w.
func (p *vectorProgram[T]) run(w, from, to int) {
	now, room, held := p.slots[w], p.room[w], p.last[w]
	for r := range held {
		held[r] = -1 // operands may have changed since the last run
	}
	for at := from; at < to; at += blockSize {
		n := min(blockSize, to-at)
		for r := range p.regs {
			reg := &p.regs[r]
			switch {
			case reg.data == nil:
				now[r] = room[r][:n]
			case reg.input && !p.inPlace(r):
				held[r] = fillOperand(room[r][:n], reg.data, reg.operand, at, held[r])
				now[r] = room[r][:n]
			default:
				now[r] = reg.data[at : at+n]
			}
		}
		for i := range p.code {
			in := &p.code[i]
			in.f(now[in.dst], now[in.arg[0]], now[in.arg[1]], now[in.arg[2]])
		}
	}
}

// fillOperand writes elements at, at+1, … of a repeated operand. A block that starts at the same phase as the one held is there already.
func fillOperand[T float](dst, data []T, o operand, at, held int) int {
	if o.div == 1 { // a row: element e is data[e mod n]
		phase := at % o.mod
		if held == phase && blockSize%o.mod == 0 || held >= 0 && o.mod == 1 {
			return held
		}
		for i, e := 0, phase; i < len(dst); e = 0 {
			i += copy(dst[i:], data[e:o.mod])
		}
		return phase
	}
	if o.mod == 1 {
		if held < 0 {
			for i := range dst {
				dst[i] = data[0]
			}
			return blockSize // a shorter last block is a prefix
		}
		return held
	}
	for i, e := 0, at; i < len(dst); {
		stop := min(len(dst), i+o.div-e%o.div)
		v := data[e/o.div]
		e += stop - i
		for ; i < stop; i++ {
			dst[i] = v
		}
	}
	return -1
}
