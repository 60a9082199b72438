package graph

import (
	"errors"
	"fmt"

	"fmtool/models/tensor"
)

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
