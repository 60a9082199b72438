package tensor

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"reflect"
	"unsafe"
)

// Half is an IEEE 754 binary16 number, by its bits.
type Half uint16

// makers allocates the Go slice of each element type.
var makers = [...]func(n int) any{
	Invalid: func(int) any { panic("tensor: no element type") },
	Float16: func(n int) any { return make([]Half, n) },
	Float32: func(n int) any { return make([]float32, n) },
	Float64: func(n int) any { return make([]float64, n) },
	Int8:    func(n int) any { return make([]int8, n) },
	Int16:   func(n int) any { return make([]int16, n) },
	Int32:   func(n int) any { return make([]int32, n) },
	Int64:   func(n int) any { return make([]int64, n) },
	Uint8:   func(n int) any { return make([]uint8, n) },
	Uint16:  func(n int) any { return make([]uint16, n) },
	Uint32:  func(n int) any { return make([]uint32, n) },
	Uint64:  func(n int) any { return make([]uint64, n) },
	Bool:    func(n int) any { return make([]bool, n) },
}

func dtypeOf[T Element]() DType {
	var v T
	switch any(v).(type) {
	case Half:
		return Float16
	case float32:
		return Float32
	case float64:
		return Float64
	case int8:
		return Int8
	case int16:
		return Int16
	case int32:
		return Int32
	case int64:
		return Int64
	case uint8:
		return Uint8
	case uint16:
		return Uint16
	case uint32:
		return Uint32
	case uint64:
		return Uint64
	}
	return Bool
}

// Copy copies src's elements into dst. Type and size must agree, shapes need not; it panics otherwise.
func Copy(dst, src Tensor) {
	if dst.dtype != src.dtype || dst.Len() != src.Len() {
		panic(fmt.Sprintf("tensor: copy %v into %v", src, dst))
	}
	copy(dst.view(), src.view())
}

// view returns the memory of the elements as bytes in the machine's order.
func (t Tensor) view() []byte {
	n := t.Len()
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(reflect.ValueOf(t.data).UnsafePointer()), n*t.dtype.Size())
}

// Bytes returns the elements in little-endian order, a copy. It is ONNX's raw_data and safetensors' data.
func (t Tensor) Bytes() []byte {
	if t.IsZero() {
		return nil
	}
	return swapped(t.view(), t.dtype.Size())
}

// WriteTo writes Bytes, without copying them where the machine's order is little-endian.
func (t Tensor) WriteTo(w io.Writer) (int64, error) {
	b := t.view()
	if !littleEndian && !t.IsZero() {
		b = t.Bytes()
	}
	n, err := w.Write(b)
	return int64(n), err
}

// FromBytes returns the tensor whose Bytes are raw. A size that does not fit the shape is an error.
func FromBytes(d DType, raw []byte, shape ...int) (Tensor, error) {
	if d == Invalid || int(d) >= len(dtypes) {
		return Tensor{}, fmt.Errorf("tensor: no element type %v", d)
	}
	n := 1
	for _, dim := range shape {
		if dim < 0 || (dim > 0 && n > math.MaxInt/8/dim) {
			return Tensor{}, fmt.Errorf("tensor: shape %v", shape)
		}
		n *= dim
	}
	if len(raw) != n*d.Size() {
		return Tensor{}, fmt.Errorf("tensor: %d bytes for %v%v, want %d", len(raw), d, shape, n*d.Size())
	}
	t := New(d, shape...)
	copy(t.view(), swapped(raw, d.Size()))
	if d == Bool {
		view := t.view() // any byte but 0 is true; Go wants exactly 1
		for i, v := range view {
			view[i] = min(v, 1)
		}
	}
	return t, nil
}

// littleEndian reports the machine's byte order.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// swapped copies b, changing between the machine's byte order and little-endian.
func swapped(b []byte, size int) []byte {
	out := append([]byte(nil), b...)
	if size == 1 || littleEndian {
		return out
	}
	for i := 0; i < len(out); i += size {
		for l, r := i, i+size-1; l < r; l, r = l+1, r-1 {
			out[l], out[r] = out[r], out[l]
		}
	}
	return out
}

// Convert returns the tensor with its elements converted to type d as Go converts numbers; bool counts as 0 and 1, and a number is true
// when it is not 0. Float to integer truncates toward zero. Equal types give a copy.
func (t Tensor) Convert(d DType) Tensor {
	if t.dtype == d {
		return t.Clone()
	}
	dst := New(d, t.shape...)
	Convert(dst, t)
	return dst
}

// Convert writes src's elements, converted as Tensor.Convert does, into dst, which must have the same size. It allocates nothing.
func Convert(dst, src Tensor) {
	if dst.Len() != src.Len() {
		panic(fmt.Sprintf("tensor: convert %v into %v", src, dst))
	}
	switch s := src.data.(type) {
	case []Half:
		convertFrom(dst, s, Half.Float32)
	case []bool:
		convertFrom(dst, s, func(b bool) uint8 {
			if b {
				return 1
			}
			return 0
		})
	case []float32:
		convertFrom(dst, s, same)
	case []float64:
		convertFrom(dst, s, same)
	case []int8:
		convertFrom(dst, s, same)
	case []int16:
		convertFrom(dst, s, same)
	case []int32:
		convertFrom(dst, s, same)
	case []int64:
		convertFrom(dst, s, same)
	case []uint8:
		convertFrom(dst, s, same)
	case []uint16:
		convertFrom(dst, s, same)
	case []uint32:
		convertFrom(dst, s, same)
	case []uint64:
		convertFrom(dst, s, same)
	}
}

type number interface {
	float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

func same[T any](v T) T { return v }

// convertFrom converts each element of src, read through num, into dst.
func convertFrom[S any, N number](dst Tensor, src []S, num func(S) N) {
	switch d := dst.data.(type) {
	case []Half:
		for i, v := range src {
			d[i] = HalfOf(float32(num(v)))
		}
	case []bool:
		for i, v := range src {
			d[i] = num(v) != 0
		}
	case []float32:
		convertTo(d, src, num)
	case []float64:
		convertTo(d, src, num)
	case []int8:
		convertTo(d, src, num)
	case []int16:
		convertTo(d, src, num)
	case []int32:
		convertTo(d, src, num)
	case []int64:
		convertTo(d, src, num)
	case []uint8:
		convertTo(d, src, num)
	case []uint16:
		convertTo(d, src, num)
	case []uint32:
		convertTo(d, src, num)
	case []uint64:
		convertTo(d, src, num)
	}
}

func convertTo[S any, N, D number](dst []D, src []S, num func(S) N) {
	for i, v := range src {
		dst[i] = D(num(v))
	}
}

// Float32 is the exact value of h.
func (h Half) Float32() float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10)&31, uint32(h)&1023
	switch {
	case exp == 31:
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	case exp != 0:
		return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
	}
	v := float32(frac) * 0x1p-24
	return math.Float32frombits(sign | math.Float32bits(v))
}

// HalfOf rounds v to the nearest binary16 number, ties to even; beyond ±65504 it becomes infinite.
func HalfOf(v float32) Half {
	bits := math.Float32bits(v)
	sign, abs := Half(bits>>16)&0x8000, bits&^(1<<31)
	switch {
	case abs > 0xff<<23:
		return sign | 0x7e00 // NaN
	case abs >= 0x477ff000: // 65520 and above round to infinity
		return sign | 0x7c00
	case abs < 0x38800000: // below 2⁻¹⁴: a subnormal, a multiple of 2⁻²⁴
		return sign | Half(math.RoundToEven(float64(math.Float32frombits(abs))*0x1p24))
	}
	abs += 0xfff + abs>>13&1 // round to nearest even at bit 13
	return sign | Half((abs-112<<23)>>13)
}

// Bits returns the elements as unsigned integers of the same size, shared: []uint8, []uint16, []uint32 or []uint64. It serves operators
// that move numbers without looking at them.
func (t Tensor) Bits() any {
	b, n := t.view(), t.Len()
	switch t.dtype.Size() {
	case 1:
		return b
	case 2:
		return bitsAs[uint16](b, n)
	case 4:
		return bitsAs[uint32](b, n)
	}
	return bitsAs[uint64](b, n)
}

func bitsAs[T any](b []byte, n int) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// Memory returns the memory of the elements, shared, in the machine's byte order.
func (t Tensor) Memory() []byte { return t.view() }

// cut slices the data of any element type.
func cut(data any, from, to int) any {
	switch d := data.(type) {
	case []Half:
		return d[from:to:to]
	case []float32:
		return d[from:to:to]
	case []float64:
		return d[from:to:to]
	case []int8:
		return d[from:to:to]
	case []int16:
		return d[from:to:to]
	case []int32:
		return d[from:to:to]
	case []int64:
		return d[from:to:to]
	case []uint8:
		return d[from:to:to]
	case []uint16:
		return d[from:to:to]
	case []uint32:
		return d[from:to:to]
	case []uint64:
		return d[from:to:to]
	}
	return data.([]bool)[from:to:to]
}
