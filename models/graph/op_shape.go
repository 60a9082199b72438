package graph

import (
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

func inferExpand(c *Inference) error {
	s, err := shapeFrom(c.In[1])
	if err != nil {
		return err
	}
	s, err = Broadcast(c.In[0].Shape, s)
	c.Out[0].Type = Type{c.In[0].DType, s}
	return err
}
