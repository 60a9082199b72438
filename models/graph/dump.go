package graph

import (
	"fmt"
	"io"
	"strings"

	"fmtool/models/tensor"
)

// String is the graph as text: see Dump.
func (g *Graph) String() string {
	var s strings.Builder
	_ = g.Dump(&s)
	return s.String()
}

// Dump writes the graph as text, a line for each input, parameter, constant, node and output, subgraphs indented. Equal programs give equal text.
func (g *Graph) Dump(w io.Writer) error {
	d := dumper{w: w}
	d.line(0, "graph %s", g.Name)
	d.graph(g, 1)
	for _, f := range g.Functions {
		d.line(0, "function %s.%s", f.Domain, f.Name)
		d.graph(f.Body, 1)
	}
	return d.err
}

type dumper struct {
	w   io.Writer
	err error
}

func (d *dumper) line(depth int, format string, args ...any) {
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.w, strings.Repeat("  ", depth)+format+"\n", args...)
	}
}

func (d *dumper) graph(g *Graph, depth int) {
	for _, v := range g.Inputs {
		d.line(depth, "input    %s %v", v.Name, v.Type)
	}
	for _, c := range g.Captures {
		d.line(depth, "capture  %s %v", c.Inner.Name, c.Inner.Type)
	}
	for _, v := range g.Params {
		d.line(depth, "param    %s %v", v.Name, v.Type)
	}
	for _, v := range g.Constants {
		d.line(depth, "constant %s %v%s", v.Name, v.Type, numbers(v.Data))
	}
	for _, n := range g.Nodes {
		d.node(n, depth)
	}
	for _, o := range g.Outputs {
		d.line(depth, "output   %s %v = %s", o.Name, o.Value.Type, o.Value.Name)
	}
}

func (d *dumper) node(n *Node, depth int) {
	out := make([]string, len(n.Out))
	for i, v := range n.Out {
		out[i] = fmt.Sprintf("%s %v", v.Name, v.Type)
	}
	in := make([]string, len(n.In))
	for i, v := range n.In {
		in[i] = "-"
		if v != nil {
			in[i] = v.Name
		}
	}
	op := n.Op
	if n.Domain != "" {
		op = n.Domain + "." + n.Op
	}
	var attrs []string
	for _, name := range sortedAttrs(n.Attrs) {
		switch v := n.Attrs[name].(type) {
		case *Graph:
			attrs = append(attrs, name+"=graph")
		case tensor.Tensor:
			attrs = append(attrs, fmt.Sprintf("%s=%v%s", name, v, numbers(v)))
		default:
			attrs = append(attrs, fmt.Sprintf("%s=%v", name, v))
		}
	}
	list := ""
	if len(attrs) > 0 {
		list = " {" + strings.Join(attrs, ", ") + "}"
	}
	d.line(depth, "%s = %s(%s)%s", strings.Join(out, ", "), op, strings.Join(in, ", "), list)
	for _, name := range sortedAttrs(n.Attrs) {
		if sub, ok := n.Attrs[name].(*Graph); ok {
			d.line(depth+1, "%s:", name)
			d.graph(sub, depth+2)
		}
	}
}

// numbers prints up to eight elements.
func numbers(t tensor.Tensor) string {
	if t.Len() > 8 {
		return " …"
	}
	return fmt.Sprintf(" %v", t.Any())
}
