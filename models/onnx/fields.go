package onnx

// The schema: for each message, its fields by number, in ascending order. The numbers are those of onnx.proto (IR version 14).

func (m *Model) fields() []field {
	return []field{
		integer(1, &m.IRVersion), text(2, &m.ProducerName), text(3, &m.ProducerVersion), text(4, &m.Domain), integer(5, &m.ModelVersion),
		text(6, &m.DocString), one(7, &m.Main), many(8, &m.OpsetImport), many(14, &m.MetadataProps), many(20, &m.TrainingInfo),
		many(25, &m.Functions), many(26, &m.Configuration),
	}
}

func (m *OperatorSetID) fields() []field {
	return []field{text(1, &m.Domain), integer(2, &m.Version)}
}

func (m *StringStringEntry) fields() []field {
	return []field{text(1, &m.Key), text(2, &m.Value)}
}

func (m *Graph) fields() []field {
	return []field{
		many(1, &m.Node), text(2, &m.Name), many(5, &m.Initializer), text(10, &m.DocString), many(11, &m.Input), many(12, &m.Output),
		many(13, &m.ValueInfo), many(14, &m.QuantizationAnnotation), many(15, &m.SparseInitializer), many(16, &m.MetadataProps),
	}
}

func (m *Node) fields() []field {
	return []field{
		texts(1, &m.Input), texts(2, &m.Output), text(3, &m.Name), text(4, &m.OpType), many(5, &m.Attribute), text(6, &m.DocString),
		text(7, &m.Domain), text(8, &m.Overload), many(9, &m.MetadataProps), many(10, &m.DeviceConfigurations),
	}
}

func (a *Attribute) fields() []field {
	return []field{
		text(1, &a.Name), float(2, &a.F), integer(3, &a.I), blob(4, &a.S), one(5, &a.T), one(6, &a.G), floats(7, &a.Floats, false),
		integers(8, &a.Ints, false), blobs(9, &a.Strings), many(10, &a.Tensors), many(11, &a.Graphs), text(13, &a.DocString),
		one(14, &a.TypeProto), many(15, &a.TypeProtos), integer(20, &a.Type), text(21, &a.RefAttrName), one(22, &a.SparseTensor),
		many(23, &a.SparseTensors),
	}
}

func (t *Tensor) fields() []field {
	return []field{
		integers(1, &t.Dims, false), integer(2, &t.DataType), one(3, &t.Segment), floats(4, &t.FloatData, true), integers(5, &t.Int32Data, true),
		blobs(6, &t.StringData), integers(7, &t.Int64Data, true), text(8, &t.Name), blob(9, &t.RawData), doubles(10, &t.DoubleData, true),
		integers(11, &t.Uint64Data, true), text(12, &t.DocString), many(13, &t.ExternalData), integer(14, &t.DataLocation),
		many(16, &t.MetadataProps),
	}
}

func (m *Segment) fields() []field { return []field{integer(1, &m.Begin), integer(2, &m.End)} }

func (m *SparseTensor) fields() []field {
	return []field{one(1, &m.Values), one(2, &m.Indices), integers(3, &m.Dims, false)}
}

func (m *ValueInfo) fields() []field {
	return []field{text(1, &m.Name), one(2, &m.Type), text(3, &m.DocString), many(4, &m.MetadataProps)}
}

func (m *Type) fields() []field {
	return oneof([]field{
		one(1, &m.Tensor), one(4, &m.Sequence), one(5, &m.Map), text(6, &m.Denotation), one(7, &m.Opaque), one(8, &m.SparseTensor),
		one(9, &m.Optional),
	}, 1, 4, 5, 7, 8, 9)
}

func (m *TensorType) fields() []field { return []field{integer(1, &m.ElemType), one(2, &m.Shape)} }
func (m *SparseTensorType) fields() []field {
	return []field{integer(1, &m.ElemType), one(2, &m.Shape)}
}
func (m *SequenceType) fields() []field { return []field{one(1, &m.ElemType)} }
func (m *OptionalType) fields() []field { return []field{one(1, &m.ElemType)} }
func (m *OpaqueType) fields() []field   { return []field{text(1, &m.Domain), text(2, &m.Name)} }
func (m *MapType) fields() []field      { return []field{integer(1, &m.KeyType), one(2, &m.ValueType)} }
func (m *Shape) fields() []field        { return []field{many(1, &m.Dim)} }

func (d *Dimension) fields() []field {
	return oneof([]field{maybeInteger(1, &d.Value), maybeText(2, &d.Param), text(3, &d.Denotation)}, 1, 2)
}

func (f *Function) fields() []field {
	return []field{
		text(1, &f.Name), texts(4, &f.Input), texts(5, &f.Output), texts(6, &f.Attribute), many(7, &f.Node), text(8, &f.DocString),
		many(9, &f.OpsetImport), text(10, &f.Domain), many(11, &f.AttributeProto), many(12, &f.ValueInfo), text(13, &f.Overload),
		many(14, &f.MetadataProps),
	}
}

func (m *TrainingInfo) fields() []field {
	return []field{one(1, &m.Initialization), one(2, &m.Algorithm), many(3, &m.InitializationBinding), many(4, &m.UpdateBinding)}
}

func (m *TensorAnnotation) fields() []field {
	return []field{text(1, &m.TensorName), many(2, &m.QuantParameterTensorNames)}
}

func (m *DeviceConfiguration) fields() []field {
	return []field{text(1, &m.Name), integer(2, &m.NumDevices), texts(3, &m.Device)}
}

func (m *NodeDeviceConfiguration) fields() []field {
	return []field{text(1, &m.ConfigurationID), many(2, &m.ShardingSpec), integer(3, &m.PipelineStage)}
}

func (m *ShardingSpec) fields() []field {
	return []field{text(1, &m.TensorName), integers(2, &m.Device, false), many(3, &m.IndexToDeviceGroupMap), many(4, &m.ShardedDim)}
}

func (m *IntIntListEntry) fields() []field {
	return []field{integer(1, &m.Key), integers(2, &m.Value, false)}
}

func (m *ShardedDim) fields() []field {
	return []field{integer(1, &m.Axis), many(2, &m.SimpleSharding)}
}

func (m *SimpleShardedDim) fields() []field {
	return oneof([]field{maybeInteger(1, &m.Value), maybeText(2, &m.Param), integer(3, &m.NumShards)}, 1, 2)
}
