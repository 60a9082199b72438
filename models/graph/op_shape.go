package graph

import (
	"errors"
	"fmt"
	"math"

	"fmtool/models/tensor"
)

func init() {
	one := func(name string, minIn, maxIn int, attrs map[string]AttrKind, infer func(*Inference) error) {
		register(&Op{Name: name, MinIn: minIn, MaxIn: maxIn, MinOut: 1, MaxOut: 1, Attrs: attrs, Infer: infer})
	}
	axis := map[string]AttrKind{"axis": IntAttr}
	one("Constant", 0, 0, map[string]AttrKind{"value": TensorAttr}, inferConstant)
	one("ConstantOfShape", 1, 1, map[string]AttrKind{"value": TensorAttr}, inferConstantOfShape)
	one("Shape", 1, 1, map[string]AttrKind{"start": IntAttr, "end": IntAttr}, inferShape)
	one("Range", 3, 3, nil, inferRange)
	one("Reshape", 2, 2, map[string]AttrKind{"allowzero": IntAttr}, inferReshape)
	one("Flatten", 1, 1, axis, inferFlatten)
	one("Transpose", 1, 1, map[string]AttrKind{"perm": IntsAttr}, inferTranspose)
	one("Concat", 1, -1, axis, inferConcat)
	one("Slice", 3, 5, nil, inferSlice)
	one("Gather", 2, 2, axis, inferGather)
	one("ScatterElements", 3, 3, map[string]AttrKind{"axis": IntAttr, "reduction": StringAttr}, inferScatter)
	one("OneHot", 3, 3, axis, inferOneHot)
	one("Expand", 2, 2, nil, inferExpand)
	one("Squeeze", 1, 2, nil, inferSqueeze)
	one("Unsqueeze", 2, 2, nil, inferUnsqueeze)
	register(&Op{Name: "Split", MinIn: 1, MaxIn: 2, MinOut: 1, MaxOut: -1,
		Attrs: map[string]AttrKind{"axis": IntAttr, "num_outputs": IntAttr}, Infer: inferSplit})
}

// Axis returns axis counted from the front; an error if the rank has none such.
func Axis(axis, rank int) (int, error) {
	if axis < -rank || axis >= rank {
		return 0, fmt.Errorf("axis %d of rank %d", axis, rank)
	}
	return (axis + rank) % rank, nil
}

func inferConstant(c *Inference) error {
	t := c.Node.Tensor("value")
	if t.IsZero() {
		return fmt.Errorf("attribute value is missing")
	}
	c.Out[0] = Known{TypeOf(t), t, smallInts(t)}
	return nil
}

// maxRank bounds the ranks that a value's declared length asks for.
const maxRank = 64

// shapeFrom reads a shape held by an int64 vector as far as it is known; -1 stands for an unknown length.
func shapeFrom(k Known) (Shape, error) {
	if k.DType != tensor.Int64 || k.Shape != nil && len(k.Shape) != 1 {
		return nil, fmt.Errorf("a shape is an int64 vector, not %v", k.Type)
	}
	if k.Ints != nil {
		return append(Shape{}, k.Ints...), nil
	}
	if k.Shape == nil {
		return nil, nil
	}
	n, ok := k.Shape[0].Fixed()
	if !ok {
		return nil, nil
	}
	if n < 0 || n > maxRank {
		return nil, fmt.Errorf("a shape of %d dimensions; at most %d", n, maxRank)
	}
	s := make(Shape, n)
	for i := range s {
		s[i] = Unknown
	}
	return s, nil
}

func inferConstantOfShape(c *Inference) error {
	s, err := shapeFrom(c.In[0])
	if err != nil {
		return err
	}
	v := c.Node.Tensor("value")
	if v.IsZero() {
		v = tensor.New(tensor.Float32, 1)
	}
	if v.Len() != 1 {
		return fmt.Errorf("value %v: want one element", v)
	}
	c.Out[0].Type = Type{v.DType(), s}
	if v.DType() == tensor.Int64 && len(s) == 1 {
		if n, ok := s[0].Fixed(); ok && n >= 0 && n <= maxInts {
			c.Out[0].Ints = make([]Dim, n)
			for i := range c.Out[0].Ints {
				c.Out[0].Ints[i] = Fix(int(v.Int64()[0]))
			}
		}
	}
	return nil
}

func inferShape(c *Inference) error {
	s := c.In[0].Shape
	c.Out[0].Type = Type{tensor.Int64, Shape{Unknown}}
	if s == nil {
		return nil
	}
	clamp := func(i int) int {
		if i < 0 {
			i += len(s)
		}
		return min(max(i, 0), len(s))
	}
	from, to := clamp(c.Node.Int("start", 0)), clamp(c.Node.Int("end", len(s)))
	part := s[from:max(from, to)]
	c.Out[0].Shape = Shape{Fix(len(part))}
	c.Out[0].Ints = append([]Dim{}, part...)
	return nil
}

// inferRange needs the numbers to know the length, ⌈(limit − start)/delta⌉.
func inferRange(c *Inference) error {
	t := c.In[0].DType
	for _, in := range c.In {
		if in.DType != t || len(in.Shape) != 0 || !numeric(t) {
			return fmt.Errorf("%v, %v, %v: want three numbers of one type", c.In[0].Type, c.In[1].Type, c.In[2].Type)
		}
	}
	c.Out[0].Type = Type{t, Shape{Unknown}}
	var v [3]float64
	for i, in := range c.In {
		switch {
		case !in.Data.IsZero():
			v[i] = in.Data.Convert(tensor.Float64).Float64()[0]
		case len(in.Ints) == 1 && in.Ints[0].Times == 0:
			v[i] = float64(in.Ints[0].Plus)
		default:
			if i == 1 && len(in.Ints) == 1 && c.In[0].Ints != nil && c.In[2].Ints != nil && c.In[0].Ints[0].Is(0) && c.In[2].Ints[0].Is(1) {
				c.Out[0].Shape = Shape{in.Ints[0]} // 0, 1, …, n−1 for a named n
			}
			return nil
		}
	}
	if v[2] == 0 {
		return fmt.Errorf("delta is 0")
	}
	n := (v[1] - v[0]) / v[2]
	if math.IsNaN(n) || n > maxElements {
		return fmt.Errorf("from %v to %v by %v: more than %d numbers", v[0], v[1], v[2], maxElements)
	}
	length := int(max(n, 0))
	if float64(length) < n {
		length++
	}
	c.Out[0].Shape = Shape{Fix(length)}
	return nil
}

// inferReshape reads a 0 as "copy" and -1 as "the rest". A named length that is asked for is taken not to be 0.
func inferReshape(c *Inference) error {
	from := c.In[0].Shape
	s, err := shapeFrom(c.In[1])
	c.Out[0].Type = Type{c.In[0].DType, s}
	if err != nil || s == nil {
		return err
	}
	hole, known := -1, Fix(1)
	shared := make([]bool, len(s)) // the dimensions in front that stay as they are
	for i, d := range s {
		switch {
		case d.Is(-1) && hole >= 0:
			return fmt.Errorf("shape %v: two lengths of -1", s)
		case d.Is(-1):
			hole = i
			continue
		case d.Is(0) && c.Node.Int("allowzero", 0) == 0:
			if from != nil && i >= len(from) {
				return fmt.Errorf("%v: nothing to copy to dimension %d of %v", from, i, s)
			}
			s[i] = Unknown
			if from != nil {
				s[i], shared[i] = from[i], hole < 0
			}
		case hole < 0 && i < len(from) && d.Known():
			shared[i] = d == from[i]
		}
		known = known.Mul(s[i])
	}
	size := from.Size()
	if hole >= 0 {
		s[hole] = divide(from, s, hole, shared)
	} else if n, ok := known.Fixed(); ok {
		if m, ok := size.Fixed(); ok && m != n {
			return fmt.Errorf("%v has %d elements, %v wants %d", from, m, s, n)
		}
	}
	if hole >= 0 {
		if m, ok := size.Fixed(); ok {
			if n, ok := known.Fixed(); ok && (n == 0 && m != 0 || n > 0 && m%n != 0) {
				return fmt.Errorf("%v has %d elements, no multiple of %d", from, m, n)
			}
		}
	}
	c.Out[0].Ints = reshapedInts(c.In[0].Ints, s)
	return nil
}

func reshapedInts(ints []Dim, s Shape) []Dim {
	if len(s) > 1 {
		return nil
	}
	return ints
}

// divide is the length that fills the place of -1: the product of the lengths over that of the others, shared ones left out on both sides.
func divide(from, s Shape, hole int, shared []bool) Dim {
	if from == nil {
		return Unknown
	}
	whole, others := Fix(1), Fix(1)
	for i, d := range from {
		if i >= len(s) || !shared[i] {
			whole = whole.Mul(d)
		}
	}
	for i, d := range s {
		if i != hole && !shared[i] {
			others = others.Mul(d)
		}
	}
	n, ok := others.Fixed()
	switch {
	case ok && n == 0:
		return Fix(0)
	case ok:
		return whole.Div(n)
	case whole.Known() && others.Known() && whole.Name == others.Name && whole.Plus == 0 && others.Plus == 0 && whole.Times%others.Times == 0:
		return Fix(whole.Times / others.Times)
	}
	return Unknown
}

func inferFlatten(c *Inference) error {
	s := c.In[0].Shape
	c.Out[0].Type = Type{c.In[0].DType, Shape{Unknown, Unknown}}
	if s == nil {
		return nil
	}
	axis := c.Node.Int("axis", 1)
	if axis < -len(s) || axis > len(s) {
		return fmt.Errorf("%v: axis %d", c.In[0].Type, axis)
	}
	if axis < 0 {
		axis += len(s)
	}
	c.Out[0].Shape = Shape{s[:axis:axis].size(), s[axis:].size()}
	return nil
}

func (s Shape) size() Dim { return append(Shape{}, s...).Size() }

func inferTranspose(c *Inference) error {
	s := c.In[0].Shape
	c.Out[0].Type = Type{DType: c.In[0].DType}
	if s == nil {
		return nil
	}
	perm, ok := c.Node.IntList("perm")
	if !ok {
		perm = make([]int, len(s))
		for i := range perm {
			perm[i] = len(s) - 1 - i
		}
	}
	if len(perm) != len(s) {
		return fmt.Errorf("%v: permutation %v", c.In[0].Type, perm)
	}
	out, seen := make(Shape, len(s)), make([]bool, len(s))
	for i, p := range perm {
		if p < 0 || p >= len(s) || seen[p] {
			return fmt.Errorf("%v: %v is no permutation of its dimensions", c.In[0].Type, perm)
		}
		out[i], seen[p] = s[p], true
	}
	c.Out[0].Shape = out
	return nil
}

func inferConcat(c *Inference) error {
	first := c.In[0]
	c.Out[0].Type = Type{DType: first.DType}
	if first.Shape == nil {
		return nil
	}
	axis, err := Axis(c.Node.Int("axis", 0), len(first.Shape))
	if err != nil {
		return err
	}
	out, ints := append(Shape{}, first.Shape...), append([]Dim{}, first.Ints...)
	whole := first.Ints != nil
	for _, in := range c.In[1:] {
		if in.DType != first.DType || in.Shape != nil && len(in.Shape) != len(out) {
			return fmt.Errorf("%v and %v: type and rank differ", first.Type, in.Type)
		}
		if in.Shape == nil {
			out[axis], whole = Unknown, false
			continue
		}
		for i, d := range in.Shape {
			if i == axis {
				out[i] = out[i].Add(d)
			} else if out[i], err = agree(out[i], d); err != nil {
				return fmt.Errorf("%v and %v differ in dimension %d", first.Type, in.Type, i)
			}
		}
		ints, whole = append(ints, in.Ints...), whole && in.Ints != nil
	}
	c.Out[0].Shape = out
	if whole {
		c.Out[0].Ints = ints
	}
	return nil
}

// agree is the better known of two lengths that must be equal.
func agree(d, e Dim) (Dim, error) {
	dn, dFixed := d.Fixed()
	en, eFixed := e.Fixed()
	switch {
	case dFixed && eFixed && dn != en:
		return Dim{}, fmt.Errorf("%v ≠ %v", d, e)
	case dFixed || !eFixed && d.Known():
		return d, nil
	}
	return e, nil
}

// ints returns the elements of an input that must be known integers; ok is false if they are not known before the run.
func (k Known) ints() (list []int, ok bool) {
	if k.Ints == nil {
		return nil, false
	}
	for _, d := range k.Ints {
		n, fixed := d.Fixed()
		if !fixed {
			return nil, false
		}
		list = append(list, n)
	}
	return list, true
}

// open is a shape of rank n with nothing else known.
func open(n int) Shape {
	s := make(Shape, n)
	for i := range s {
		s[i] = Unknown
	}
	return s
}

func inferSlice(c *Inference) error {
	s := c.In[0].Shape
	c.Out[0].Type = Type{DType: c.In[0].DType}
	cuts, err := readCuts(c)
	if s == nil || err != nil {
		return err
	}
	if cuts == nil { // it is not known which dimensions are cut
		c.Out[0].Shape = open(len(s))
		return nil
	}
	out, seen := append(Shape{}, s...), make([]bool, len(s))
	for _, cut := range cuts {
		axis, err := Axis(cut.axis, len(s))
		if err != nil {
			return fmt.Errorf("%v: %w", c.In[0].Type, err)
		}
		if seen[axis] {
			return fmt.Errorf("%v: axis %d is cut twice", c.In[0].Type, axis)
		}
		out[axis], seen[axis] = sliceLength(s[axis], cut.start, cut.end, cut.step), true
	}
	c.Out[0].Shape = out
	if len(cuts) == 1 && len(s) == 1 && c.In[0].Ints != nil {
		c.Out[0].Ints = sliceInts(c.In[0].Ints, cuts[0])
	}
	return nil
}

// cut is start:end:step of one axis; a step of 0 is one that is not known yet.
type cut struct {
	axis, step int
	start, end Dim
}

// readCuts lists what Slice's inputs starts, ends, axes and steps ask for, nil if the axes are not known yet.
func readCuts(c *Inference) ([]cut, error) {
	count := Unknown
	for _, in := range c.In[1:] {
		if in.DType == tensor.Invalid {
			continue
		}
		if err := index(in); err != nil {
			return nil, err
		}
		if in.Shape != nil && len(in.Shape) != 1 {
			return nil, fmt.Errorf("starts, ends, axes and steps are vectors, not %v", in.Type)
		}
		var err error
		if in.Shape != nil {
			if count, err = agree(count, in.Shape[0]); err != nil {
				return nil, fmt.Errorf("starts, ends, axes and steps differ in number: %w", err)
			}
		}
	}
	n, ok := count.Fixed()
	if !ok || n > maxRank {
		return nil, nil
	}
	element := func(i, at int) Dim { // Unknown if it is not known yet
		if i < len(c.In) && at < len(c.In[i].Ints) {
			return c.In[i].Ints[at]
		}
		return Unknown
	}
	given := func(i int) bool { return i < len(c.In) && c.In[i].DType != tensor.Invalid }
	cuts := make([]cut, n)
	for i := range cuts {
		cuts[i] = cut{axis: i, step: 1, start: element(1, i), end: element(2, i)}
		if given(3) {
			if cuts[i].axis, ok = element(3, i).Fixed(); !ok {
				return nil, nil
			}
		}
		if given(4) {
			step, ok := element(4, i).Fixed()
			if ok && step == 0 {
				return nil, errors.New("step 0")
			}
			cuts[i].step = 0
			if ok {
				cuts[i].step = step
			}
		}
	}
	return cuts, nil
}

// sliceLength is the length of start:end:step of a dimension d; step 0: not known.
func sliceLength(d, start, end Dim, step int) Dim {
	from, ok1 := start.Fixed()
	to, ok2 := end.Fixed()
	n, ok3 := d.Fixed()
	if ok1 && ok2 && ok3 && step != 0 {
		_, count := SliceRange(n, from, to, step)
		return Fix(count)
	}
	if step != 1 {
		return Unknown
	}
	if ok1 && from < 0 {
		start = d.Add(start)
	}
	switch {
	case ok2 && to >= 1<<30: // "to the end"
		end = d
	case ok2 && to < 0:
		end = d.Add(end)
	}
	if within(Fix(0), start) && within(start, end) && within(end, d) {
		return linear(end.Name, end.Times-start.Times, end.Plus-start.Plus)
	}
	return Unknown
}

// within reports that x ≤ y whatever the named length is.
func within(x, y Dim) bool {
	return x.Known() && y.Known() && (x.Times == 0 || x.Name == y.Name) && x.Times <= y.Times && x.Plus <= y.Plus
}

// SliceRange returns the first index and the number of elements that start:end:step takes from n, with ONNX's clamping. The step is not 0.
func SliceRange(n, start, end, step int) (first, count int) {
	clamp := func(i, lo, hi int) int {
		if i < 0 {
			i += n
		}
		return min(max(i, lo), hi)
	}
	if step > 0 {
		first, end = clamp(start, 0, n), clamp(end, 0, n)
		if first >= end {
			return first, 0
		}
		return first, (end-first-1)/step + 1
	}
	if n == 0 {
		return 0, 0
	}
	first, end = clamp(start, 0, n-1), clamp(end, -1, n-1)
	if first <= end {
		return first, 0
	}
	return first, (first-end-1)/-step + 1
}

func sliceInts(x []Dim, c cut) []Dim {
	from, ok1 := c.start.Fixed()
	to, ok2 := c.end.Fixed()
	if !ok1 || !ok2 || c.step == 0 {
		return nil
	}
	first, count := SliceRange(len(x), from, to, c.step)
	out := make([]Dim, count)
	for i := range out {
		out[i] = x[first+i*c.step]
	}
	return out
}

func index(k Known) error {
	if k.DType != tensor.Int64 && k.DType != tensor.Int32 {
		return fmt.Errorf("indices are int32 or int64, not %v", k.Type)
	}
	return nil
}

func inferGather(c *Inference) error {
	if err := index(c.In[1]); err != nil {
		return err
	}
	s, idx := c.In[0].Shape, c.In[1].Shape
	c.Out[0].Type = Type{DType: c.In[0].DType}
	if s == nil || idx == nil {
		return nil
	}
	axis, err := Axis(c.Node.Int("axis", 0), len(s))
	if err != nil {
		return fmt.Errorf("%v: %w", c.In[0].Type, err)
	}
	c.Out[0].Shape = append(append(append(Shape{}, s[:axis]...), idx...), s[axis+1:]...)
	if list, ok := c.In[1].ints(); ok && c.In[0].Ints != nil && len(s) == 1 {
		out := make([]Dim, len(list))
		for i, at := range list {
			if at < -len(c.In[0].Ints) || at >= len(c.In[0].Ints) {
				return fmt.Errorf("index %d of %d elements", at, len(c.In[0].Ints))
			}
			out[i] = c.In[0].Ints[(at+len(c.In[0].Ints))%len(c.In[0].Ints)]
		}
		c.Out[0].Ints = out
	}
	return nil
}

func inferScatter(c *Inference) error {
	if err := index(c.In[1]); err != nil {
		return err
	}
	if c.In[0].DType != c.In[2].DType {
		return fmt.Errorf("%v gets %v: element types", c.In[0].Type, c.In[2].Type)
	}
	if err := scatters(c.In[0].Shape, c.In[1].Shape, c.In[2].Shape, c.Node.Int("axis", 0)); err != nil {
		return fmt.Errorf("%v gets %v at %v: %w", c.In[0].Type, c.In[2].Type, c.In[1].Type, err)
	}
	switch r := c.Node.Str("reduction", "none"); r {
	case "none", "add", "mul", "max", "min":
	default:
		return fmt.Errorf("reduction %q", r)
	}
	c.Out[0].Type = c.In[0].Type
	return nil
}

// scatters checks that there is an update for each index and that indices lie in the data, save along the axis, where their values say.
func scatters(data, indices, updates Shape, axis int) error {
	if data == nil || indices == nil || updates == nil {
		return nil
	}
	if len(data) != len(indices) || len(indices) != len(updates) {
		return errors.New("ranks differ")
	}
	axis, err := Axis(axis, len(data))
	if err != nil {
		return err
	}
	for i, d := range indices {
		if _, err := agree(d, updates[i]); err != nil {
			return fmt.Errorf("indices and updates differ in dimension %d: %w", i, err)
		}
		m, ok1 := data[i].Fixed()
		n, ok2 := d.Fixed()
		if i != axis && ok1 && ok2 && n > m {
			return fmt.Errorf("dimension %d: %d > %d", i, n, m)
		}
	}
	return nil
}

func inferOneHot(c *Inference) error {
	indices, values := c.In[0].Type, c.In[2].Type
	if !numeric(indices.DType) || !numeric(c.In[1].DType) {
		return fmt.Errorf("%v of depth %v: want numbers", indices, c.In[1].Type)
	}
	if values.Shape != nil {
		if _, err := agree(values.Shape.Size(), Fix(2)); err != nil || len(values.Shape) != 1 {
			return fmt.Errorf("values %v: want a vector of two, off and on", values)
		}
	}
	c.Out[0].Type = Type{DType: values.DType}
	if indices.Shape == nil {
		return nil
	}
	rank := len(c.In[0].Shape) + 1
	axis, err := Axis(c.Node.Int("axis", -1), rank)
	if err != nil {
		return err
	}
	depth := Unknown
	if len(c.In[1].Ints) == 1 {
		depth = c.In[1].Ints[0]
	} else if d := c.In[1].Data; !d.IsZero() {
		if d.Len() != 1 {
			return fmt.Errorf("depth %v: want one number", d)
		}
		depth = Fix(int(c.In[1].Data.Convert(tensor.Int64).Int64()[0]))
	}
	s := append(Shape{}, c.In[0].Shape[:axis]...)
	c.Out[0].Shape = append(append(s, depth), c.In[0].Shape[axis:]...)
	return nil
}

func inferExpand(c *Inference) error {
	s, err := shapeFrom(c.In[1])
	if err != nil {
		return err
	}
	s, err = Broadcast(c.In[0].Shape, s)
	c.Out[0].Type = Type{c.In[0].DType, s}
	return err
}

func inferSqueeze(c *Inference) error {
	s := c.In[0].Shape
	c.Out[0].Type = Type{DType: c.In[0].DType}
	if s == nil {
		return nil
	}
	drop := make([]bool, len(s))
	if len(c.In) > 1 && c.In[1].DType != tensor.Invalid {
		axes, ok := c.In[1].ints()
		if !ok {
			return nil
		}
		for _, a := range axes {
			axis, err := Axis(a, len(s))
			if err != nil {
				return fmt.Errorf("%v: %w", c.In[0].Type, err)
			}
			if n, fixed := s[axis].Fixed(); fixed && n != 1 {
				return fmt.Errorf("%v: axis %d is not of length 1", c.In[0].Type, a)
			}
			drop[axis] = true
		}
	} else {
		for i, d := range s {
			if _, fixed := d.Fixed(); !fixed { // at run time it may be 1
				return nil
			}
			drop[i] = d.Is(1)
		}
	}
	out := Shape{}
	for i, d := range s {
		if !drop[i] {
			out = append(out, d)
		}
	}
	c.Out[0].Shape = out
	if len(out) == 0 {
		c.Out[0].Ints = c.In[0].Ints
	}
	return nil
}

func inferUnsqueeze(c *Inference) error {
	s := c.In[0].Shape
	c.Out[0].Type = Type{DType: c.In[0].DType}
	axes, ok := c.In[1].ints()
	if s == nil || !ok {
		return nil
	}
	rank := len(s) + len(axes)
	added := make([]bool, rank)
	for _, a := range axes {
		axis, err := Axis(a, rank)
		if err != nil || added[max(axis, 0)] {
			return fmt.Errorf("%v: axes %v", c.In[0].Type, axes)
		}
		added[axis] = true
	}
	out := Shape{}
	for i, j := 0, 0; i < rank; i++ {
		if added[i] {
			out = append(out, Fix(1))
			continue
		}
		out = append(out, s[j])
		j++
	}
	c.Out[0].Shape = out
	c.Out[0].Ints = reshapedInts(c.In[0].Ints, out)
	return nil
}

func inferSplit(c *Inference) error {
	s, outputs := c.In[0].Shape, len(c.Out)
	for i := range c.Out {
		c.Out[i].Type = Type{DType: c.In[0].DType}
	}
	if s == nil {
		return nil
	}
	axis, err := Axis(c.Node.Int("axis", 0), len(s))
	if err != nil {
		return fmt.Errorf("%v: %w", c.In[0].Type, err)
	}
	parts := make([]Dim, outputs)
	switch {
	case len(c.In) > 1 && c.In[1].DType != tensor.Invalid:
		for i := range parts {
			parts[i] = Unknown
			if c.In[1].Ints != nil && i < len(c.In[1].Ints) {
				parts[i] = c.In[1].Ints[i]
			}
		}
		if c.In[1].Ints != nil {
			sum := Fix(0)
			for _, p := range c.In[1].Ints {
				sum = sum.Add(p)
			}
			if _, err := agree(sum, s[axis]); err != nil || len(c.In[1].Ints) != outputs {
				return fmt.Errorf("%v in %d parts of %v along axis %d", c.In[0].Type, outputs, Shape(c.In[1].Ints), axis)
			}
		}
	default:
		if k := c.Node.Int("num_outputs", outputs); k != outputs {
			return fmt.Errorf("num_outputs %d with %d outputs", k, outputs)
		}
		for i := range parts {
			parts[i] = evenPart(s[axis], i, outputs)
		}
	}
	for i := range c.Out {
		out := append(Shape{}, s...)
		out[axis] = parts[i]
		c.Out[i].Shape = out
	}
	return nil
}

// evenPart is the length of part i of d cut into n equal parts, of which the last may be shorter.
func evenPart(d Dim, i, n int) Dim {
	m, ok := d.Fixed()
	if !ok {
		return d.Div(n)
	}
	size := (m + n - 1) / n
	return Fix(min(size, max(0, m-i*size)))
}
