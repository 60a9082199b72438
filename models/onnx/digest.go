package onnx

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// Digests are SHA-256 sums of a model's parts, their first 32 bits in hexadecimal, by what the parts are called. A model and what was read back of
// its bytes have the same. Metadata are left to the caller, who says which count.
type Digests struct {
	Depth   int               `json:"depth"`   // parts of a node's name, which is a path, that make its layer's
	Tensors map[string]string `json:"tensors"` // initialisers; those of subgraphs under the path of their node
	Layers  map[string]string `json:"layers"`  // the nodes of a layer in their order, with the inputs and outputs of their subgraphs
	Parts   map[string]string `json:"parts"`   // the rest: inputs, outputs, types of values, and so on
}

// maxLayers is how many layers are told apart; where there are more, their paths are cut shorter.
const maxLayers = 256

// Digests returns those of the model with paths as long as maxLayers allows.
func (m *Model) Digests() Digests {
	paths := map[string]bool{} // of all nodes
	if m.Main != nil {
		layerPaths(paths, "", m.Main.Node)
	}
	for _, f := range m.Functions {
		layerPaths(paths, f.Name+"/", f.Node)
	}
	depth := 8
	for ; depth > 1; depth-- {
		cut := map[string]bool{}
		for path := range paths {
			cut[layerOf(path, depth)] = true
		}
		if len(cut) <= maxLayers {
			break
		}
	}
	return m.DigestsAt(depth)
}

// layerPaths notes the names of nodes under path, and of those in their subgraphs.
func layerPaths(paths map[string]bool, path string, nodes []*Node) {
	for _, n := range nodes {
		paths[path+n.Name] = true
		for _, a := range n.Attribute {
			if a.G != nil {
				layerPaths(paths, path+n.Name+"/", a.G.Node)
			}
		}
	}
}

// DigestsAt returns those with layers of paths of so many parts.
func (m *Model) DigestsAt(depth int) Digests {
	d := digester{depth: depth, tensors: map[string]hash.Hash{}, layers: map[string]hash.Hash{}, parts: map[string]hash.Hash{}}
	d.part("format", func(b []byte) []byte {
		b = fmt.Appendf(b, "IR %d\n", m.IRVersion)
		return appendAll(b, m.OpsetImport)
	})
	d.part("doc string", func(b []byte) []byte { return append(b, m.DocString...) })
	if m.Main != nil {
		d.graph("", m.Main)
	}
	for _, f := range m.Functions {
		d.part("function "+f.Name, func(b []byte) []byte {
			b = fmt.Appendf(b, "%q %q %q %q", f.Domain, f.Input, f.Output, f.Attribute)
			return appendAll(appendAll(b, f.OpsetImport), f.ValueInfo)
		})
		d.nodes(f.Name+"/", f.Node)
	}
	return Digests{Depth: depth, Tensors: sums(d.tensors), Layers: sums(d.layers), Parts: sums(d.parts)}
}

type digester struct {
	depth                  int
	tensors, layers, parts map[string]hash.Hash
}

// graph takes in a graph whose names stand under path.
func (d *digester) graph(path string, g *Graph) {
	inputs, outputs, types := "inputs", "outputs", "types of values"
	if path != "" {
		inputs, outputs, types = path, path, path
	}
	d.part(inputs, func(b []byte) []byte { return appendAll(b, g.Input) })
	d.part(outputs, func(b []byte) []byte { return appendAll(b, g.Output) })
	d.part(types, func(b []byte) []byte { return appendAll(b, g.ValueInfo) })
	for _, t := range g.Initializer {
		add(d.tensors, path+t.Name, encode(nil, t))
	}
	d.nodes(path, g.Node)
}

// nodes takes in nodes, with the graphs inside them apart.
func (d *digester) nodes(path string, nodes []*Node) {
	for _, n := range nodes {
		bare, attributes := *n, make([]*Attribute, len(n.Attribute))
		for i, a := range n.Attribute {
			if attributes[i] = a; a.G != nil {
				outer := *a
				outer.G, attributes[i] = nil, &outer
				d.graph(path+n.Name+"/", a.G)
			}
		}
		bare.Attribute = attributes
		add(d.layers, layerOf(path+n.Name, d.depth), encode(nil, &bare))
	}
}

// layerOf is the path of the layer that a node belongs to, cut to so many parts; what it is called itself comes last in its name.
func layerOf(name string, depth int) string {
	parts := strings.Split(name, "/")
	return strings.Join(parts[:min(depth, max(len(parts)-1, 1))], "/")
}

func (d *digester) part(name string, text func([]byte) []byte) { add(d.parts, name, text(nil)) }

// add takes one more message into the sum of name.
func add(sums map[string]hash.Hash, name string, b []byte) {
	if sums[name] == nil {
		sums[name] = sha256.New()
	}
	fmt.Fprintf(sums[name], "%d\n", len(b))
	sums[name].Write(b)
}

func sums(all map[string]hash.Hash) map[string]string {
	text := map[string]string{}
	for name, h := range all {
		text[name] = hex.EncodeToString(h.Sum(nil)[:4])
	}
	return text
}

// appendAll writes each message after its length.
func appendAll[M message](b []byte, list []M) []byte {
	for _, m := range list {
		one := encode(nil, m)
		b = append(fmt.Appendf(b, "%d\n", len(one)), one...)
	}
	return b
}
