package onnx_test

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"fmtool/models/onnx"
	"fmtool/models/tensor"
)

// sample is a small file with most kinds of fields, and one field (number 99) that the schema does not have.
func sample(t testing.TB) []byte {
	t.Helper()
	m := &onnx.Model{
		IRVersion: 10, OpsetImport: []*onnx.OperatorSetID{{Version: 21}},
		MetadataProps: []*onnx.StringStringEntry{{Key: "k", Value: ""}},
		TrainingInfo:  []*onnx.TrainingInfo{{Algorithm: &onnx.Graph{Name: "step"}, UpdateBinding: []*onnx.StringStringEntry{{Key: "a", Value: "b"}}}},
		Configuration: []*onnx.DeviceConfiguration{{Name: "two", NumDevices: 2, Device: []string{"a", "b"}}},
		Functions:     []*onnx.Function{{ValueInfo: []*onnx.ValueInfo{{Name: "x", Type: &onnx.Type{Opaque: &onnx.OpaqueType{Domain: "d", Name: "n"}}}}, Name: "F", Domain: "d", Input: []string{"x"}, Output: []string{"y"}, Overload: "o"}},
		Main: &onnx.Graph{
			Name: "g",
			Node: []*onnx.Node{{
				OpType: "If", Input: []string{"", "c"}, Output: []string{"y"},
				Attribute: []*onnx.Attribute{
					{Name: "f", Type: onnx.FloatAttribute, F: float32(math.Copysign(0, -1))},
					{Name: "ints", Type: onnx.IntsAttribute, Ints: []int64{-1, 0, 1 << 40}},
					{Name: "then", Type: onnx.GraphAttribute, G: &onnx.Graph{Name: "inner"}},
					{Name: "type", Type: onnx.TypeProtoAttribute, TypeProto: &onnx.Type{Map: &onnx.MapType{KeyType: 7, ValueType: &onnx.Type{Optional: &onnx.OptionalType{ElemType: &onnx.Type{Tensor: &onnx.TensorType{ElemType: 1}}}}}}},
				},
				DeviceConfigurations: []*onnx.NodeDeviceConfiguration{{ConfigurationID: "two", ShardingSpec: []*onnx.ShardingSpec{{
					TensorName: "y", Device: []int64{0, 1}, IndexToDeviceGroupMap: []*onnx.IntIntListEntry{{Key: 1, Value: []int64{2}}},
					ShardedDim: []*onnx.ShardedDim{{Axis: 1, SimpleSharding: []*onnx.SimpleShardedDim{{Param: new("n"), NumShards: 2}}}},
				}}}},
			}},
			Initializer: []*onnx.Tensor{
				{Name: "h", DataType: 1, Dims: []int64{2}, FloatData: []float32{1, 2}},
				{Name: "s", DataType: 8, Dims: []int64{1}, StringData: [][]byte{[]byte("text")}},
				{Name: "far", DataType: 16, DataLocation: 1, ExternalData: []*onnx.StringStringEntry{{Key: "location", Value: "w.bin"}}},
			},
			SparseInitializer: []*onnx.SparseTensor{{Values: &onnx.Tensor{Name: "sp", DataType: 1}, Indices: &onnx.Tensor{DataType: 7}, Dims: []int64{3}}},
			Input:             []*onnx.ValueInfo{{Name: "c", Type: &onnx.Type{Tensor: &onnx.TensorType{ElemType: 9, Shape: &onnx.Shape{Dim: []*onnx.Dimension{{Value: new(int64(0))}, {Param: new("")}, {}}}}}}},
		},
	}
	b := m.Marshal()
	b = protowire.AppendTag(b, 99, protowire.BytesType)
	return protowire.AppendString(b, "from the future")
}

// Writing what was read gives the same message, unknown fields, explicit zeros and the sign of zero included.
func TestMarshalUnmarshal(t *testing.T) {
	file := sample(t)
	m, err := onnx.Unmarshal(file)
	if err != nil {
		t.Fatal(err)
	}
	again, err := onnx.Unmarshal(m.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m, again) || !bytes.Equal(m.Marshal(), file) {
		t.Error("not the same message")
	}
	dims := m.Main.Input[0].Type.Tensor.Shape.Dim
	if dims[0].Value == nil || dims[1].Param == nil || dims[2].Value != nil || dims[2].Param != nil {
		t.Error("0, an empty name and nothing at all are not told apart")
	}
	if f := m.Main.Node[0].Attribute[0].F; !math.Signbit(float64(f)) {
		t.Error("-0 became 0")
	}
}

// Lists of numbers are read packed and unpacked, and written as they were.
func TestPackedAndUnpacked(t *testing.T) {
	var unpacked, packed, list []byte
	for _, v := range []uint64{2, 3} {
		unpacked = protowire.AppendVarint(protowire.AppendTag(unpacked, 1, protowire.VarintType), v)
		list = protowire.AppendVarint(list, v)
	}
	packed = protowire.AppendBytes(protowire.AppendTag(packed, 1, protowire.BytesType), list)
	rest := (&onnx.Model{Main: &onnx.Graph{Initializer: []*onnx.Tensor{{DataType: 1, RawData: make([]byte, 24)}}}}).Marshal()
	tensorBytes := rest[4:] // after the tags and lengths of graph and initialiser
	for name, dims := range map[string][]byte{"unpacked": unpacked, "packed": packed} {
		v, err := onnx.UnmarshalTensor(append(bytes.Clone(dims), tensorBytes...))
		if err != nil || v.String() != "float32[2 3]" {
			t.Errorf("%s: %v, %v", name, v, err)
		}
		graph := protowire.AppendBytes(protowire.AppendTag(nil, 5, protowire.BytesType), append(bytes.Clone(dims), tensorBytes...))
		file := protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType), graph)
		m, err := onnx.Unmarshal(file)
		if err != nil || !bytes.Equal(m.Marshal(), file) {
			t.Errorf("%s: written otherwise than read (%v)", name, err)
		}
	}
}

// Of a oneof the last one counts, as in every protobuf reader.
func TestOneof(t *testing.T) {
	dim := protowire.AppendString(protowire.AppendTag(protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 5), 2, protowire.BytesType), "n")
	b := dim
	for _, num := range []protowire.Number{1, 2, 1, 2, 11, 7} { // dim, shape, tensor type, type, input, graph
		b = protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), b)
	}
	m, err := onnx.Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	d := m.Main.Input[0].Type.Tensor.Shape.Dim[0]
	if d.Value != nil || d.Param == nil || *d.Param != "n" {
		t.Errorf("value %v and name %v, want the name alone", d.Value, d.Param)
	}
}

// Damaged files are refused with an error.
func TestDamagedFiles(t *testing.T) {
	file := sample(t)
	deep := []byte{}
	for range 200 { // a graph in a graph in a graph …
		deep = protowire.AppendBytes(protowire.AppendTag(nil, 6, protowire.BytesType), deep)
		deep = protowire.AppendBytes(protowire.AppendTag(nil, 5, protowire.BytesType), deep)
		deep = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), deep)
	}
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"text", []byte("# a text file\n"), "not an ONNX file"},
		{"deep", protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType), deep), "nest more than 100 deep"},
		{"huge length", append(protowire.AppendTag(nil, 7, protowire.BytesType), 0xff, 0xff, 0xff, 0xff, 0x7f), "unexpected EOF"},
		{"many messages", protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType), bytes.Repeat([]byte{0x0a, 0}, 2<<20+1)), "more than 2097152 messages"},
		{"half a number", protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType), []byte{0x2a, 4, 0x22, 2, 0, 0}), "ends inside a number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := onnx.Unmarshal(c.file); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	refused := 0
	for n := range file {
		if m, err := onnx.Unmarshal(file[:n]); err != nil {
			refused++
		} else if _, err := m.Graph(); err == nil {
			t.Errorf("cut to %d bytes it is a program", n)
		}
	}
	if refused < len(file)/2 {
		t.Errorf("only %d of %d cut files are refused by the reader", refused, len(file))
	}
}

// Tensors keep their numbers through both forms of storage; what does not fit is refused.
func TestTensorValues(t *testing.T) {
	for _, c := range []struct {
		name string
		t    onnx.Tensor
		want tensor.Tensor // absent: refused
		err  string
	}{
		{"float data", onnx.Tensor{DataType: 1, Dims: []int64{2, 1}, FloatData: []float32{1, -2}}, tensor.Of([]float32{1, -2}, 2, 1), ""},
		{"half bits", onnx.Tensor{DataType: 10, Dims: []int64{1}, Int32Data: []int32{0x3c00}}, tensor.Of([]tensor.Half{0x3c00}, 1), ""},
		{"bool", onnx.Tensor{DataType: 9, Dims: []int64{2}, Int32Data: []int32{0, 1}}, tensor.Of([]bool{false, true}, 2), ""},
		{"int8", onnx.Tensor{DataType: 3, Dims: []int64{2}, Int32Data: []int32{-128, 127}}, tensor.Of([]int8{-128, 127}, 2), ""},
		{"uint32", onnx.Tensor{DataType: 12, Dims: []int64{1}, Uint64Data: []uint64{1<<32 - 1}}, tensor.Of([]uint32{1<<32 - 1}, 1), ""},
		{"double", onnx.Tensor{DataType: 11, DoubleData: []float64{math.Pi}}, tensor.Scalar(math.Pi), ""},
		{"raw", onnx.Tensor{DataType: 7, Dims: []int64{1}, RawData: []byte{1, 1, 0, 0, 0, 0, 0, 0}}, tensor.Of([]int64{257}, 1), ""},
		{"empty", onnx.Tensor{DataType: 1, Dims: []int64{0, 3}}, tensor.New(tensor.Float32, 0, 3), ""},
		{"too few", onnx.Tensor{Name: "w", DataType: 1, Dims: []int64{3}, FloatData: []float32{1}}, tensor.Tensor{}, `tensor "w": 1 elements for float32[3], want 3`},
		{"short raw", onnx.Tensor{DataType: 1, Dims: []int64{3}, RawData: []byte{1}}, tensor.Tensor{}, "1 bytes"},
		{"negative", onnx.Tensor{DataType: 1, Dims: []int64{-1}}, tensor.Tensor{}, "shape [-1]"},
		{"overflow", onnx.Tensor{DataType: 1, Dims: []int64{1 << 40, 1 << 40}}, tensor.Tensor{}, "shape"},
		{"overflow to 0", onnx.Tensor{DataType: 1, Dims: []int64{1 << 32, 1 << 32, 0}}, tensor.Tensor{}, "shape"},
		{"string", onnx.Tensor{DataType: 8, Dims: []int64{1}, StringData: [][]byte{{}}}, tensor.Tensor{}, "type string"},
		{"external", onnx.Tensor{DataType: 1, DataLocation: 1}, tensor.Tensor{}, "in another file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.t.Value()
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, error %v; want %q", got, err, c.err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got.Any(), c.want.Any()) || got.String() != c.want.String() {
				t.Errorf("%v %v (%v), want %v %v", got, got.Any(), err, c.want, c.want.Any())
			}
			back, err := onnx.TensorOf("x", got).Value()
			if err != nil || !reflect.DeepEqual(back, got) {
				t.Errorf("as a message and back: %v (%v)", back, err)
			}
		})
	}
}

// No input panics, and what is read is written and read again as the same message.
func FuzzUnmarshal(f *testing.F) {
	f.Add(sample(f))
	f.Add([]byte{})
	f.Add([]byte{0x3a, 0x02, 0x0a, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := onnx.Unmarshal(b)
		if err != nil {
			return
		}
		again, err := onnx.Unmarshal(m.Marshal())
		if err != nil {
			t.Fatalf("what was written is refused: %v", err)
		}
		if !bytes.Equal(again.Marshal(), m.Marshal()) {
			t.Fatal("written otherwise the second time")
		}
		_, _ = m.Graph()
		_ = m.Check()
	})
}
