package onnx

import (
	"fmt"
	"math"

	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// UnmarshalTensor reads a file that holds one tensor, such as the input_0.pb of ONNX's test data.
func UnmarshalTensor(b []byte) (tensor.Tensor, error) {
	t := new(Tensor)
	if err := decode(t, b); err != nil {
		return tensor.Tensor{}, err
	}
	return t.Value()
}

// Marshal is the file that UnmarshalTensor reads.
func (t *Tensor) Marshal() []byte { return encode(nil, t) }

// TensorOf is t as a message: raw little-endian data under a name.
func TensorOf(name string, t tensor.Tensor) *Tensor {
	m := &Tensor{Name: name, DataType: int32(graph.Code(t.DType())), RawData: t.Bytes()}
	if m.RawData == nil {
		m.RawData = []byte{}
	}
	for _, d := range t.Shape() {
		m.Dims = append(m.Dims, int64(d))
	}
	return m
}

// Value is the tensor's numbers. Types without a counterpart in package tensor (string, complex, bfloat16, float8, int4, …), data kept in another
// file, and a number of elements that does not fit the dimensions are errors.
func (t *Tensor) Value() (tensor.Tensor, error) {
	v, err := t.value()
	if err != nil {
		return v, fmt.Errorf("onnx: tensor %q: %w", t.Name, err)
	}
	return v, nil
}

func (t *Tensor) value() (tensor.Tensor, error) {
	d, err := dtypeOf(t.DataType)
	if err != nil {
		return tensor.Tensor{}, err
	}
	shape, n, err := t.lengths()
	switch {
	case err != nil:
		return tensor.Tensor{}, err
	case t.DataLocation != 0 || len(t.ExternalData) > 0:
		return tensor.Tensor{}, notRead("its data are in another file, which is not read; save the model with all data inside")
	case t.Segment != nil:
		return tensor.Tensor{}, notRead("it is one segment of a tensor; segments are not read")
	case t.RawData != nil:
		return tensor.FromBytes(d, t.RawData, shape...)
	}
	have, convert := t.typed(d)
	if have != n {
		return tensor.Tensor{}, fmt.Errorf("%d elements for %v%v, want %d", have, d, shape, n)
	}
	return convert(shape), nil
}

// lengths is the shape and its number of elements, which no product of hostile dimensions overflows.
func (t *Tensor) lengths() (shape []int, n int, err error) {
	n = 1
	for _, d := range t.Dims {
		if d < 0 || d > 0 && int64(n) > math.MaxInt32*16/d {
			return nil, 0, fmt.Errorf("shape %v", t.Dims)
		}
		shape = append(shape, int(d))
		n *= int(d)
	}
	return shape, n, nil
}

// typed is the number of elements in the typed field for d, and their conversion. The field of a small type holds its bits widened.
func (t *Tensor) typed(d tensor.DType) (n int, convert func(shape []int) tensor.Tensor) {
	switch d {
	case tensor.Float32:
		return len(t.FloatData), func(s []int) tensor.Tensor { return tensor.Of(copied(t.FloatData), s...) }
	case tensor.Float64:
		return len(t.DoubleData), func(s []int) tensor.Tensor { return tensor.Of(copied(t.DoubleData), s...) }
	case tensor.Int64:
		return len(t.Int64Data), func(s []int) tensor.Tensor { return tensor.Of(copied(t.Int64Data), s...) }
	case tensor.Uint64, tensor.Uint32:
		return len(t.Uint64Data), func(s []int) tensor.Tensor { return tensor.Of(copied(t.Uint64Data), s...).Convert(d) }
	case tensor.Float16:
		return len(t.Int32Data), func(s []int) tensor.Tensor {
			half := make([]tensor.Half, len(t.Int32Data))
			for i, bits := range t.Int32Data {
				half[i] = tensor.Half(bits)
			}
			return tensor.Of(half, s...)
		}
	}
	return len(t.Int32Data), func(s []int) tensor.Tensor { return tensor.Of(copied(t.Int32Data), s...).Convert(d) }
}

// elementTypes names the types of onnx.proto that no program has.
var elementTypes = map[int32]string{
	8: "string", 14: "complex64", 15: "complex128", 17: "float8e4m3fn", 18: "float8e4m3fnuz", 19: "float8e5m2", 20: "float8e5m2fnuz",
	21: "uint4", 22: "int4", 23: "float4e2m1", 24: "float8e8m0", 25: "uint2", 26: "int2", 27: "float6e2m3", 28: "float6e3m2",
}

const bfloat16 = 16

// dtypeOf is the element type with ONNX's number code.
func dtypeOf(code int32) (tensor.DType, error) {
	if code == bfloat16 {
		return tensor.Invalid, notRead("elements of type bfloat16 are not read: onnxruntime has no CPU kernels for them; save the model in float32")
	}
	if name, ok := elementTypes[code]; ok {
		return tensor.Invalid, notRead("elements of type %s are not read", name)
	}
	return graph.DTypeOf(int(code))
}

// copied is a copy that is never nil.
func copied[T any](list []T) []T { return append([]T{}, list...) }
