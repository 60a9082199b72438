package onnx

import (
	"fmt"

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
