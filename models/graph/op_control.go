package graph

import (
	"fmt"

	"fmtool/models/tensor"
)

func init() {
	register(
		&Op{Name: "Loop", MinIn: 2, MaxIn: -1, MinOut: 1, MaxOut: -1, Infer: inferLoop, Attrs: map[string]AttrKind{"body": GraphAttr}},
		&Op{Name: "If", MinIn: 1, MaxIn: 1, MinOut: 1, MaxOut: -1, Infer: inferIf,
			Attrs: map[string]AttrKind{"then_branch": GraphAttr, "else_branch": GraphAttr}},
	)
}

// inferLoop: inputs (trip count int64, condition bool, carried…), body (iteration int64, condition bool, carried…) → (condition, carried…,
// scanned…), outputs (carried…, scanned… stacked along a new first dimension).
func inferLoop(c *Inference) error {
	body := c.Node.Graph("body")
	if body == nil {
		return fmt.Errorf("attribute body is missing")
	}
	carried := len(c.In) - 2
	if len(body.Inputs) != carried+2 || len(body.Outputs) < carried+1 {
		return fmt.Errorf("%d carried values, body takes %d and gives %d: want %d and at least %d", carried, len(body.Inputs), len(body.Outputs), carried+2, carried+1)
	}
	if len(c.Out) > len(body.Outputs)-1 {
		return fmt.Errorf("%d outputs, the body gives %d", len(c.Out), len(body.Outputs)-1)
	}
	for i, want := range []tensor.DType{tensor.Int64, tensor.Bool} {
		if c.In[i].DType != tensor.Invalid && !one(c.In[i].Type, want) {
			return fmt.Errorf("input %d is %v, want a scalar %v", i, c.In[i].Type, want)
		}
		if !one(body.Inputs[i].Type, want) {
			return fmt.Errorf("the body takes %v as input %d, want a scalar %v", body.Inputs[i].Type, i, want)
		}
	}
	if t := body.Outputs[0].Value.Type; !one(t, tensor.Bool) {
		return fmt.Errorf("the body gives %v as condition, want a scalar bool", t)
	}
	for i, v := range body.Inputs[2:] {
		if have := c.In[2+i].Type; v.Type.DType != have.DType {
			return fmt.Errorf("carried value %d is %v, the body takes %v", i, have, v.Type)
		}
	}
	trips := Unknown
	if len(c.In[0].Ints) == 1 && c.In[1].DType == tensor.Invalid && body.goesOn() {
		trips = c.In[0].Ints[0]
		if n, ok := trips.Fixed(); ok {
			trips = Fix(max(n, 0))
		}
	}
	for i := range c.Out {
		inner := body.Outputs[1+i].Value.Type
		if i >= carried {
			c.Out[i].Type = Type{inner.DType, nil}
			if inner.Shape != nil {
				c.Out[i].Shape = append(Shape{trips}, inner.Shape...)
			}
			continue
		}
		if inner.DType != c.In[2+i].DType {
			return fmt.Errorf("carried value %d is %v before and %v after an iteration", i, c.In[2+i].Type, inner)
		}
		c.Out[i].Type = Type{inner.DType, meet(c.In[2+i].Shape, inner.Shape)}
	}
	return nil
}

// goesOn reports that a loop's body returns the condition it was given, so that only the trip count ends the loop.
func (g *Graph) goesOn() bool {
	v := g.Outputs[0].Value
	for v.Kind == Result && v.Node.Op == "Identity" {
		v = v.Node.In[0]
	}
	if v.constant().DType() == tensor.Bool {
		return v.Data.Bool()[0]
	}
	return v == g.Inputs[1]
}

// one reports a value of type d with one element, as far as its shape is known.
func one(t Type, d tensor.DType) bool {
	n, known := t.Shape.Size().Fixed()
	return t.DType == d && (!known || n == 1)
}

// meet is what two shapes have in common.
func meet(x, y Shape) Shape {
	if x == nil || y == nil || len(x) != len(y) {
		return nil
	}
	out := append(Shape{}, x...)
	for i, d := range y {
		if d != out[i] {
			out[i] = Unknown
		}
	}
	return out
}

func inferIf(c *Inference) error {
	yes, no := c.Node.Graph("then_branch"), c.Node.Graph("else_branch")
	if yes == nil || no == nil {
		return fmt.Errorf("both branches must be given")
	}
	if c.In[0].DType != tensor.Bool {
		return fmt.Errorf("condition %v: want a bool", c.In[0].Type)
	}
	if len(yes.Inputs)+len(no.Inputs) > 0 || len(yes.Outputs) != len(c.Out) || len(no.Outputs) != len(c.Out) {
		return fmt.Errorf("branches give %d and %d values for %d outputs and take none", len(yes.Outputs), len(no.Outputs), len(c.Out))
	}
	for i := range c.Out {
		a, b := yes.Outputs[i].Value.Type, no.Outputs[i].Value.Type
		if a.DType != b.DType {
			return fmt.Errorf("output %d is %v in one branch and %v in the other", i, a, b)
		}
		c.Out[i].Type = Type{a.DType, meet(a.Shape, b.Shape)}
	}
	return nil
}
