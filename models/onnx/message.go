package onnx

// A Model is a whole file: a graph with what its reader must know to run it.
type Model struct {
	IRVersion       int64
	OpsetImport     []*OperatorSetID
	ProducerName    string
	ProducerVersion string
	Domain          string
	ModelVersion    int64
	DocString       string
	Main            *Graph // Model.Graph converts it to a program
	MetadataProps   []*StringStringEntry
	TrainingInfo    []*TrainingInfo
	Functions       []*Function
	Configuration   []*DeviceConfiguration
	rest
}

// OperatorSetID says that operators of Domain mean what its version says; "" and "ai.onnx" are ONNX's own.
type OperatorSetID struct {
	Domain  string
	Version int64
	rest
}

// StringStringEntry is one pair of metadata.
type StringStringEntry struct {
	Key, Value string
	rest
}

// Graph is nodes in an order in which each follows the producers of its inputs, which are named.
type Graph struct {
	Node                   []*Node
	Name                   string
	Initializer            []*Tensor
	SparseInitializer      []*SparseTensor
	DocString              string
	Input, Output          []*ValueInfo
	ValueInfo              []*ValueInfo
	QuantizationAnnotation []*TensorAnnotation
	MetadataProps          []*StringStringEntry
	rest
}

// Node applies an operator, or a function of the model. An empty input name is an omitted input.
type Node struct {
	Input, Output        []string
	Name                 string
	OpType               string
	Attribute            []*Attribute
	DocString            string
	Domain               string
	Overload             string
	MetadataProps        []*StringStringEntry
	DeviceConfigurations []*NodeDeviceConfiguration
	rest
}

// AttributeType says which field of an Attribute holds its value.
type AttributeType int32

// The types of attributes.
const (
	UndefinedAttribute AttributeType = iota
	FloatAttribute
	IntAttribute
	StringAttribute
	TensorAttribute
	GraphAttribute
	FloatsAttribute
	IntsAttribute
	StringsAttribute
	TensorsAttribute
	GraphsAttribute
	SparseTensorAttribute
	SparseTensorsAttribute
	TypeProtoAttribute
	TypeProtosAttribute
)

// Attribute is a named value of a node, in the field that Type says. In a function's body it may instead refer to an attribute of the call.
type Attribute struct {
	Name          string
	F             float32
	I             int64
	S             []byte
	T             *Tensor
	G             *Graph
	Floats        []float32
	Ints          []int64
	Strings       [][]byte
	Tensors       []*Tensor
	Graphs        []*Graph
	DocString     string
	TypeProto     *Type
	TypeProtos    []*Type
	Type          AttributeType
	RefAttrName   string
	SparseTensor  *SparseTensor
	SparseTensors []*SparseTensor
	rest
}

// Tensor is an array: Dims, DataType and the numbers in RawData or in the typed field for that data type, or in another file.
type Tensor struct {
	Dims          []int64
	DataType      int32
	Segment       *Segment
	FloatData     []float32
	Int32Data     []int32
	StringData    [][]byte
	Int64Data     []int64
	Name          string
	RawData       []byte // little-endian; nil if absent
	DoubleData    []float64
	Uint64Data    []uint64
	DocString     string
	ExternalData  []*StringStringEntry
	DataLocation  int32 // 1: in another file, as ExternalData says
	MetadataProps []*StringStringEntry
	rest
}

// Segment is a part of a tensor's elements (unused by current writers).
type Segment struct {
	Begin, End int64
	rest
}

// SparseTensor is the values of some elements and where they are.
type SparseTensor struct {
	Values, Indices *Tensor
	Dims            []int64
	rest
}

// ValueInfo is the declared type of a value.
type ValueInfo struct {
	Name          string
	Type          *Type
	DocString     string
	MetadataProps []*StringStringEntry
	rest
}

// Type is the type of a value: one of its fields is set.
type Type struct {
	Tensor       *TensorType
	Sequence     *SequenceType
	Map          *MapType
	Denotation   string
	Opaque       *OpaqueType
	SparseTensor *SparseTensorType
	Optional     *OptionalType
	rest
}

// TensorType is an element type and a shape; a nil Shape is of unknown rank.
type TensorType struct {
	ElemType int32
	Shape    *Shape
	rest
}

// SparseTensorType is as TensorType.
type SparseTensorType struct {
	ElemType int32
	Shape    *Shape
	rest
}

// SequenceType is a list of values of one type.
type SequenceType struct {
	ElemType *Type
	rest
}

// OptionalType is a value or none.
type OptionalType struct {
	ElemType *Type
	rest
}

// OpaqueType is a type that its domain alone knows.
type OpaqueType struct {
	Domain, Name string
	rest
}

// MapType maps keys of an integer or string type to values.
type MapType struct {
	KeyType   int32
	ValueType *Type
	rest
}

// Shape is the dimensions.
type Shape struct {
	Dim []*Dimension
	rest
}

// Dimension is a length (Value), a name standing for one (Param), or unknown (neither).
type Dimension struct {
	Value      *int64
	Param      *string
	Denotation string
	rest
}

// Function is a graph that nodes call by Domain, Name and Overload.
type Function struct {
	Name           string
	Input, Output  []string
	Attribute      []string
	Node           []*Node
	DocString      string
	OpsetImport    []*OperatorSetID
	Domain         string
	AttributeProto []*Attribute // attributes with default values
	ValueInfo      []*ValueInfo
	Overload       string
	MetadataProps  []*StringStringEntry
	rest
}

// TrainingInfo is a training step as ONNX's training extension has it.
type TrainingInfo struct {
	Initialization, Algorithm            *Graph
	InitializationBinding, UpdateBinding []*StringStringEntry
	rest
}

// TensorAnnotation names the quantisation parameters of a tensor.
type TensorAnnotation struct {
	TensorName                string
	QuantParameterTensorNames []*StringStringEntry
	rest
}

// DeviceConfiguration is a set of devices that nodes may refer to.
type DeviceConfiguration struct {
	Name       string
	NumDevices int32
	Device     []string
	rest
}

// NodeDeviceConfiguration says how a node is spread over the devices of a configuration.
type NodeDeviceConfiguration struct {
	ConfigurationID string
	ShardingSpec    []*ShardingSpec
	PipelineStage   int32
	rest
}

// ShardingSpec says how one tensor is spread.
type ShardingSpec struct {
	TensorName            string
	Device                []int64
	IndexToDeviceGroupMap []*IntIntListEntry
	ShardedDim            []*ShardedDim
	rest
}

// IntIntListEntry maps a device group to its devices.
type IntIntListEntry struct {
	Key   int64
	Value []int64
	rest
}

// ShardedDim says how one dimension is cut.
type ShardedDim struct {
	Axis           int64
	SimpleSharding []*SimpleShardedDim
	rest
}

// SimpleShardedDim cuts a dimension of length Value or Param in NumShards.
type SimpleShardedDim struct {
	Value     *int64
	Param     *string
	NumShards int64
	rest
}
