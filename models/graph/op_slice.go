package graph

import (
	"errors"
	"fmt"

	"fmtool/models/tensor"
)

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
