package tensor

import (
	"fmt"
	"slices"
)

// Element is a Go type that a tensor can hold. Half is float16.
type Element interface {
	Half | float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | bool
}

// Tensor is a dense row-major array. The zero Tensor has no type and holds nothing; it stands for "absent".
type Tensor struct {
	dtype DType
	shape []int
	data  any // []T of the dtype's Go type, of Size(shape) elements
}

// New returns a tensor of zeros.
func New(d DType, shape ...int) Tensor {
	return Tensor{d, slices.Clone(shape), makers[d](Size(shape))}
}

// Of returns a tensor over data, which it shares. It panics if the shape does not hold exactly len(data) elements.
func Of[T Element](data []T, shape ...int) Tensor {
	if Size(shape) != len(data) {
		panic(fmt.Sprintf("tensor: %d elements for shape %v", len(data), shape))
	}
	return Tensor{dtypeOf[T](), slices.Clone(shape), data}
}

// Scalar returns a rank-0 tensor.
func Scalar[T Element](v T) Tensor { return Of([]T{v}) }

// Full returns a tensor of equal elements.
func Full[T Element](v T, shape ...int) Tensor {
	data := make([]T, Size(shape))
	for i := range data {
		data[i] = v
	}
	return Of(data, shape...)
}

// Size is the number of elements of a shape, the product of its dimensions; 1 for rank 0.
func Size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// DType is the element type; Invalid for the zero Tensor.
func (t Tensor) DType() DType { return t.dtype }

// Shape is the dimensions. The caller must not change it.
func (t Tensor) Shape() []int { return t.shape }

// Rank is the number of dimensions.
func (t Tensor) Rank() int { return len(t.shape) }

// Dim is the length of dimension i; a negative i counts from the end.
func (t Tensor) Dim(i int) int {
	if i < 0 {
		i += len(t.shape)
	}
	return t.shape[i]
}

// Len is the number of elements.
func (t Tensor) Len() int {
	if t.IsZero() {
		return 0
	}
	return Size(t.shape)
}

// IsZero reports the zero Tensor, which stands for "absent".
func (t Tensor) IsZero() bool { return t.dtype == Invalid }

// Data returns the elements as a slice of T, shared. It panics if T is not the tensor's type.
func Data[T Element](t Tensor) []T {
	data, ok := t.data.([]T)
	if !ok {
		panic(fmt.Sprintf("tensor: %v read as %v", t.dtype, dtypeOf[T]()))
	}
	return data
}

// Any returns the elements as a slice in an interface, for a type switch.
func (t Tensor) Any() any { return t.data }

// Float32 returns the elements of a float32 tensor, shared.
func (t Tensor) Float32() []float32 { return Data[float32](t) }

// Float64 returns the elements of a float64 tensor, shared.
func (t Tensor) Float64() []float64 { return Data[float64](t) }

// Int64 returns the elements of an int64 tensor, shared.
func (t Tensor) Int64() []int64 { return Data[int64](t) }

// Bool returns the elements of a bool tensor, shared.
func (t Tensor) Bool() []bool { return Data[bool](t) }

// Reshape returns the same elements under another shape of the same size, shared. It panics on another size.
func (t Tensor) Reshape(shape ...int) Tensor {
	if Size(shape) != t.Len() {
		panic(fmt.Sprintf("tensor: reshape %v to %v", t.shape, shape))
	}
	return Tensor{t.dtype, slices.Clone(shape), t.data}
}

// Clone returns an independent copy.
func (t Tensor) Clone() Tensor {
	if t.IsZero() {
		return t
	}
	c := New(t.dtype, t.shape...)
	Copy(c, t)
	return c
}

// String prints type and shape, such as float32[2 3].
func (t Tensor) String() string {
	if t.IsZero() {
		return "absent"
	}
	return fmt.Sprintf("%v%v", t.dtype, t.shape)
}

// Slice returns elements from to to of the flat data as a vector, shared.
func (t Tensor) Slice(from, to int) Tensor {
	return Tensor{t.dtype, []int{to - from}, cut(t.data, from, to)}
}
