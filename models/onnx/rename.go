package onnx

import "crypto/sha256"

// renames maps the names of initialisers that only a has to the names under which b alone has the same numbers. Several with the same numbers are taken
// in order.
func renames(a, b []*Tensor) map[string]string {
	named := func(list []*Tensor) map[string]bool {
		set := map[string]bool{}
		for _, t := range list {
			set[t.Name] = true
		}
		return set
	}
	inA, inB := named(a), named(b)
	free := map[[sha256.Size]byte][]string{}
	for _, u := range b {
		if !inA[u.Name] {
			free[u.digest()] = append(free[u.digest()], u.Name)
		}
	}
	out := map[string]string{}
	for _, t := range a {
		if inB[t.Name] || out[t.Name] != "" {
			continue
		}
		if names := free[t.digest()]; len(names) > 0 {
			out[t.Name], free[t.digest()] = names[0], names[1:]
		}
	}
	return out
}

// digest is that of the tensor's type, dimensions and numbers, its name and doc string left out. Where numbers are read, the field that holds them in
// the file does not count.
func (t *Tensor) digest() [sha256.Size]byte {
	plain := *t
	if v, err := t.value(); err == nil {
		plain = *TensorOf("", v)
	}
	plain.Name, plain.DocString = "", ""
	return sha256.Sum256(encode(nil, &plain))
}

// renamed is the node with the values that it and its graphs use under their new names: the node itself if none is among them.
func (n *Node) renamed(names map[string]string) *Node {
	if len(names) == 0 {
		return n
	}
	c := *n
	c.Input = renamedAll(n.Input, names)
	c.Attribute = append([]*Attribute{}, n.Attribute...)
	for i, a := range c.Attribute {
		if len(a.subgraphs()) == 0 {
			continue
		}
		b := *a
		if a.G != nil {
			b.G = a.G.renamed(names)
		}
		b.Graphs = append([]*Graph{}, a.Graphs...)
		for k, g := range b.Graphs {
			b.Graphs[k] = g.renamed(names)
		}
		c.Attribute[i] = &b
	}
	return &c
}

func (g *Graph) renamed(names map[string]string) *Graph {
	c := *g
	c.Node = append([]*Node{}, g.Node...)
	for i, n := range c.Node {
		c.Node[i] = n.renamed(names)
	}
	c.Output = append([]*ValueInfo{}, g.Output...)
	for i, o := range c.Output {
		if to, ok := names[o.Name]; ok {
			v := *o
			v.Name = to
			c.Output[i] = &v
		}
	}
	return &c
}

func renamedAll(list []string, names map[string]string) []string {
	out := append([]string{}, list...)
	for i, name := range out {
		if to, ok := names[name]; ok {
			out[i] = to
		}
	}
	return out
}
