package onnx

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Limits on what is read. Real files stay far below: models nest a few graphs deep and hold some hundred thousand messages.
const (
	maxDepth    = 100     // messages inside messages, as in other protobuf readers
	maxMessages = 2 << 20 // each takes up to some 250 bytes of memory for as little as 2 bytes of the file
)

// Unmarshal reads a file. RawData and unknown fields share the memory of b.
func Unmarshal(b []byte) (*Model, error) {
	m := new(Model)
	return m, decode(m, b)
}

// decode reads message m, named by its type in errors.
func decode(m message, b []byte) error {
	d := decoder{messages: maxMessages}
	if err := d.message(m, b); err != nil {
		return fmt.Errorf("onnx: not an ONNX file, or a damaged one: %w", err)
	}
	return nil
}

// Marshal writes the file: fields in ascending order of number, unknown fields last. Equal models give equal bytes.
func (m *Model) Marshal() []byte { return encode(nil, m) }

// message is a type of the schema.
type message interface {
	fields() []field
	remainder() *rest
}

// rest is what a message holds besides its fields' values.
type rest struct {
	unknown []byte // fields that the schema does not have, as they stood
	zeros   uint32 // bit n: optional field n is present although its value is zero
	packed  uint32 // bit n: repeated field n was packed although the schema does not say so, or the reverse
}

func (r *rest) remainder() *rest { return r }

func bit(num protowire.Number) uint32 { return 1 << num }

// field binds a number of the schema to its place in a message.
type field struct {
	num   protowire.Number
	read  func(d *decoder, r *rest, v value) (known bool, err error) // known false: another wire type than the schema's
	write func(b []byte, r *rest) []byte
	clear func() // of a member of a oneof: make it absent
}

// value is a field as it stands in the file.
type value struct {
	typ  protowire.Type
	num  uint64 // varint, fixed32, fixed64
	data []byte // bytes
}

type decoder struct {
	depth, messages int
}

func (d *decoder) message(m message, b []byte) error {
	if d.depth++; d.depth > maxDepth {
		return fmt.Errorf("messages nest more than %d deep", maxDepth)
	}
	if d.messages--; d.messages < 0 {
		return fmt.Errorf("more than %d messages", maxMessages)
	}
	fields, r := m.fields(), m.remainder()
	for len(b) > 0 {
		num, v, n, err := next(b)
		if err != nil {
			return fmt.Errorf("%s: %w", name(m), err)
		}
		known := false
		for i := range fields {
			if fields[i].num == num {
				if known, err = fields[i].read(d, r, v); err != nil {
					return err
				}
			}
		}
		if !known {
			r.unknown = append(r.unknown, b[:n]...)
		}
		b = b[n:]
	}
	d.depth--
	return nil
}

func name(m message) string { return fmt.Sprintf("%T", m)[len("*onnx."):] }

// next takes the first field off b; n is its size.
func next(b []byte) (num protowire.Number, v value, n int, err error) {
	num, v.typ, n = protowire.ConsumeTag(b)
	if n < 0 {
		return 0, v, 0, protowire.ParseError(n)
	}
	size := 0
	switch rest := b[n:]; v.typ {
	case protowire.VarintType:
		v.num, size = protowire.ConsumeVarint(rest)
	case protowire.Fixed32Type:
		var bits uint32
		bits, size = protowire.ConsumeFixed32(rest)
		v.num = uint64(bits)
	case protowire.Fixed64Type:
		v.num, size = protowire.ConsumeFixed64(rest)
	case protowire.BytesType:
		v.data, size = protowire.ConsumeBytes(rest)
	default:
		size = protowire.ConsumeFieldValue(num, v.typ, rest)
	}
	if size < 0 {
		return 0, v, 0, fmt.Errorf("field %d: %w", num, protowire.ParseError(size))
	}
	return num, v, n + size, nil
}

func encode(b []byte, m message) []byte {
	r := m.remainder()
	for _, f := range m.fields() {
		b = f.write(b, r)
	}
	return append(b, r.unknown...)
}

// appendMessage writes m after its tag and its length, which is known only afterwards.
func appendMessage(b []byte, num protowire.Number, m message) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	start := len(b)
	b = encode(b, m)
	n := len(b) - start
	b = append(b, make([]byte, protowire.SizeVarint(uint64(n)))...)
	copy(b[len(b)-n:], b[start:start+n])
	protowire.AppendVarint(b[:start], uint64(n))
	return b
}

// oneof makes the fields with the given numbers exclude each other: reading one clears the others.
func oneof(fields []field, members ...protowire.Number) []field {
	in := map[protowire.Number]bool{}
	for _, num := range members {
		in[num] = true
	}
	for i := range fields {
		if read := fields[i].read; in[fields[i].num] {
			fields[i].read = func(d *decoder, r *rest, v value) (bool, error) {
				known, err := read(d, r, v)
				for j := range fields {
					if known && j != i && in[fields[j].num] {
						fields[j].clear()
					}
				}
				return known, err
			}
		}
	}
	return fields
}

type whole interface {
	~int32 | ~int64 | ~uint64
}

// scalar is an optional field of one wire type; of and to convert its bits.
func scalar[T comparable](num protowire.Number, p *T, typ protowire.Type, of func(value) T, to func(b []byte, v T) []byte) field {
	var zero T
	return field{num: num,
		read: func(_ *decoder, r *rest, v value) (bool, error) {
			if v.typ != typ {
				return false, nil
			}
			*p = of(v)
			r.zeros &^= bit(num)
			if *p == zero {
				r.zeros |= bit(num)
			}
			return true, nil
		},
		write: func(b []byte, r *rest) []byte {
			if *p == zero && r.zeros&bit(num) == 0 {
				return b
			}
			return to(protowire.AppendTag(b, num, typ), *p)
		},
	}
}

func integer[T whole](num protowire.Number, p *T) field {
	return scalar(num, p, protowire.VarintType, wholeOf[T], appendWhole[T])
}

func wholeOf[T whole](v value) T                { return T(v.num) }
func appendWhole[T whole](b []byte, v T) []byte { return protowire.AppendVarint(b, uint64(int64(v))) }

// float compares bits, so that -0 and NaN are kept.
func float(num protowire.Number, p *float32) field {
	var bits uint32
	f := scalar(num, &bits, protowire.Fixed32Type, func(v value) uint32 { return uint32(v.num) }, protowire.AppendFixed32)
	read, write := f.read, f.write
	f.read = func(d *decoder, r *rest, v value) (bool, error) {
		known, err := read(d, r, v)
		if known {
			*p = math.Float32frombits(bits)
		}
		return known, err
	}
	f.write = func(b []byte, r *rest) []byte {
		bits = math.Float32bits(*p)
		return write(b, r)
	}
	return f
}

func text(num protowire.Number, p *string) field {
	return scalar(num, p, protowire.BytesType, func(v value) string { return string(v.data) }, protowire.AppendString)
}

// pointer is an optional field whose absence is a nil pointer.
func pointer[T any](num protowire.Number, p **T, typ protowire.Type, of func(value) T, to func(b []byte, v T) []byte) field {
	return field{num: num,
		read: func(_ *decoder, _ *rest, v value) (bool, error) {
			if v.typ != typ {
				return false, nil
			}
			*p = new(of(v))
			return true, nil
		},
		write: func(b []byte, _ *rest) []byte {
			if *p == nil {
				return b
			}
			return to(protowire.AppendTag(b, num, typ), **p)
		},
		clear: func() { *p = nil },
	}
}

func maybeInteger(num protowire.Number, p **int64) field {
	return pointer(num, p, protowire.VarintType, wholeOf[int64], appendWhole[int64])
}

func maybeText(num protowire.Number, p **string) field {
	return pointer(num, p, protowire.BytesType, func(v value) string { return string(v.data) }, protowire.AppendString)
}

// blob is bytes, nil if absent; it shares the file's memory.
func blob(num protowire.Number, p *[]byte) field {
	return field{num: num,
		read: func(_ *decoder, _ *rest, v value) (bool, error) {
			if v.typ != protowire.BytesType {
				return false, nil
			}
			*p = v.data
			return true, nil
		},
		write: func(b []byte, _ *rest) []byte {
			if *p == nil {
				return b
			}
			return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), *p)
		},
	}
}

// list is a repeated field that is never packed.
func list[T any](num protowire.Number, p *[]T, of func(value) T, to func(b []byte, v T) []byte) field {
	return field{num: num,
		read: func(_ *decoder, _ *rest, v value) (bool, error) {
			if v.typ != protowire.BytesType {
				return false, nil
			}
			*p = append(*p, of(v))
			return true, nil
		},
		write: func(b []byte, _ *rest) []byte {
			for _, v := range *p {
				b = to(protowire.AppendTag(b, num, protowire.BytesType), v)
			}
			return b
		},
	}
}

func texts(num protowire.Number, p *[]string) field {
	return list(num, p, func(v value) string { return string(v.data) }, protowire.AppendString)
}

func blobs(num protowire.Number, p *[][]byte) field {
	return list(num, p, func(v value) []byte { return v.data }, protowire.AppendBytes)
}

// one is an optional message, nil if absent; a second one in the file is merged into the first.
func one[T any, P interface {
	*T
	message
}](num protowire.Number, p *P) field {
	return field{num: num,
		read: func(d *decoder, _ *rest, v value) (bool, error) {
			if v.typ != protowire.BytesType {
				return false, nil
			}
			if *p == nil {
				*p = new(T)
			}
			return true, d.message(*p, v.data)
		},
		write: func(b []byte, _ *rest) []byte {
			if *p == nil {
				return b
			}
			return appendMessage(b, num, *p)
		},
		clear: func() { *p = nil },
	}
}

// many is a repeated message.
func many[T any, P interface {
	*T
	message
}](num protowire.Number, p *[]P) field {
	return field{num: num,
		read: func(d *decoder, _ *rest, v value) (bool, error) {
			if v.typ != protowire.BytesType {
				return false, nil
			}
			m := P(new(T))
			*p = append(*p, m)
			return true, d.message(m, v.data)
		},
		write: func(b []byte, _ *rest) []byte {
			for _, m := range *p {
				b = appendMessage(b, num, m)
			}
			return b
		},
	}
}

// numbers is a repeated number, packed by default or not; readers take both.
func numbers[T any](num protowire.Number, p *[]T, packed bool, typ protowire.Type, of func(value) T, to func(b []byte, v T) []byte) field {
	return field{num: num,
		read: func(_ *decoder, r *rest, v value) (bool, error) {
			if v.typ != typ && v.typ != protowire.BytesType {
				return false, nil
			}
			r.packed &^= bit(num)
			if packed != (v.typ == protowire.BytesType) {
				r.packed |= bit(num)
			}
			if v.typ == typ {
				*p = append(*p, of(v))
				return true, nil
			}
			return true, unpack(p, v.data, typ, of)
		},
		write: func(b []byte, r *rest) []byte {
			if len(*p) == 0 {
				return b
			}
			if packed == (r.packed&bit(num) != 0) {
				for _, v := range *p {
					b = to(protowire.AppendTag(b, num, typ), v)
				}
				return b
			}
			var list []byte
			for _, v := range *p {
				list = to(list, v)
			}
			return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), list)
		},
	}
}

func unpack[T any](p *[]T, b []byte, typ protowire.Type, of func(value) T) error {
	if size := fixedSize(typ); size > 0 && *p == nil {
		*p = make([]T, 0, len(b)/size)
	}
	for len(b) > 0 {
		v, n := value{typ: typ}, 0
		switch typ {
		case protowire.VarintType:
			v.num, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var bits uint32
			bits, n = protowire.ConsumeFixed32(b)
			v.num = uint64(bits)
		default:
			v.num, n = protowire.ConsumeFixed64(b)
		}
		if n < 0 {
			return errors.New("a list of numbers ends inside a number")
		}
		*p = append(*p, of(v))
		b = b[n:]
	}
	return nil
}

func fixedSize(typ protowire.Type) int {
	switch typ {
	case protowire.Fixed32Type:
		return 4
	case protowire.Fixed64Type:
		return 8
	}
	return 0
}

func integers[T whole](num protowire.Number, p *[]T, packed bool) field {
	return numbers(num, p, packed, protowire.VarintType, wholeOf[T], appendWhole[T])
}

func floats(num protowire.Number, p *[]float32, packed bool) field {
	return numbers(num, p, packed, protowire.Fixed32Type, func(v value) float32 { return math.Float32frombits(uint32(v.num)) },
		func(b []byte, v float32) []byte { return protowire.AppendFixed32(b, math.Float32bits(v)) })
}

func doubles(num protowire.Number, p *[]float64, packed bool) field {
	return numbers(num, p, packed, protowire.Fixed64Type, func(v value) float64 { return math.Float64frombits(v.num) },
		func(b []byte, v float64) []byte { return protowire.AppendFixed64(b, math.Float64bits(v)) })
}
