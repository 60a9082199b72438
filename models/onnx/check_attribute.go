package onnx

// values lists which of the attribute's fields are set.
func (a *Attribute) values() (set []AttributeType) {
	for _, v := range []struct {
		kind AttributeType
		set  bool
	}{
		{FloatAttribute, a.F != 0 || a.zeros&bit(2) != 0}, {IntAttribute, a.I != 0 || a.zeros&bit(3) != 0}, {StringAttribute, a.S != nil},
		{TensorAttribute, a.T != nil}, {GraphAttribute, a.G != nil}, {FloatsAttribute, len(a.Floats) > 0}, {IntsAttribute, len(a.Ints) > 0},
		{StringsAttribute, len(a.Strings) > 0}, {TensorsAttribute, len(a.Tensors) > 0}, {GraphsAttribute, len(a.Graphs) > 0},
		{SparseTensorAttribute, a.SparseTensor != nil}, {SparseTensorsAttribute, len(a.SparseTensors) > 0},
		{TypeProtoAttribute, a.TypeProto != nil}, {TypeProtosAttribute, len(a.TypeProtos) > 0},
	} {
		if v.set {
			set = append(set, v.kind)
		}
	}
	return set
}

// list reports a type that may be empty.
func (t AttributeType) list() bool {
	switch t {
	case FloatsAttribute, IntsAttribute, StringsAttribute, TensorsAttribute, GraphsAttribute, SparseTensorsAttribute, TypeProtosAttribute:
		return true
	}
	return false
}

func (c *checker) attribute(at string, a *Attribute, n *names) {
	at += ": attribute " + a.Name
	set := a.values()
	switch {
	case a.Name == "":
		c.problem("%s: no name", at)
	case a.RefAttrName != "" && (len(set) > 0 || !c.inFunction):
		c.problem("%s refers to %q: only in a function's body, and without a value of its own", at, a.RefAttrName)
	case a.RefAttrName != "":
	case a.Type == UndefinedAttribute && c.model.IRVersion >= 2:
		c.problem("%s: no type", at)
	case len(set) > 1 || len(set) == 1 && a.Type != UndefinedAttribute && set[0] != a.Type || len(set) == 0 && !a.Type.list():
		c.problem("%s: declared type %d, values of types %d", at, a.Type, set)
	}
	if a.T != nil {
		c.tensor(at, a.T)
	}
	for _, g := range append(a.Graphs[:len(a.Graphs):len(a.Graphs)], a.G) {
		if g != nil {
			c.graph(at, g, n)
		}
	}
}
