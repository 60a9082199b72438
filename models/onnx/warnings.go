package onnx

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// missing are the gaps of kernels found, sorted.
func (s *survey) missing() []missingKernel {
	return slices.SortedFunc(maps.Keys(s.gaps), func(a, b missingKernel) int {
		return strings.Compare(a.op+" "+a.element, b.op+" "+b.element)
	})
}

// warnings are what a user should know before running the model.
func (m *Model) warnings(missing []missingKernel, in Inspection) (list []string) {
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if err := m.Check(); err != nil {
		for line := range strings.Lines(err.Error()) {
			say("not valid: %s", tail(strings.TrimSpace(line)))
		}
	}
	for _, k := range missing {
		say("%v", k)
	}
	if in.Runtime == "" && len(missing) == 0 {
		say("%s; write the model with an older opset", in.Reason)
	}
	if r, ok := OldestRelease(m.IRVersion, m.opsetOf()); ok && r.Version != releases[0].Version {
		say("onnxruntime below %s refuses IR %d with opset %d", r.Version, m.IRVersion, m.opsetOf())
	}
	own, none := m.unusual()
	if len(none) > 0 {
		say("operators of no known set, which no engine has: %s", some(none))
	}
	if len(own) > 0 {
		say("operators of onnxruntime's own, which other engines lack: %s", some(own))
	}
	list = append(list, m.odd(in.Operators)...)
	if in.Parameters == 1<<63-1 || in.Bytes == 1<<63-1 {
		say("the dimensions of its tensors are beyond any memory")
	}
	if files := m.locations(); len(files) > 0 {
		say("numbers are in other files, which must lie beside it: %s", some(files))
	}
	if names := m.unused(); len(names) > 0 {
		say("%d initialisers that nothing uses: %s", len(names), some(names))
	}
	return append(list, m.leaks()...)
}

// unusual are the operators that ONNX does not define and the model has no function for: those of onnxruntime's own sets, and those of no set known.
func (m *Model) unusual() (own, none map[string]bool) {
	own, none = map[string]bool{}, map[string]bool{}
	functions := newShared(m).functions
	m.eachNode(func(n *Node) {
		d := domain(n.Domain)
		switch {
		case functions[[3]string{d, n.OpType, n.Overload}] != nil || standard[d][n.OpType]:
		case extensions[d]:
			own[short(operatorName(n))] = true
		default:
			none[short(operatorName(n))] = true
		}
	})
	return own, none
}

// oddities say what operators bring with them.
var oddities = []struct{ ops, warning string }{
	{"Loop Scan If SequenceMap", "control flow (%s): CUDA graphs refuse it, and the CUDA provider decides each step on the host"},
	{"RandomNormal RandomNormalLike RandomUniform RandomUniformLike Bernoulli Multinomial",
		"draws numbers of its own (%s): two runs differ, and no seed can be given"},
	{"Gradient Adam Adagrad Momentum", "operators of the training preview (%s), which stock onnxruntime does not have"},
}

// cudaLate is the release from which the CUDA provider has Loop, Identity, Shape and others of opset 21 and later.
const cudaLate = "1.25"

func (m *Model) odd(used []OperatorUse) (list []string) {
	for _, o := range oddities {
		found := map[string]bool{}
		for _, u := range used {
			name := u.Name[strings.LastIndex(u.Name, ".")+1:]
			if slices.Contains(strings.Fields(o.ops), name) {
				found[name] = true
			}
		}
		if len(found) > 0 {
			list = append(list, fmt.Sprintf(o.warning, some(found)))
		}
		if found["Loop"] && m.opsetOf() >= 21 {
			list = append(list, fmt.Sprintf("a Loop of opset %d: onnxruntime for CUDA below %s runs its operators on the CPU, with copies in between",
				m.opsetOf(), cudaLate))
		}
	}
	return list
}

// locations are the other files that hold numbers.
func (m *Model) locations() map[string]bool {
	out := map[string]bool{}
	m.eachTensor(func(t *Tensor) {
		if t.outside() && len(out) < 1<<10 {
			name := "?"
			for _, kv := range t.ExternalData {
				if kv.Key == "location" {
					name = short(kv.Value)
				}
			}
			out[name] = true
		}
	})
	return out
}

// unused are the main graph's initialisers that no node and no output reads.
func (m *Model) unused() map[string]bool {
	out := map[string]bool{}
	if m.Main == nil {
		return out
	}
	for _, t := range m.Main.Initializer {
		out[t.Name] = true
	}
	m.eachNode(func(n *Node) {
		for _, name := range n.Input {
			delete(out, name)
		}
	})
	m.eachGraph(func(g *Graph) {
		for _, o := range g.Output {
			delete(out, o.Name)
		}
	})
	return out
}

// eachGraph visits the graphs of the model, and those in the attributes of nodes.
func (m *Model) eachGraph(visit func(*Graph)) {
	for _, g := range m.graphs() {
		visit(g)
	}
	m.eachNode(func(n *Node) {
		for _, a := range n.Attribute {
			for _, g := range a.subgraphs() {
				visit(g)
			}
		}
	})
}
