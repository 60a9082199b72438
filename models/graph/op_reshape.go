package graph

import (
	"fmt"

	"fmtool/models/tensor"
)

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
	c.Out[0].Shape = Shape{s[:axis].Size(), s[axis:].Size()}
	return nil
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
