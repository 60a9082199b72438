package native

// loop walks the elements of a result in row-major order together with operands that broadcast to it. Adjacent dimensions are merged where all operands
// allow it, so that the inner run is as long as possible.
type loop struct {
	dims  []int   // outer lengths
	steps [][]int // for each operand the outer strides
	inner int     // length of a run
	step  []int   // for each operand the stride inside a run: 0 or 1
	count []int
	at    []int // offsets of the operands at the start of a run
}

// newLoop plans the walk over shape out for operands of the given shapes, which broadcast to it.
func newLoop(out []int, operands ...[]int) *loop {
	l := &loop{inner: 1, step: make([]int, len(operands)), at: make([]int, len(operands)), steps: make([][]int, len(operands))}
	strides := make([][]int, len(operands))
	for i, s := range operands {
		strides[i] = broadcastStrides(out, s)
	}
	first := true
	for d := len(out) - 1; d >= 0; d-- {
		if out[d] == 1 {
			continue
		}
		if first {
			l.inner, first = out[d], false
			for i := range operands {
				l.step[i] = strides[i][d]
			}
			continue
		}
		if len(l.dims) == 0 && l.merges(strides, d) {
			l.inner *= out[d]
			continue
		}
		l.dims = append([]int{out[d]}, l.dims...)
		for i := range operands {
			l.steps[i] = append([]int{strides[i][d]}, l.steps[i]...)
		}
	}
	l.count = make([]int, len(l.dims))
	return l
}

// merges reports that dimension d continues the run for every operand.
func (l *loop) merges(strides [][]int, d int) bool {
	for i := range strides {
		if strides[i][d] != l.step[i]*l.inner {
			return false
		}
	}
	return true
}

// broadcastStrides are the strides of shape s walked as shape out: 0 where it stretches.
func broadcastStrides(out, s []int) []int {
	strides := make([]int, len(out))
	stride := 1
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] != 1 {
			strides[len(out)-len(s)+i] = stride
		}
		stride *= s[i]
	}
	return strides
}

// run calls f for each run with the offset of the result and those of the operands, which f must not keep.
func (l *loop) run(f func(dst int, at []int)) {
	clear(l.count)
	clear(l.at)
	for _, n := range l.dims {
		if n == 0 {
			return
		}
	}
	if l.inner == 0 {
		return
	}
	for dst := 0; ; dst += l.inner {
		f(dst, l.at)
		d := len(l.dims) - 1
		for ; d >= 0; d-- {
			l.count[d]++
			for i := range l.at {
				l.at[i] += l.steps[i][d]
			}
			if l.count[d] < l.dims[d] {
				break
			}
			for i := range l.at {
				l.at[i] -= l.steps[i][d] * l.dims[d]
			}
			l.count[d] = 0
		}
		if d < 0 {
			return
		}
	}
}
