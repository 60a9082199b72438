package graph

import (
	"fmt"

	"fmtool/models/tensor"
)

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
