package graph

// The operators that networks and derivatives use most, as methods. Elementwise ones broadcast as ONNX (and NumPy) do.

// Add is x + y.
func (b *Builder) Add(x, y *Value) *Value { return b.Op("Add", nil, x, y) }

// Subtract is x − y. (Sub builds a subgraph.)
func (b *Builder) Subtract(x, y *Value) *Value { return b.Op("Sub", nil, x, y) }

// Mul is the elementwise product.
func (b *Builder) Mul(x, y *Value) *Value { return b.Op("Mul", nil, x, y) }

// Div is x / y.
func (b *Builder) Div(x, y *Value) *Value { return b.Op("Div", nil, x, y) }

// Neg is −x.
func (b *Builder) Neg(x *Value) *Value { return b.Op("Neg", nil, x) }

// Scale is c·x for a constant c.
func (b *Builder) Scale(x *Value, c float64) *Value { return b.Mul(x, b.Scalar(x.Type.DType, c)) }

// Shift is x + c for a constant c.
func (b *Builder) Shift(x *Value, c float64) *Value { return b.Add(x, b.Scalar(x.Type.DType, c)) }

// MatMul is the matrix product, batched over leading dimensions.
func (b *Builder) MatMul(x, y *Value) *Value { return b.Op("MatMul", nil, x, y) }

// Transpose permutes the dimensions.
func (b *Builder) Transpose(x *Value, perm ...int) *Value {
	return b.Op("Transpose", Attrs{"perm": int64s(perm)}, x)
}

// ReduceSum sums over axes, keeping them as length 1 if keep is set.
func (b *Builder) ReduceSum(x *Value, keep bool, axes ...int) *Value {
	return b.reduce("ReduceSum", x, keep, axes)
}

// ReduceMean averages over axes, keeping them as length 1 if keep is set.
func (b *Builder) ReduceMean(x *Value, keep bool, axes ...int) *Value {
	return b.reduce("ReduceMean", x, keep, axes)
}

func (b *Builder) reduce(op string, x *Value, keep bool, axes []int) *Value {
	kept := int64(0)
	if keep {
		kept = 1
	}
	attrs := Attrs{"keepdims": kept}
	if len(axes) == 0 {
		return b.Op(op, attrs, x)
	}
	return b.Op(op, attrs, x, b.Ints(axes...))
}

// Reshape gives x the shape, an int64 vector.
func (b *Builder) Reshape(x, shape *Value) *Value { return b.Op("Reshape", nil, x, shape) }

// Concat joins values along an axis.
func (b *Builder) Concat(axis int, in ...*Value) *Value {
	return b.Op("Concat", Attrs{"axis": int64(axis)}, in...)
}

// Sigmoid is 1/(1+e⁻ˣ).
func (b *Builder) Sigmoid(x *Value) *Value { return b.Op("Sigmoid", nil, x) }

func int64s(list []int) []int64 {
	out := make([]int64, len(list))
	for i, v := range list {
		out[i] = int64(v)
	}
	return out
}
