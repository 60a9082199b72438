package onnx

import (
	"errors"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

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
