package onnx

import (
	"errors"
	"fmt"
)

// elementBits is the size of an element of each type of onnx.proto that has one; strings have none.
var elementBits = map[int32]int64{
	1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, bfloat16: 16, 17: 8, 18: 8, 19: 8, 20: 8,
	21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2, 27: 6, 28: 6,
}

const stringType = 8

// maxElements bounds the product of declared dimensions: no machine holds a tensor above it, and sizes in bytes do not overflow below it.
const maxElements = 1 << 48

// elements is the product of dimensions; ok is false if one is negative or the product is above maxElements, a zero among them or not.
func elements(dims []int64) (n int64, ok bool) {
	n = 1
	zero := false
	for _, d := range dims {
		switch {
		case d < 0 || d > 0 && n > maxElements/d:
			return 0, false
		case d == 0:
			zero = true
		default:
			n *= d
		}
	}
	if zero {
		return 0, true
	}
	return n, true
}

// tensor holds a tensor's dimensions against the bytes or numbers that the file gives for it.
func (v *validator) tensor(at string, t *Tensor) error {
	if v.tensors++; v.tensors > v.limits.Tensors {
		return fmt.Errorf("%s: more than %d tensors", at, v.limits.Tensors)
	}
	if err := t.fits(); err != nil && !(errors.Is(err, ErrExternal) && v.limits.Outside) {
		return fmt.Errorf("%s: tensor %q: %w", tail(at), short(t.Name), err)
	}
	return nil
}

func (v *validator) sparse(at string, s *SparseTensor) error {
	if _, ok := elements(s.Dims); !ok {
		return fmt.Errorf("%s: sparse tensor of dimensions %v, which are negative or beyond any memory", tail(at), firstDims(s.Dims))
	}
	for _, t := range []*Tensor{s.Values, s.Indices} {
		if t != nil {
			if err := v.tensor(at, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// fits compares the number of elements with what is given, of the tensor's type and in one field alone.
func (t *Tensor) fits() error {
	n, ok := elements(t.Dims)
	if !ok {
		return fmt.Errorf("dimensions %v are negative or beyond any memory", firstDims(t.Dims))
	}
	bits, known := elementBits[t.DataType]
	if !known && t.DataType != stringType {
		return fmt.Errorf("element type %d is not known", t.DataType)
	}
	if t.outside() {
		return ErrExternal
	}
	if t.Segment != nil {
		return fmt.Errorf("it is one segment of a tensor; segments are not read")
	}
	bytes := (n*bits + 7) / 8
	fields := t.given()
	if t.RawData != nil {
		for _, have := range fields {
			if have > 0 {
				return fmt.Errorf("its numbers are given twice, raw and by type")
			}
		}
		if int64(len(t.RawData)) != bytes || t.DataType == stringType {
			return fmt.Errorf("%d bytes for dimensions %v of %s, want %d", len(t.RawData), firstDims(t.Dims), ElementName(t.DataType), bytes)
		}
		return nil
	}
	field, want := t.place(n, bits)
	for i, have := range fields {
		if i == field && int64(have) != want || i != field && have > 0 {
			return fmt.Errorf("%d numbers for dimensions %v of %s, want %d", have, firstDims(t.Dims), ElementName(t.DataType), want)
		}
	}
	return nil
}

func (t *Tensor) outside() bool { return t.DataLocation != 0 || len(t.ExternalData) > 0 }

// given counts the numbers in the typed fields: float, int32, string, int64, double, uint64.
func (t *Tensor) given() [6]int {
	return [...]int{len(t.FloatData), len(t.Int32Data), len(t.StringData), len(t.Int64Data), len(t.DoubleData), len(t.Uint64Data)}
}

// place is which of those fields holds n elements of the type, and how many numbers of it: complex ones take two, those below a byte share one.
func (t *Tensor) place(n, bits int64) (field int, numbers int64) {
	switch t.DataType {
	case 1:
		return 0, n
	case 14:
		return 0, 2 * n
	case stringType:
		return 2, n
	case 7:
		return 3, n
	case 11:
		return 4, n
	case 15:
		return 4, 2 * n
	case 12, 13:
		return 5, n
	}
	if bits < 8 {
		return 1, (n*bits + 7) / 8
	}
	return 1, n
}

// ElementName is the name of an element type of onnx.proto: float32, bfloat16, string, …
func ElementName(code int32) string {
	if code == bfloat16 {
		return "bfloat16"
	}
	if name, ok := elementTypes[code]; ok {
		return name
	}
	if d, err := dtypeOf(code); err == nil {
		return d.String()
	}
	return fmt.Sprintf("type %d", code)
}

// declaredSize refuses a declared shape that no machine holds.
func declaredSize(v *ValueInfo) error {
	if v.Type == nil || v.Type.Tensor == nil || v.Type.Tensor.Shape == nil {
		return nil
	}
	n := int64(1)
	for _, d := range v.Type.Tensor.Shape.Dim {
		if d.Value == nil || *d.Value <= 0 {
			continue
		}
		if n > maxElements / *d.Value {
			return fmt.Errorf("value %q is declared with more elements than any memory holds", short(v.Name))
		}
		n *= *d.Value
	}
	return nil
}

// firstDims keeps a hostile list of dimensions short in an error.
func firstDims(dims []int64) []int64 { return dims[:min(len(dims), 8)] }
