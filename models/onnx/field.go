package onnx

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

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
			x := of(v)
			*p = &x
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
