package native

import (
	"slices"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// batch is the dimension that stages cut into blocks of rows: the named first dimension of an input, and those that have its length.
type batch struct {
	n     int
	names map[string]bool
}

func (b *binder) findBatch() {
	b.batch = batch{names: map[string]bool{}}
	for _, v := range b.g.Inputs {
		s := v.Type.Shape
		if len(s) == 0 || s[0].Times != 1 || s[0].Plus != 0 {
			continue
		}
		n := b.shape(v)[0]
		if len(b.batch.names) == 0 {
			b.batch.n = n
		}
		if n == b.batch.n && (n > 1 || len(b.batch.names) == 0) {
			b.batch.names[s[0].Name] = true
		}
	}
}

// leads reports a value whose first dimension is the batch.
func (b *binder) leads(v *graph.Value) bool {
	s, have := v.Type.Shape, b.shape(v)
	return len(s) > 0 && len(have) > 0 && s[0].Times == 1 && s[0].Plus == 0 && b.batch.names[s[0].Name] && have[0] == b.batch.n
}

// rowRules says of an operator which operands it needs row by row, the others whole, given that its results are led by the batch; ok is false where rows of the
// results depend on more than the same rows. Operators without a rule are none of rows.
var rowRules = map[string]func(b *binder, j *job) (sliced []bool, ok bool){}

func init() {
	for name := range vectorOps {
		rowRules[name] = elementwiseRows
	}
	for _, name := range []string{"LeakyRelu", "Elu", "Selu", "Mod", "Clip", "Xor", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "BitShift"} {
		rowRules[name] = elementwiseRows
	}
	rowRules["MatMul"] = func(b *binder, j *job) ([]bool, bool) {
		return []bool{true, false}, j.product && !j.tA && b.led(j.in[0])
	}
	rowRules["Concat"] = alongAxis(func(b *binder, j *job) bool { return j.node.Int("axis", 0) > 0 }, -1)
	rowRules["Softmax"] = alongAxis(func(b *binder, j *job) bool { return b.axis(j, -1) > 0 }, 1)
	rowRules["LayerNormalization"] = alongAxis(func(b *binder, j *job) bool { return b.axis(j, -1) > 0 && len(j.out) == 1 }, 1)
	rowRules["Transpose"] = alongAxis(func(b *binder, j *job) bool {
		perm, given := j.node.IntList("perm")
		return given && len(perm) > 0 && perm[0] == 0
	}, 1)
	rowRules["Gather"] = func(b *binder, j *job) ([]bool, bool) { // rows of a table
		return []bool{false, true}, b.axis(j, 0) == 0 && b.led(j.in[1])
	}
	for _, name := range []string{"ReduceSum", "ReduceMean", "ReduceMax"} {
		rowRules[name] = alongAxis(func(b *binder, j *job) bool {
			axes, ok := b.numbers(j, 1)
			return ok && len(axes) > 0 && !slices.ContainsFunc(axes, func(a int64) bool { return a == 0 || int(a) == -len(b.shape(j.in[0])) })
		}, 1)
	}
	rowRules["Slice"] = alongAxis(func(b *binder, j *job) bool {
		axes, ok := b.numbers(j, 3)
		return ok && len(axes) > 0 && !slices.ContainsFunc(axes, func(a int64) bool { return a == 0 || int(a) == -len(b.shape(j.in[0])) })
	}, 1)
}

// findRows finds the jobs that work row by row, or sum over rows.
func (b *binder) findRows() {
	b.findSums()
	for _, j := range b.jobs {
		if j.node == nil || j.sums {
			continue
		}
		rule := rowRules[j.node.Op]
		if rule == nil || b.batch.n == 0 || slices.ContainsFunc(j.out, func(v *graph.Value) bool { return !b.leads(v) }) {
			continue
		}
		if sliced, ok := rule(b, j); ok {
			j.rows, j.sliced = true, sliced
		}
	}
}

// led reports an operand whose first length is the batch's.
func (b *binder) led(v *graph.Value) bool {
	s := b.shape(v)
	return len(s) > 0 && s[0] == b.batch.n && (b.batch.n > 1 || b.leads(v))
}

// elementwiseRows is for operators of elements with broadcasting.
func elementwiseRows(b *binder, j *job) ([]bool, bool) {
	rank := len(b.shape(j.out[0]))
	sliced := make([]bool, len(j.in))
	for i, v := range j.in {
		if v == nil {
			continue
		}
		s := b.shape(v)
		switch {
		case len(s) == rank && b.led(v):
			sliced[i] = true
		case len(s) == rank && s[0] != 1:
			return nil, false
		}
	}
	return sliced, true
}

// alongAxis is for operators that mix numbers of a row only; the first of their inputs are cut by rows, all if first is negative.
func alongAxis(ok func(b *binder, j *job) bool, first int) func(b *binder, j *job) ([]bool, bool) {
	return func(b *binder, j *job) ([]bool, bool) {
		sliced := make([]bool, len(j.in))
		for i, v := range j.in {
			if sliced[i] = first < 0 || i < first; sliced[i] && !b.led(v) {
				return nil, false
			}
		}
		return sliced, ok(b, j)
	}
}

// axis is a node's axis counted from the front, −1 if it is out of range.
func (b *binder) axis(j *job, otherwise int) int {
	a, err := graph.Axis(j.node.Int("axis", otherwise), len(b.shape(j.in[0])))
	if err != nil {
		return -1
	}
	return a
}

// numbers are the elements of an integer operand that is known before the run.
func (b *binder) numbers(j *job, i int) ([]int64, bool) {
	if i >= len(j.in) || j.in[i] == nil {
		return nil, false
	}
	t, ok := b.place[j.in[i]]
	if !ok || j.in[i].Kind == graph.Param {
		return nil, false
	}
	return t.Convert(tensor.Int64).Int64(), true
}
