package graph

import (
	"fmt"

	"fmtool/models/tensor"
)

// Which element types an operator takes; the operands of one node all have the same.
type class func(tensor.DType) bool

func anyType(d tensor.DType) bool     { return d != tensor.Invalid }
func numeric(d tensor.DType) bool     { return d.IsFloat() || d.IsInteger() }
func signedType(d tensor.DType) bool  { return d.IsSigned() }
func floatType(d tensor.DType) bool   { return d.IsFloat() }
func integerType(d tensor.DType) bool { return d.IsInteger() }
func unsigned(d tensor.DType) bool    { return d.IsInteger() && !d.IsSigned() }
func boolean(d tensor.DType) bool     { return d == tensor.Bool }

func init() {
	for _, r := range []struct {
		name string
		class
		attrs map[string]AttrKind
	}{
		{"Neg", signedType, nil}, {"Abs", numeric, nil}, {"Sign", numeric, nil},
		{"Sqrt", floatType, nil}, {"Exp", floatType, nil}, {"Log", floatType, nil}, {"Sin", floatType, nil}, {"Cos", floatType, nil},
		{"Tanh", floatType, nil}, {"Sigmoid", floatType, nil}, {"Erf", floatType, nil}, {"Reciprocal", floatType, nil},
		{"Floor", floatType, nil}, {"Ceil", floatType, nil}, {"Relu", signedType, nil}, {"Softplus", floatType, nil},
		{"LeakyRelu", floatType, map[string]AttrKind{"alpha": FloatAttr}},
		{"Elu", floatType, map[string]AttrKind{"alpha": FloatAttr}},
		{"Selu", floatType, map[string]AttrKind{"alpha": FloatAttr, "gamma": FloatAttr}},
		{"Not", boolean, nil}, {"BitwiseNot", integerType, nil},
	} {
		register(&Op{Name: r.name, MinIn: 1, MaxIn: 1, MinOut: 1, MaxOut: 1, Attrs: r.attrs, Infer: unary(r.class)})
	}
	register(&Op{Name: "Identity", MinIn: 1, MaxIn: 1, MinOut: 1, MaxOut: 1, Infer: func(c *Inference) error {
		c.Out[0] = c.In[0]
		return nil
	}})

	for _, r := range []struct {
		name   string
		in     class
		result tensor.DType // Invalid: that of the operands
		ints   func(x, y Dim) Dim
		attrs  map[string]AttrKind
	}{
		{"Add", numeric, tensor.Invalid, Dim.Add, nil},
		{"Sub", numeric, tensor.Invalid, func(x, y Dim) Dim { return x.Add(negated(y)) }, nil},
		{"Mul", numeric, tensor.Invalid, Dim.Mul, nil},
		{"Div", numeric, tensor.Invalid, quotient, nil},
		{"Mod", numeric, tensor.Invalid, nil, map[string]AttrKind{"fmod": IntAttr}},
		{"Equal", anyType, tensor.Bool, nil, nil},
		{"Less", numeric, tensor.Bool, nil, nil}, {"LessOrEqual", numeric, tensor.Bool, nil, nil},
		{"Greater", numeric, tensor.Bool, nil, nil}, {"GreaterOrEqual", numeric, tensor.Bool, nil, nil},
		{"And", boolean, tensor.Bool, nil, nil}, {"Or", boolean, tensor.Bool, nil, nil}, {"Xor", boolean, tensor.Bool, nil, nil},
		{"BitwiseAnd", integerType, tensor.Invalid, nil, nil}, {"BitwiseOr", integerType, tensor.Invalid, nil, nil},
		{"BitwiseXor", integerType, tensor.Invalid, nil, nil},
		{"BitShift", unsigned, tensor.Invalid, nil, map[string]AttrKind{"direction": StringAttr}},
	} {
		register(&Op{Name: r.name, MinIn: 2, MaxIn: 2, MinOut: 1, MaxOut: 1, Attrs: r.attrs, Infer: binary(r.in, r.result, r.ints)})
	}
	register(
		&Op{Name: "Pow", MinIn: 2, MaxIn: 2, MinOut: 1, MaxOut: 1, Infer: inferPow},
		&Op{Name: "Min", MinIn: 1, MaxIn: -1, MinOut: 1, MaxOut: 1, Infer: variadic},
		&Op{Name: "Max", MinIn: 1, MaxIn: -1, MinOut: 1, MaxOut: 1, Infer: variadic},
		&Op{Name: "Clip", MinIn: 1, MaxIn: 3, MinOut: 1, MaxOut: 1, Infer: inferClip},
		&Op{Name: "Where", MinIn: 3, MaxIn: 3, MinOut: 1, MaxOut: 1, Infer: inferWhere},
		&Op{Name: "Cast", MinIn: 1, MaxIn: 1, MinOut: 1, MaxOut: 1, Attrs: map[string]AttrKind{"to": IntAttr, "saturate": IntAttr}, Infer: inferCast},
	)
}

// unary is the rule of y = f(x), elementwise.
func unary(ok class) func(*Inference) error {
	return func(c *Inference) error {
		x := c.In[0].Type
		if !ok(x.DType) {
			return fmt.Errorf("%v: no such operation on %v", x, x.DType)
		}
		c.Out[0].Type = x
		return nil
	}
}

// binary is the rule of z = f(x, y) with broadcasting; ints follows small known integers through it.
func binary(ok class, result tensor.DType, ints func(x, y Dim) Dim) func(*Inference) error {
	return func(c *Inference) error {
		x, y := c.In[0], c.In[1]
		if x.DType != y.DType || !ok(x.DType) {
			return fmt.Errorf("%v and %v: element types", x.Type, y.Type)
		}
		s, err := Broadcast(x.Shape, y.Shape)
		if err != nil {
			return err
		}
		c.Out[0].Type = Type{x.DType, s}
		if result != tensor.Invalid {
			c.Out[0].DType = result
		}
		if ints != nil && x.Ints != nil && y.Ints != nil && len(s) <= 1 {
			c.Out[0].Ints = zip(x.Ints, y.Ints, ints)
		}
		return nil
	}
}

// zip applies f to paired elements; a single element pairs with all.
func zip(x, y []Dim, f func(x, y Dim) Dim) []Dim {
	n := max(len(x), len(y))
	if len(x) == 0 || len(y) == 0 {
		n = 0
	}
	out := make([]Dim, n)
	for i := range out {
		out[i] = f(x[i%len(x)], y[i%len(y)])
	}
	return out
}

func negated(d Dim) Dim {
	if n, ok := d.Fixed(); ok {
		return Fix(-n)
	}
	return Unknown
}

func quotient(x, y Dim) Dim {
	n, ok := y.Fixed()
	if !ok || n == 0 {
		return Unknown
	}
	if m, ok := x.Fixed(); ok {
		return Fix(m / n)
	}
	return x.Div(n)
}

func variadic(c *Inference) error {
	t := c.In[0].Type
	if !numeric(t.DType) {
		return fmt.Errorf("%v: want numbers", t)
	}
	for _, in := range c.In[1:] {
		if in.DType != t.DType {
			return fmt.Errorf("%v and %v: element types", t, in.Type)
		}
		s, err := Broadcast(t.Shape, in.Shape)
		if err != nil {
			return err
		}
		t.Shape = s
	}
	c.Out[0].Type = t
	return nil
}

// inferPow lets the exponent have a type of its own; the result has the base's.
func inferPow(c *Inference) error {
	if !numeric(c.In[0].DType) || !numeric(c.In[1].DType) {
		return fmt.Errorf("%v to the power %v: want numbers", c.In[0].Type, c.In[1].Type)
	}
	s, err := Broadcast(c.In[0].Shape, c.In[1].Shape)
	c.Out[0].Type = Type{c.In[0].DType, s}
	return err
}

func inferClip(c *Inference) error {
	for _, bound := range c.In[1:] {
		if bound.DType == tensor.Invalid {
			continue
		}
		if bound.DType != c.In[0].DType || len(bound.Shape) != 0 {
			return fmt.Errorf("%v with a bound %v: want a scalar of the same type", c.In[0].Type, bound.Type)
		}
	}
	return unary(numeric)(c)
}

func inferWhere(c *Inference) error {
	cond, x, y := c.In[0], c.In[1], c.In[2]
	if cond.DType != tensor.Bool || x.DType != y.DType {
		return fmt.Errorf("%v chooses between %v and %v: want bool and one type", cond.Type, x.Type, y.Type)
	}
	s, err := Broadcast(x.Shape, y.Shape)
	if err != nil {
		return err
	}
	s, err = Broadcast(cond.Shape, s)
	c.Out[0].Type = Type{x.DType, s}
	return err
}

func inferCast(c *Inference) error {
	to, err := DTypeOf(c.Node.Int("to", 0))
	if err != nil {
		return err
	}
	c.Out[0].Type = Type{to, c.In[0].Shape}
	if to.IsInteger() {
		c.Out[0].Ints = c.In[0].Ints
	}
	return nil
}

// Broadcast is the common shape of operands, aligned at the last dimension; a length of 1 stretches. TimeDim and GuidanceDim, the numbers of times and of
// guidance weights given to a velocity field, are 1 or the batch: they stretch to any other length.
func Broadcast(x, y Shape) (Shape, error) {
	if x == nil || y == nil {
		return nil, nil
	}
	long, short := x, y
	if len(x) < len(y) {
		long, short = y, x
	}
	out := append(Shape{}, long...)
	for i := range short {
		j := len(long) - len(short) + i
		d, err := stretch(long[j], short[i])
		if err != nil {
			return nil, fmt.Errorf("%v and %v do not broadcast: %v ≠ %v", x, y, x[len(x)-len(short)+i], y[len(y)-len(short)+i])
		}
		out[j] = d
	}
	return out, nil
}

// stretchesTo checks that x broadcasts to the shape y and not beyond it.
func stretchesTo(x, y Shape) error {
	s, err := Broadcast(x, y)
	if err != nil || s == nil {
		return err
	}
	if len(s) != len(y) {
		return fmt.Errorf("%v has more dimensions than %v", x, y)
	}
	for i, d := range y {
		if _, err := agree(d, s[i]); err != nil {
			return fmt.Errorf("%v does not stretch to %v: %w", x, y, err)
		}
	}
	return nil
}

// The names of lengths that are 1, or the batch.
const (
	TimeDim     = "T" // first dimension of a velocity field's input t
	GuidanceDim = "W" // length of the input guidance
)

func stretches(d Dim) bool { return d == Sym(TimeDim) || d == Sym(GuidanceDim) }

func stretch(d, e Dim) (Dim, error) {
	dn, dFixed := d.Fixed()
	en, eFixed := e.Fixed()
	switch {
	case d == e:
		return d, nil
	case d.Is(1) || stretches(d) && !e.Is(1) && e.Known():
		return e, nil
	case e.Is(1) || stretches(e) && !d.Is(1) && d.Known():
		return d, nil
	case dFixed && eFixed && dn != en:
		return Dim{}, fmt.Errorf("mismatch")
	case dFixed: // the other is 1 or this one at run time
		return d, nil
	case eFixed:
		return e, nil
	}
	return Unknown, nil
}

// onnxTypes numbers the element types as ONNX does (TensorProto.DataType), for the attribute "to" of Cast.
var onnxTypes = map[int]tensor.DType{
	1: tensor.Float32, 2: tensor.Uint8, 3: tensor.Int8, 4: tensor.Uint16, 5: tensor.Int16, 6: tensor.Int32, 7: tensor.Int64,
	9: tensor.Bool, 10: tensor.Float16, 11: tensor.Float64, 12: tensor.Uint32, 13: tensor.Uint64,
}

// DTypeOf is the element type with ONNX's number code.
func DTypeOf(code int) (tensor.DType, error) {
	if d, ok := onnxTypes[code]; ok {
		return d, nil
	}
	return tensor.Invalid, fmt.Errorf("element type %d of ONNX has no counterpart here", code)
}

// Code is ONNX's number of an element type.
func Code(d tensor.DType) int {
	for code, have := range onnxTypes {
		if have == d {
			return code
		}
	}
	return 0
}
