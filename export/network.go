package export

import (
	"fmt"
	"maps"
	"slices"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
)

// network is a graph made elsewhere and what is declared of it.
type network struct {
	d          Declaration
	spec       flow.Spec
	x, t, y, u graph.Type // as the file declares them
}

// read finds the network's inputs and output and holds them against the declaration.
func (n *network) read(g *onnx.Graph) (err error) {
	types := map[string]graph.Type{}
	for _, in := range g.Required() {
		if types[in.Name], err = in.ProgramType(); err != nil {
			return fmt.Errorf("input %s: %w", in.Name, err)
		}
	}
	roles := []role{{"input-x", n.d.X, &n.x}, {"input-t", n.d.T, &n.t}}
	if n.d.Condition.Kind != flow.Unconditional {
		roles = append(roles, role{"input-y", n.d.Y, &n.y})
	}
	for _, r := range roles {
		t, ok := types[r.name]
		if !ok {
			return fmt.Errorf("no input %q is left for %s: declare its name", r.name, r.setting)
		}
		*r.dst = t
		delete(types, r.name)
	}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		return fmt.Errorf("input %q is not declared, and nothing is known to feed it with", name)
	}
	if err := n.output(g); err != nil {
		return err
	}
	return n.fit()
}

// role is an input and the setting that names it.
type role struct {
	setting, name string
	dst           *graph.Type
}

func (n *network) output(g *onnx.Graph) (err error) {
	if n.d.U == "" && len(g.Output) == 1 {
		n.d.U = g.Output[0].Name
	}
	i := slices.IndexFunc(g.Output, func(v *onnx.ValueInfo) bool { return v.Name == n.d.U })
	if i < 0 {
		return fmt.Errorf("no output %q: declare one with output-u", n.d.U)
	}
	if n.u, err = g.Output[i].ProgramType(); err != nil {
		return fmt.Errorf("output %s: %w", n.d.U, err)
	}
	return nil
}

// fit compares types and shapes, and makes the spec.
func (n *network) fit() error {
	if !n.x.DType.IsFloat() || !n.u.DType.IsFloat() {
		return fmt.Errorf("%s is %s and %s %s: want numbers with a fraction", n.d.X, n.x, n.d.U, n.u)
	}
	if err := n.batch(); err != nil {
		return err
	}
	dims, err := n.dims()
	if err != nil {
		return err
	}
	shared, err := n.times()
	if err != nil {
		return err
	}
	if err := n.condition(); err != nil {
		return err
	}
	n.spec, err = n.d.spec(dims)
	n.spec.SharedTime = shared
	return err
}

// batch refuses a network that takes one number of rows and no other.
func (n *network) batch() error {
	s := n.x.Shape
	if s == nil {
		return nil
	}
	if len(s) < 2 {
		return fmt.Errorf("%s is %s, without a batch: export the network for [batch, ...]", n.d.X, n.x)
	}
	if rows, fixed := s[0].Fixed(); fixed && !n.d.AnyBatch {
		return fmt.Errorf("%s is %s, for %d rows and no other number: export the network with a batch that is dynamic (dynamic_axes, or dynamic_shapes), "+
			"or, if only the example had %d rows, declare any-batch", n.d.X, n.x, rows, rows)
	}
	return nil
}

// dims are those of a sample: declared, or those of x.
func (n *network) dims() ([]int, error) {
	dims := n.d.Dims
	if dims == nil && n.x.Shape != nil {
		dims, _ = n.x.Shape[1:].Ints()
	}
	if dims == nil {
		return nil, fmt.Errorf("%s is %s, which leaves open what a sample is: declare sample-dims", n.d.X, n.x)
	}
	if !has(n.x.Shape, dims) || !has(n.u.Shape, dims) {
		return nil, fmt.Errorf("%s is %s and %s %s, samples have dims %v: want both alike", n.d.X, n.x, n.d.U, n.u, dims)
	}
	return dims, nil
}

// has reports that s may be [batch, dims...].
func has(s graph.Shape, dims []int) bool {
	if s == nil {
		return true
	}
	if len(s) != 1+len(dims) {
		return false
	}
	for i, d := range s[1:] {
		if length, ok := d.Fixed(); ok && length != dims[i] {
			return false
		}
	}
	return true
}

// times tells whether one number serves all rows: the time is [], or has one element though the batch is open.
func (n *network) times() (shared bool, err error) {
	s := n.t.Shape
	if n.t.DType == tensor.Bool {
		return false, fmt.Errorf("%s is %s: want a number", n.d.T, n.t)
	}
	for i, d := range s {
		if length, ok := d.Fixed(); i > 0 && ok && length != 1 {
			return false, fmt.Errorf("%s is %s: want one time for all rows or one for each, as [], [1], [batch] or [batch, 1]", n.d.T, n.t)
		}
	}
	if s == nil {
		return false, nil
	}
	if len(s) == 0 {
		return true, nil
	}
	rows, fixed := s[0].Fixed()
	likeX := n.x.Shape != nil && n.x.Shape[0] == s[0]
	if fixed && !likeX && rows != 1 {
		return false, fmt.Errorf("%s is %s: want one time for all rows or one for each", n.d.T, n.t)
	}
	return fixed && !likeX, nil
}

func (n *network) condition() error {
	c, s := n.d.Condition, n.y.Shape
	switch c.Kind {
	case flow.Labels:
		if n.y.DType == tensor.Bool || s != nil && (len(s) < 1 || len(s) > 2 || len(s) == 2 && !s[1].Is(1)) {
			return fmt.Errorf("%s is %s: want labels [batch] or [batch, 1]", n.d.Y, n.y)
		}
	case flow.Vector:
		if !n.y.DType.IsFloat() || !has(s, []int{c.Width}) {
			return fmt.Errorf("%s is %s: want vectors [batch, %d]", n.d.Y, n.y, c.Width)
		}
	}
	return nil
}
