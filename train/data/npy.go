package data

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"fmtool/models/tensor"
)

var npyMagic = []byte("\x93NUMPY")

// npyTypes are the element types that are read, by NumPy's name without the byte order.
var npyTypes = map[string]tensor.DType{
	"f2": tensor.Float16, "f4": tensor.Float32, "f8": tensor.Float64, "i1": tensor.Int8, "i2": tensor.Int16, "i4": tensor.Int32, "i8": tensor.Int64,
	"u1": tensor.Uint8, "u2": tensor.Uint16, "u4": tensor.Uint32, "u8": tensor.Uint64, "b1": tensor.Bool,
}

var (
	npyDescr = regexp.MustCompile(`'descr'\s*:\s*'([<>|=]?)(\w+)'`)
	npyOrder = regexp.MustCompile(`'fortran_order'\s*:\s*(True|False)`)
	npyShape = regexp.MustCompile(`'shape'\s*:\s*\(([\d\s,L]*)\)`)
)

// ReadNPY reads NumPy's array file: numbers in C order; the first dimension counts the rows, a vector is rows of one number.
func ReadNPY(b []byte) (*Set, error) {
	t, err := DecodeNPY(b)
	if err != nil {
		return nil, err
	}
	shape := t.Shape()
	if len(shape) == 0 || slices.Contains(shape, 0) {
		return nil, fmt.Errorf("an array of shape %v has no rows", shape)
	}
	dims := []int{1}
	if len(shape) > 1 {
		dims = slices.Clone(shape[1:])
	}
	s := &Set{Rows: t.Convert(tensor.Float32).Float32(), Dims: dims}
	return s.check()
}

// DecodeNPY reads an array file of version 1, 2 or 3.
func DecodeNPY(b []byte) (tensor.Tensor, error) {
	if len(b) < 10 || !bytes.Equal(b[:6], npyMagic) {
		return tensor.Tensor{}, errors.New("not a NumPy array file")
	}
	head, rest := b[8:], 2
	n := int(binary.LittleEndian.Uint16(head))
	if b[6] > 1 {
		if len(head) < 4 {
			return tensor.Tensor{}, errors.New("the header is cut off")
		}
		rest, n = 4, int(binary.LittleEndian.Uint32(head))
	}
	if b[6] == 0 || b[6] > 3 || n > len(head)-rest {
		return tensor.Tensor{}, fmt.Errorf("version %d with a header of %d bytes in a file of %d", b[6], n, len(b))
	}
	header, data := string(head[rest:rest+n]), head[rest+n:]
	descr, order, shape := npyDescr.FindStringSubmatch(header), npyOrder.FindStringSubmatch(header), npyShape.FindStringSubmatch(header)
	if descr == nil || order == nil || shape == nil {
		return tensor.Tensor{}, fmt.Errorf("the header %.100q lacks descr, fortran_order or shape, or holds records", header)
	}
	d, ok := npyTypes[descr[2]]
	if !ok {
		return tensor.Tensor{}, fmt.Errorf("element type %s; save it as float32", descr[1]+descr[2])
	}
	if descr[1] == ">" && d.Size() > 1 || order[1] == "True" {
		return tensor.Tensor{}, errors.New("big-endian numbers or Fortran order; save np.ascontiguousarray(a, '<f4')")
	}
	dims, err := npyDims(shape[1])
	if err != nil {
		return tensor.Tensor{}, err
	}
	return tensor.FromBytes(d, data, dims...)
}

func npyDims(text string) ([]int, error) {
	dims := []int{}
	for _, f := range strings.Split(text, ",") {
		f = strings.TrimSuffix(strings.TrimSpace(f), "L")
		if f == "" {
			continue
		}
		n, err := strconv.Atoi(f)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("shape (%.60s)", text)
		}
		dims = append(dims, n)
	}
	if len(dims) > 8 {
		return nil, fmt.Errorf("%d dimensions", len(dims))
	}
	return dims, nil
}

// WriteNPY writes float32 numbers as NumPy's array file of the given shape.
func WriteNPY(w io.Writer, rows []float32, shape ...int) error {
	dims := ""
	for _, d := range shape {
		dims += strconv.Itoa(d) + ", "
	}
	if len(shape) > 1 {
		dims = strings.TrimSuffix(dims, ", ")
	}
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", strings.TrimSuffix(dims, " "))
	header += strings.Repeat(" ", 63-(len(header)+10)%64) + "\n"
	head := append(slices.Clone(npyMagic), 1, 0)
	head = binary.LittleEndian.AppendUint16(head, uint16(len(header)))
	_, err := w.Write(append(append(head, header...), tensor.Of(rows, len(rows)).Bytes()...))
	return err
}
