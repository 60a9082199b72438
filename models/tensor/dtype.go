package tensor

import "fmt"

// DType is an element type.
type DType uint8

// The element types of the toolkit. Invalid is the zero DType, that of the zero Tensor.
const (
	Invalid DType = iota
	Float16
	Float32
	Float64
	Int8
	Int16
	Int32
	Int64
	Uint8
	Uint16
	Uint32
	Uint64
	Bool
)

// dtypes is the table behind the methods of DType.
var dtypes = [...]struct {
	name         string
	size         int
	float, signs bool
}{
	Invalid: {"invalid", 0, false, false},
	Float16: {"float16", 2, true, true},
	Float32: {"float32", 4, true, true},
	Float64: {"float64", 8, true, true},
	Int8:    {"int8", 1, false, true},
	Int16:   {"int16", 2, false, true},
	Int32:   {"int32", 4, false, true},
	Int64:   {"int64", 8, false, true},
	Uint8:   {"uint8", 1, false, false},
	Uint16:  {"uint16", 2, false, false},
	Uint32:  {"uint32", 4, false, false},
	Uint64:  {"uint64", 8, false, false},
	Bool:    {"bool", 1, false, false},
}

func (d DType) String() string {
	if int(d) < len(dtypes) {
		return dtypes[d].name
	}
	return fmt.Sprintf("dtype(%d)", uint8(d))
}

// Size is the number of bytes of one element.
func (d DType) Size() int { return dtypes[d].size }

// IsFloat reports a floating-point type.
func (d DType) IsFloat() bool { return dtypes[d].float }

// IsSigned reports a type with negative numbers.
func (d DType) IsSigned() bool { return dtypes[d].signs }

// IsInteger reports an integer type; Bool is none.
func (d DType) IsInteger() bool { return d >= Int8 && d <= Uint64 }

// ParseDType returns the type of that name, as String prints it.
func ParseDType(name string) (DType, error) {
	for d, row := range dtypes {
		if row.name == name && DType(d) != Invalid {
			return DType(d), nil
		}
	}
	return Invalid, fmt.Errorf("tensor: no element type %q", name)
}
