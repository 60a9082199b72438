package onnx

import (
	"regexp"
	"strconv"

	"fmtool/models/graph"
)

// typeOf is a tensor's declared type.
func typeOf(t *Type) (graph.Type, error) {
	if t == nil || t.Tensor == nil {
		return graph.Type{}, notRead("it is not declared as a tensor; sequences, maps, optionals and sparse tensors are not read")
	}
	d, err := dtypeOf(t.Tensor.ElemType)
	if err != nil {
		return graph.Type{}, err
	}
	if t.Tensor.Shape == nil {
		return graph.Type{DType: d}, nil
	}
	s := graph.Shape{}
	for _, dim := range t.Tensor.Shape.Dim {
		s = append(s, dim.length())
	}
	return graph.Type{DType: d, Shape: s}, nil
}

// linearForm is how graph.Dim prints 2*batch+1.
var linearForm = regexp.MustCompile(`^(?:([1-9][0-9]{0,8})\*)?([A-Za-z_][A-Za-z_0-9]*)([+-][1-9][0-9]{0,8})?$`)

func (d *Dimension) length() graph.Dim {
	switch {
	case d.Value != nil && *d.Value >= 0:
		return graph.Fix(int(*d.Value))
	case d.Param == nil || *d.Param == "":
		return graph.Unknown
	}
	part := linearForm.FindStringSubmatch(*d.Param)
	if part == nil {
		return graph.Sym(*d.Param)
	}
	times, _ := strconv.Atoi(part[1])
	plus, _ := strconv.Atoi(part[3])
	return graph.Dim{Name: part[2], Times: max(times, 1), Plus: plus}
}

func (w *writer) declare(name string, t graph.Type) *ValueInfo {
	return &ValueInfo{Name: name, Type: typeMessage(t)}
}

func typeMessage(t graph.Type) *Type {
	tt := &TensorType{ElemType: int32(graph.Code(t.DType))}
	if t.Shape != nil {
		tt.Shape = &Shape{}
	}
	for _, d := range t.Shape {
		dim := &Dimension{}
		if n, ok := d.Fixed(); ok {
			length := int64(n)
			dim.Value = &length
		} else if d.Known() {
			name := d.String()
			dim.Param = &name
		}
		tt.Shape.Dim = append(tt.Shape.Dim, dim)
	}
	return &Type{Tensor: tt}
}

// Length is the dimension as programs have it: fixed, a linear form of a name such as 2*batch+1, or unknown.
func (d *Dimension) Length() graph.Dim { return d.length() }
