package native

import (
	"fmt"
	"slices"
	"strings"

	"fmtool/models/graph"
	"fmtool/models/tensor"
	"fmtool/runtime/native/kernel"
)

// fusion is a formula of a group that one kernel computes in a single pass. The text is equations of operators, the last of which contains the others; a
// name that no equation defines is an operand: one number if it begins with a capital letter, that very number if it is one, and one number for each row if it
// ends in _. Of the values in between the kernel gives only the results.
type fusion struct {
	text     string
	results  string
	operands string
	f        func(x [][]float32) // results, then operands
}

// fusions is the table, the more special ones first.
var fusions = append(updates(), []fusion{
	{"z=Add(x,b) s=Sigmoid(z) h=Mul(z,s)", "h", "x b", func(x [][]float32) { kernel.SiLUBiasOnly(x[0], x[1], x[2]) }},
	{"z=Add(x,b) s=Sigmoid(z) h=Mul(z,s)", "h s z", "x b", func(x [][]float32) { kernel.SiLUBias(x[0], x[1], x[2], x[3], x[4]) }},
	{"s=Sigmoid(z) h=Mul(z,s)", "h", "z", func(x [][]float32) { kernel.SiLUOnly(x[0], x[1]) }},
	{"s=Sigmoid(z) h=Mul(z,s)", "h s", "z", func(x [][]float32) { kernel.SiLU(x[0], x[1], x[2]) }},
	{"d=Add(Mul(g,s),Mul(Mul(g,z),Mul(s,Sub(1,s))))", "d", "g z s", func(x [][]float32) { kernel.SiLUGrad(x[0], x[1], x[2], x[3]) }},
	{"e=Sub(u,Sub(y,z)) d=Add(Mul(e,G),Mul(e,G))", "e d", "u y z G", func(x [][]float32) { kernel.Residual(x[0], x[1], x[2], x[3], x[4], 2*x[5][0]) }},
	{"x=Add(Mul(a_,y),Mul(b_,z))", "x", "y z a_ b_", func(x [][]float32) {
		kernel.Mix(x[0], x[1], x[2], x[3], x[4], len(x[0])/max(len(x[3]), 1))
	}},
	{"d=Add(Mul(x,y),z)", "d", "x y z", func(x [][]float32) { kernel.MulAdd(x[0], x[1], x[2], x[3]) }},
}...)

// updates are the forms of AdamW that train/optim builds: with or without a bound on the gradient, decay and average.
func updates() []fusion {
	var list []fusion
	for form := range 8 {
		clip, decay, average := form&1 == 0, form&2 == 0, form&4 == 0
		g, move, text := "g", "Div(Div(m1,C1),Add(Sqrt(Div(v1,C2)),Epsilon))", ""
		operands := "w m v g B1 R1 B2 R2 C1 C2 Epsilon Rate"
		results := "w1 m1 v1"
		if clip {
			text, g, operands = "h=Mul(g,Scale) ", "h", operands+" Scale"
		}
		if decay {
			move, operands = "Add("+move+",Mul(w,Decay))", operands+" Decay"
		}
		text += fmt.Sprintf("m1=Add(Mul(m,B1),Mul(%s,R1)) v1=Add(Mul(v,B2),Mul(Mul(%s,%s),R2)) w1=Sub(w,Mul(Rate,%s))", g, g, g, move)
		if average {
			text, operands, results = text+" e1=Add(w1,Mul(Keep,Sub(e,w1)))", operands+" Keep e", results+" e1"
		}
		list = append(list, fusion{text, results, operands, func(x [][]float32) {
			c := kernel.AdamW{Scale: 1}
			w1, m1, v1, e1 := x[0], x[1], x[2], x[0]
			at := 3
			if average {
				e1, at = x[3], 4
			}
			w, m, v, grad := x[at], x[at+1], x[at+2], x[at+3]
			c.Beta1, c.Rest1, c.Beta2, c.Rest2 = x[at+4][0], x[at+5][0], x[at+6][0], x[at+7][0]
			c.Correct1, c.Correct2, c.Epsilon, c.Rate = 1/x[at+8][0], 1/x[at+9][0], x[at+10][0], x[at+11][0]
			at += 12
			if clip {
				c.Scale, at = x[at][0], at+1
			}
			if decay {
				c.Decay, at = x[at][0], at+1
			}
			e := w
			if average {
				c.Keep, e = x[at][0], x[at+1]
			}
			c.Update(w1, m1, v1, e1, w, m, v, e, grad)
		}})
	}
	return list
}

// isNumber reports the name of an operand that is one number.
func isNumber(name string) bool { return name[0] >= 'A' && name[0] <= 'Z' }

// isColumn reports the name of an operand that is one number for each row.
func isColumn(name string) bool { return strings.HasSuffix(name, "_") }

// longestRow bounds the rows of fusions with columns: blocks are whole rows.
const longestRow = 4096

// isColumn reports a value of the group's inputs that has a number for each of its rows.
func (g *group) isColumn(v *graph.Value) bool {
	o, ok := classify(g.shape, g.b.shape(v))
	return ok && slices.Contains(g.in, v) && o.div > 1 && o.div <= longestRow && o.mod > 1 && o.div*o.mod == g.size
}

// term is a parsed formula: an operator and its operands, or a name.
type term struct {
	name string
	args []term
}

// equations parses a fusion's text.
func equations(text string) (names []string, right map[string]term) {
	right = map[string]term{}
	for _, e := range strings.Fields(text) {
		name, formula, _ := strings.Cut(e, "=")
		names = append(names, name)
		right[name], _ = parseTerm(formula)
	}
	return names, right
}

func parseTerm(s string) (t term, rest string) {
	i := strings.IndexAny(s, "(),")
	if i < 0 {
		return term{name: s}, ""
	}
	t.name = s[:i]
	if s[i] != '(' {
		return t, s[i:]
	}
	for rest = s[i:]; rest[0] != ')'; {
		var arg term
		arg, rest = parseTerm(rest[1:])
		t.args = append(t.args, arg)
	}
	return t, rest[1:]
}

// matcher looks for a fusion in a group.
type matcher struct {
	b     *binder
	g     *group
	made  map[*graph.Value]int // member that makes a value
	right map[string]term
}

// match is a fusion found: what its names stand for, and the members that it takes the place of.
type match struct {
	value   map[string]*graph.Value
	members map[int]bool
}

func (m match) clone() match {
	c := match{map[string]*graph.Value{}, map[int]bool{}}
	for k, v := range m.value {
		c.value[k] = v
	}
	for k := range m.members {
		c.members[k] = true
	}
	return c
}

// term matches t with value v and adds to found.
func (m *matcher) term(t term, v *graph.Value, found match) (match, bool) {
	if len(t.args) == 0 {
		return m.name(t.name, v, found)
	}
	k, ok := m.made[v]
	if !ok || m.g.members[k].node.Op != t.name || len(m.g.members[k].in) != len(t.args) {
		return found, false
	}
	in := m.g.members[k].in
	orders := [][]*graph.Value{in}
	if t.name == "Add" || t.name == "Mul" {
		orders = append(orders, []*graph.Value{in[1], in[0]})
	}
	for _, order := range orders {
		next := found.clone()
		next.members[k] = true
		ok := true
		for i := 0; ok && i < len(order); i++ {
			next, ok = m.term(t.args[i], order[i], next)
		}
		if ok {
			return next, true
		}
	}
	return found, false
}

func (m *matcher) name(name string, v *graph.Value, found match) (match, bool) {
	if c := name[0]; c >= '0' && c <= '9' {
		t := m.b.place[m.b.root(v)]
		one, ok := t.Any().([]float32)
		return found, ok && len(one) == 1 && v.Kind == graph.Constant && fmt.Sprint(one[0]) == name
	}
	if isNumber(name) && m.b.size(v) != 1 || isColumn(name) && !m.g.isColumn(v) {
		return found, false
	}
	if have, bound := found.value[name]; bound {
		return found, have == v
	}
	found = found.clone()
	found.value[name] = v
	if t, defined := m.right[name]; defined {
		return m.term(t, v, found)
	}
	return found, true
}

// fusedCode is what replaces members of a group: an instruction in the place of the last of them.
type fusedCode struct {
	fusion *fusion
	match  match
	at     int
}

// findFusions covers a float32 group with fusions.
func (b *binder) findFusions(g *group) (found []fusedCode) {
	if g.dtype != tensor.Float32 {
		return nil
	}
	taken := map[int]bool{} // members that they replace
	m := &matcher{b: b, g: g, made: map[*graph.Value]int{}}
	readers := map[*graph.Value][]int{}
	for k, j := range g.members {
		m.made[j.out[0]] = k
		for _, v := range j.in {
			readers[v] = append(readers[v], k)
		}
	}
	outside := map[*graph.Value]bool{}
	for _, v := range g.out {
		outside[v] = true
	}
	for i := range fusions {
		f := &fusions[i]
		names, right := equations(f.text)
		m.right = right
		for k := len(g.members) - 1; k >= 0; k-- {
			got, ok := m.name(names[len(names)-1], g.members[k].out[0], match{map[string]*graph.Value{}, map[int]bool{}})
			if ok && m.replaces(f, got, k, readers, outside, taken) {
				found = append(found, fusedCode{f, got, k})
				for member := range got.members {
					taken[member] = true
				}
			}
		}
	}
	return found
}

// replaces reports that a match's members may be replaced by one instruction at member at: nobody else needs what it does not give, or earlier than it gives it,
// none of its operands is their work, and all have the same shape whatever the batch: what is made of times alone has rows of its own in some runs and one row
// in others, and must be rounded alike.
func (m *matcher) replaces(f *fusion, got match, at int, readers map[*graph.Value][]int, outside map[*graph.Value]bool, taken map[int]bool) bool {
	gives := map[*graph.Value]bool{}
	for _, name := range strings.Fields(f.results) {
		gives[got.value[name]] = true
	}
	for _, name := range strings.Fields(f.operands) {
		if k, made := m.made[got.value[name]]; made && got.members[k] {
			return false
		}
	}
	shape := m.g.members[at].out[0].Type.Shape
	for k := range got.members {
		v := m.g.members[k].out[0]
		if taken[k] || !gives[v] && outside[v] || !slices.Equal(v.Type.Shape, shape) {
			return false
		}
		for _, r := range readers[v] {
			if !got.members[r] && (!gives[v] || r < at) {
				return false
			}
		}
	}
	return true
}
