package onnx

import (
	"slices"
	"strings"

	"fmtool/models/graph"
)

// einsum of one or two operands: letters that stand in one operand alone and not in the result are summed over first; then
//
//	[batch, left, inner] × [batch, inner, right] → [batch, left, right]
//
// with as many letters in each place as the equation has, and their order in the result made last. Ellipses and diagonals are not read.
func einsum(b *graph.Builder, c *conversion) *graph.Value {
	equation, _ := c.attrs["equation"].(string)
	operands, result, ok := strings.Cut(strings.ReplaceAll(equation, " ", ""), "->")
	terms := strings.Split(operands, ",")
	if !ok || strings.Contains(equation, ".") || len(terms) != len(c.in) || len(terms) > 2 {
		return b.Fail(notRead("Einsum %q", equation))
	}
	in := slices.Clone(c.in)
	for i, term := range terms {
		other := result
		if len(terms) == 2 {
			other += terms[1-i]
		}
		if repeats(term) || len(in[i].Type.Shape) != len(term) {
			return b.Fail(notRead("Einsum %q of %v", equation, in[i].Type))
		}
		var alone []int
		for at, letter := range term {
			if !strings.ContainsRune(other, letter) {
				alone = append(alone, at)
			}
		}
		if len(alone) > 0 {
			in[i] = b.ReduceSum(in[i], false, alone...)
		}
		terms[i] = only(term, func(l rune) bool { return strings.ContainsRune(other, l) })
	}
	if repeats(result) || only(result, func(l rune) bool { return !strings.ContainsRune(terms[0]+terms[len(terms)-1], l) }) != "" {
		return b.Fail(notRead("Einsum %q", equation))
	}
	if len(terms) == 1 {
		return ordered(b, in[0], terms[0], result)
	}
	return contracted(b, in, terms, result)
}

// contracted is the matrix product of two operands, whose letters all stand in the other or in the result.
func contracted(b *graph.Builder, in []*graph.Value, terms []string, result string) *graph.Value {
	both := func(l rune) bool { return strings.ContainsRune(terms[0], l) && strings.ContainsRune(terms[1], l) }
	out := func(l rune) bool { return strings.ContainsRune(result, l) }
	batch := only(terms[0], func(l rune) bool { return both(l) && out(l) })
	inner := only(terms[0], func(l rune) bool { return both(l) && !out(l) })
	left := only(terms[0], func(l rune) bool { return !both(l) })
	right := only(terms[1], func(l rune) bool { return !both(l) })
	x, y := ordered(b, in[0], terms[0], batch+left+inner), ordered(b, in[1], terms[1], batch+inner+right)
	lengths := func(v *graph.Value, from, to int) *graph.Value {
		return b.Op("Shape", graph.Attrs{"start": int64(from), "end": int64(to)}, v)
	}
	n, shared, free := len(batch), lengths(x, 0, len(batch)), lengths(x, len(batch), len(batch)+len(left))
	rest := lengths(y, n+len(inner), n+len(inner)+len(right))
	product := b.MatMul(matrices(b, x, n, len(left)), matrices(b, y, n, len(inner)))
	return ordered(b, b.Reshape(product, b.Concat(0, shared, free, rest)), batch+left+right, result)
}

// matrices is v with n dimensions kept, the next count made one, and those behind made one.
func matrices(b *graph.Builder, v *graph.Value, n, count int) *graph.Value {
	rank := len(v.Type.Shape)
	if count == 1 && rank == n+2 {
		return v
	}
	one := func(from, to int) *graph.Value {
		shape := b.Op("Shape", graph.Attrs{"start": int64(from), "end": int64(to)}, v)
		if from == to {
			return b.Ints(1)
		}
		return b.Op("Unsqueeze", nil, timesParts(b, shape, 0, to-from), b.Ints(0))
	}
	kept := b.Op("Shape", graph.Attrs{"start": int64(0), "end": int64(n)}, v)
	return b.Reshape(v, b.Concat(0, kept, one(n, n+count), one(n+count, rank)))
}

// ordered transposes v from one order of letters to another.
func ordered(b *graph.Builder, v *graph.Value, from, to string) *graph.Value {
	if from == to {
		return v
	}
	perm := make([]int, 0, len(to))
	for _, l := range to {
		perm = append(perm, strings.IndexRune(from, l))
	}
	return b.Transpose(v, perm...)
}

// only is the letters that are wanted.
func only(term string, want func(rune) bool) string {
	return strings.Map(func(l rune) rune {
		if want(l) {
			return l
		}
		return -1
	}, term)
}

func repeats(term string) bool {
	for i, l := range term {
		if strings.ContainsRune(term[:i], l) {
			return true
		}
	}
	return false
}
