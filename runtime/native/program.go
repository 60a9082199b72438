package native

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unsafe"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native/kernel"
)

// blockSize is the number of elements a vector program works on at a time: a dozen blocks stay in the first-level cache. A program of fewer registers has
// longer blocks, up to so many times as long, and is interpreted less often.
const blockSize, dozen, longest = 512, 12, 4

// vectorOp is a row of the table of fusable operators: the number of operands and the function in both precisions, chosen by the node's attributes.
type vectorOp struct {
	arity int
	f32   func(n *graph.Node) func(dst, a, b, c []float32)
	f64   func(n *graph.Node) func(dst, a, b, c []float64)
}

var vectorOps = map[string]vectorOp{}

func init() {
	for name, f := range map[string]struct {
		f32 func(dst, x, y []float32)
		f64 func(x, y float64) float64
	}{
		"Add": {kernel.Add, add[float64]}, "Sub": {kernel.Sub, sub[float64]}, "Mul": {kernel.Mul, mul[float64]},
		"Div": {kernel.Div, func(x, y float64) float64 { return x / y }},
		"Max": {kernel.Max, greater[float64]}, "Min": {kernel.Min, lesser[float64]},
		"And": {kernel.Mul, mul[float64]}, "Or": {kernel.Max, greater[float64]},
		"Equal":          {kernel.Equal, truth(func(x, y float64) bool { return x == y })},
		"Less":           {kernel.Less, truth(func(x, y float64) bool { return x < y })},
		"LessOrEqual":    {kernel.LessOrEqual, truth(func(x, y float64) bool { return x <= y })},
		"Greater":        {kernel.Greater, truth(func(x, y float64) bool { return x > y })},
		"GreaterOrEqual": {kernel.GreaterOrEqual, truth(func(x, y float64) bool { return x >= y })},
	} {
		vectorOps[name] = vectorOp{2, constantly(func(dst, a, b, _ []float32) { f.f32(dst, a, b) }), constantly(two(f.f64))}
	}
	for name, f := range map[string]struct {
		f32 func(dst, x []float32)
		f64 func(float64) float64
	}{
		"Sqrt": {kernel.Sqrt, math.Sqrt}, "Exp": {kernel.Exp, math.Exp}, "Log": {kernel.Log, math.Log}, "Sin": {kernel.Sin, math.Sin},
		"Cos": {kernel.Cos, math.Cos}, "Tanh": {kernel.Tanh, math.Tanh}, "Erf": {kernel.Erf, math.Erf}, "Softplus": {kernel.Softplus, softplus},
		"Sigmoid": {kernel.Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }},
		"Floor":   {kernel.Floor, math.Floor}, "Ceil": {kernel.Ceil, math.Ceil}, "Neg": {kernel.Neg, neg[float64]}, "Abs": {kernel.Abs, math.Abs},
		"Relu": {kernel.Relu, relu[float64]}, "Sign": {kernel.Sign, sign[float64]},
		"Reciprocal": {kernel.Reciprocal, func(x float64) float64 { return 1 / x }},
	} {
		vectorOps[name] = vectorOp{1, constantly(func(dst, a, _, _ []float32) { f.f32(dst, a) }), constantly(one(f.f64))}
	}
	both1("Not", func(x float32) float32 { return 1 - x }, func(x float64) float64 { return 1 - x })
	both1("Cast", func(x float32) float32 { return x }, func(x float64) float64 { return x })
	both2("Pow", func(x, y float32) float32 { return float32(math.Pow(float64(x), float64(y))) }, math.Pow)
	vectorOps["Where"] = vectorOp{3, constantly(kernel.Where), constantly(pick[float64])}
	for name, f := range kinked {
		vectorOps[name] = vectorOp{1, func(n *graph.Node) func(dst, a, b, c []float32) {
			_, g := f(n)
			return func(dst, a, _, _ []float32) { g(dst, a) }
		}, func(n *graph.Node) func(dst, a, b, c []float64) {
			g, _ := f(n)
			return one(g)
		}}
	}
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

// instruction applies f to the blocks of registers: results first, then operands.
type instruction[T float] struct {
	f      func(x [][]T)
	regs   []int
	single map[int]bool // operands of which it reads the first number alone
	column map[int]bool // and those of which it reads a number for each row
}

// cell is one value of a program: a block of a tensor, of an operand filled block by block, or scratch.
type cell[T float] struct {
	data    []T     // whole operand or result
	lanes   [][]T   // of a stage: where each worker has the rows it works on, the first row first
	operand operand // how data is read; div 1 and mod size is in place
	input   bool
	single  bool // one number, of which no instruction needs copies
	column  bool // a number for each row, likewise
}

// held reports a value that lies somewhere, and is not a register of the program's own.
func (c *cell[T]) held() bool { return c.data != nil || c.lanes != nil }

// vectorProgram is a fused group bound to memory.
type vectorProgram[T float] struct {
	size  int // elements
	block int // elements of a block
	regs  []cell[T]
	moves []int // registers that move with the elements: neither one number nor of the program's own
	code  []instruction[T]
	lanes []lane[T] // for each worker
}

// lane is what one worker runs a program with. The operands of its instructions stay from block to block, but for those of registers that move.
type lane[T float] struct {
	args   [][][]T // of each instruction
	moves  []moving[T]
	places [][]*[]T // of each register, where it stands in args
	room   [][]T    // the memory of each filled or scratch register
	held   []int    // for each filled register the start of the block it holds, −1: none
	length int      // of the blocks that scratch registers are cut to
}

// moving is a register that moves with the elements.
type moving[T float] struct {
	data   []T    // of all elements, or of those that the worker runs
	own    bool   // the latter
	each   int    // elements for a number: 1 but for columns
	filled int    // the register, if blocks of it are filled; otherwise −1
	places []*[]T // where it stands in args
}

// put makes data the operand wherever register r is one.
func (l *lane[T]) put(r int, data []T) {
	for _, at := range l.places[r] {
		*at = data
	}
}

// prepareGroup makes the program of a group that runs on whole tensors, in parts.
func (b *binder) prepareGroup(g *group) (task, error) {
	run, block, cost, err := b.bindGroup(g, nil)
	parts := b.pool.cut(cost)
	return task{parts, cost, func(worker, part int) error {
		run(worker, cutOn(block, g.size, part, parts), cutOn(block, g.size, part+1, parts))
		return nil
	}}, err
}

// prepareRowGroup makes the program of a group that runs on rows.
func (b *binder) prepareRowGroup(g *group, st *stage) (rowRun, error) {
	run, _, _, err := b.bindGroup(g, st)
	stride := g.size / b.batch.n
	return func(r rowBlock) error { run(r.worker, r.from*stride, r.to*stride); return nil }, err
}

// bindGroup returns the function that computes elements from to to−1 as a worker, the length of its blocks, and about what all elements cost in nanoseconds.
func (b *binder) bindGroup(g *group, st *stage) (run func(worker, from, to int), block, cost int, err error) {
	if g.dtype == tensor.Float64 {
		p, err := bindProgram(b, g, st, func(op vectorOp, n *graph.Node) func(dst, a, b, c []float64) { return op.f64(n) })
		return p.run, p.block, g.size * len(p.code) * 2, err
	}
	p, err := bindProgram(b, g, st, func(op vectorOp, n *graph.Node) func(dst, a, b, c []float32) { return op.f32(n) })
	return p.run, p.block, g.size * len(p.code) / 10, err
}

func bindProgram[T interface {
	float
	tensor.Element
}](b *binder, g *group, st *stage, choose func(vectorOp, *graph.Node) func(dst, a, b, c []T)) (*vectorProgram[T], error) {
	p := &vectorProgram[T]{size: g.size}
	place := func(v *graph.Value, sliced bool) cell[T] {
		if st == nil {
			return cell[T]{data: tensor.Data[T](b.place[v])}
		}
		r := rowsOf[T](b, st, v, sliced)
		return cell[T]{data: r.data, lanes: r.lanes}
	}
	index := map[*graph.Value]int{}
	for i, v := range g.in {
		o, ok := classify(g.shape, b.shape(v))
		if !ok {
			return p, fmt.Errorf("native: %s: operand %v of %v", g.name(), b.shape(v), g.shape)
		}
		c := place(v, g.sliced[i])
		c.operand, c.input = o, true
		index[v] = len(p.regs)
		p.regs = append(p.regs, c)
	}
	register := func(v *graph.Value) int {
		index[v] = len(p.regs)
		p.regs = append(p.regs, cell[T]{})
		return index[v]
	}
	for k, j := range g.members {
		taken := false
		for _, c := range g.fused {
			taken = taken || c.match.members[k]
			if c.at != k {
				continue
			}
			in := instruction[T]{f: any(c.fusion.f).(func(x [][]T)), single: map[int]bool{}, column: map[int]bool{}}
			for _, name := range strings.Fields(c.fusion.results) {
				in.regs = append(in.regs, register(c.match.value[name]))
			}
			for _, name := range strings.Fields(c.fusion.operands) {
				in.single[len(in.regs)], in.column[len(in.regs)] = isNumber(name), isColumn(name)
				in.regs = append(in.regs, index[c.match.value[name]])
			}
			p.code = append(p.code, in)
		}
		if taken {
			continue
		}
		f := choose(vectorOps[j.node.Op], j.node)
		in := instruction[T]{f: func(x [][]T) { f(x[0], x[1], x[2], x[3]) }, regs: []int{register(j.out[0]), 0, 0, 0}}
		for i := range 3 {
			in.regs[1+i] = index[j.in[min(i, len(j.in)-1)]]
		}
		p.code = append(p.code, in)
	}
	for _, v := range g.out {
		p.regs[index[v]] = place(v, true)
	}
	p.findSingles()
	p.allocate(b.pool.n, g.shape)
	return p, nil
}

// rows reports that blocks must be whole rows: an instruction reads a number for each.
func (p *vectorProgram[T]) rows() bool {
	return slices.ContainsFunc(p.regs, func(c cell[T]) bool { return c.column })
}

// setBlock chooses the length of blocks for a number of registers: whole rows of so many columns, so that a row to add stays as it is filled.
func (p *vectorProgram[T]) setBlock(registers, cols int) {
	p.block = blockSize * min(max(dozen/max(registers, 1), 1), longest)
	if 0 < cols && (cols < p.block || p.rows()) {
		p.block = max(p.block/cols, 1) * cols
	}
}

// findSingles finds the operands of one number that need not be repeated over a block, those of one number for each row that need not over the row, and the
// registers that move from block to block.
func (p *vectorProgram[T]) findSingles() {
	for r := range p.regs {
		c := &p.regs[r]
		c.single = c.input && c.operand.mod == 1 && c.data != nil
		c.column = c.input && c.operand.div > 1 && c.operand.mod > 1
	}
	for _, in := range p.code {
		for k, r := range in.regs {
			p.regs[r].single = p.regs[r].single && in.single[k]
			p.regs[r].column = p.regs[r].column && in.column[k]
		}
	}
	p.settleColumns()
	for r := range p.regs {
		if p.regs[r].held() && !p.regs[r].single {
			p.moves = append(p.moves, r)
		}
	}
}

// settleColumns keeps the columns of one length of rows, and those alone that the instructions read together with no others.
func (p *vectorProgram[T]) settleColumns() {
	div := 0
	for changed := true; changed; {
		changed = false
		for _, in := range p.code {
			whole := true
			for k, r := range in.regs {
				if c := &p.regs[r]; in.column[k] {
					if div == 0 && c.column {
						div = c.operand.div
					}
					whole = whole && c.column && c.operand.div == div
				}
			}
			for k, r := range in.regs {
				if in.column[k] && !whole && p.regs[r].column {
					p.regs[r].column, changed = false, true
				}
			}
		}
	}
}

// allocate makes the registers' memory; scratch registers share it when their lives do not overlap.
func (p *vectorProgram[T]) allocate(workers int, shape []int) {
	last := make([]int, len(p.regs))
	for i, in := range p.code {
		for _, r := range in.regs {
			last[r] = i
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
		if c := &p.regs[r]; c.input && !p.inPlace(r) && !c.single && !c.column {
			slot[r] = take() // never given back: a repeated operand stays filled
		}
	}
	given := make([]bool, len(p.regs))
	for i, in := range p.code {
		for _, r := range in.regs {
			if !p.regs[r].held() && slot[r] < 0 {
				slot[r] = take()
			}
		}
		for _, r := range in.regs {
			if last[r] == i && slot[r] >= 0 && !p.regs[r].input && !given[r] {
				free = append(free, slot[r])
				given[r] = true
			}
		}
	}
	cols := 0
	if n := len(shape); n > 0 {
		cols = shape[n-1]
	}
	for _, c := range p.regs {
		if c.column {
			cols = c.operand.div
		}
	}
	p.setBlock(len(p.moves)+rooms, cols)
	for w := range workers {
		p.lanes = append(p.lanes, p.lane(w, slot, rooms))
	}
}

// lane makes the memory of worker w, in which register r has room slot[r], −1: none.
func (p *vectorProgram[T]) lane(w int, slot []int, rooms int) lane[T] {
	l := lane[T]{places: make([][]*[]T, len(p.regs)), room: make([][]T, len(p.regs)), held: apart[int](len(p.regs))}
	memory := make([]T, rooms*p.block)
	for r, s := range slot {
		if s >= 0 {
			l.room[r] = memory[s*p.block : (s+1)*p.block]
		}
	}
	operands := 0
	for _, in := range p.code {
		operands += len(in.regs)
	}
	args := apart[[]T](operands)
	for _, in := range p.code {
		for k, r := range in.regs {
			l.places[r] = append(l.places[r], &args[k])
		}
		l.args, args = append(l.args, args[:len(in.regs):len(in.regs)]), args[len(in.regs):]
	}
	for r := range p.regs {
		if p.regs[r].single {
			l.put(r, p.regs[r].data)
		}
	}
	for _, r := range p.moves {
		c := &p.regs[r]
		m := moving[T]{data: c.data, each: 1, filled: -1, places: l.places[r]}
		if c.lanes != nil {
			m.data, m.own = c.lanes[w], true
		}
		switch {
		case c.column:
			m.each = c.operand.div
		case c.input && !p.inPlace(r):
			m.filled = r
		}
		l.moves = append(l.moves, m)
	}
	return l
}

// apart makes a slice that shares no cache line with others: workers write theirs at the same time.
func apart[E any](n int) []E {
	const lines = 128 // bytes: the processor fetches two lines at a time
	gap := lines/int(unsafe.Sizeof(*new(E))) + 1
	return make([]E, gap+n+gap)[gap : gap+n]
}

// inPlace reports an operand that is read where it lies.
func (p *vectorProgram[T]) inPlace(r int) bool {
	return p.regs[r].operand.div == 1 && p.regs[r].operand.mod == p.size
}

// run executes the program on elements from to to−1, as worker w.
func (p *vectorProgram[T]) run(w, from, to int) {
	l := &p.lanes[w]
	for r := range l.held {
		l.held[r] = -1 // operands may have changed since the last run
	}
	for at := from; at < to; at += p.block {
		n := min(p.block, to-at)
		p.cut(l, n)
		for i := range l.moves {
			m, e := &l.moves[i], at
			if m.own {
				e -= from
			}
			if r := m.filled; r >= 0 {
				l.held[r] = fillOperand(l.room[r][:n], m.data, p.regs[r].operand, e, l.held[r])
				continue
			}
			x := m.data
			if m.each == 1 {
				x = x[e : e+n]
			} else {
				x = x[e/m.each : (e+n)/m.each]
			}
			for _, place := range m.places {
				*place = x
			}
		}
		for i := range p.code {
			p.code[i].f(l.args[i])
		}
	}
}

// cut makes the blocks of a lane's own registers n elements long.
func (p *vectorProgram[T]) cut(l *lane[T], n int) {
	if l.length == n {
		return
	}
	l.length = n
	for r, room := range l.room {
		if room != nil {
			l.put(r, room[:n])
		}
	}
}

// cutOn is where part p of n begins, on a multiple of step.
func cutOn(step, n, p, parts int) int {
	if p == parts {
		return n
	}
	return n * p / parts / step * step
}

// fillOperand writes elements at, at+1, … of a repeated operand. A block that starts at the same phase as the one held is there already.
func fillOperand[T float](dst, data []T, o operand, at, held int) int {
	if o.div == 1 { // a row: element e is data[e mod n]
		phase := at % o.mod
		if held == phase || held >= 0 && o.mod == 1 { // later blocks of a run are no longer
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
			return len(dst) // a shorter last block is a prefix
		}
		return held
	}
	row, begun := at/o.div, at%o.div
	if begun > 0 { // the rest of this row
		n := min(o.div-begun, len(dst))
		repeat(dst[:n], data[row:], o.div)
		dst, row = dst[n:], row+1
	}
	repeat(dst, data[row:], o.div)
	return -1
}

// repeat writes each number of x n times, until dst is full.
func repeat[T float](dst, x []T, n int) {
	if d, ok := any(dst).([]float32); ok {
		kernel.Repeat(d, any(x).([]float32), n)
		return
	}
	for i := range dst {
		dst[i] = x[i/n]
	}
}
