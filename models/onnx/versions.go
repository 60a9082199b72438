package onnx

import (
	"fmt"

	"fmtool/models/graph"
)

// What is read: files of these versions. An operator whose definition changed since opset 18, the canonical one, only gained element types or attributes
// for types that programs here do not have; the rows below say where more is to do.
const (
	oldestIR, newestIR       = 3, 14
	oldestOpset, newestOpset = 1, 28
)

// row says since which opset an operator exists, how its older definitions are turned into the canonical one, and how that is lowered.
type row struct {
	since int
	read  []change // for a node of an opset below the change's
	write []change // for a profile of an opset below the change's
}

// change turns one definition of an operator into another.
type change struct {
	below int
	apply func(*conversion) error
}

// conversion is a node on its way between definitions; changes edit it in place, or set out and so replace the node.
type conversion struct {
	op      string
	name    string // of the node
	version int    // opset
	in      []*graph.Value
	attrs   graph.Attrs
	outputs int
	out     []*graph.Value

	b        *graph.Builder                             // reading: for the nodes and constants a change adds
	constant func(name string, list []int) *graph.Value // writing: for the constants a change adds
}

func (c *conversion) run(changes []change) error {
	for _, ch := range changes {
		if c.version < ch.below && c.out == nil {
			if err := ch.apply(c); err != nil {
				return err
			}
		}
	}
	return nil
}

const always = newestOpset + 1

// versions has a row for each operator of the graph's table, and for older names of them.
var versions = map[string]row{
	"Abs":        {since: 1},
	"Ceil":       {since: 1},
	"Cos":        {since: 7},
	"Elu":        {since: 1},
	"Erf":        {since: 9},
	"Exp":        {since: 1},
	"Floor":      {since: 1},
	"Identity":   {since: 1},
	"LeakyRelu":  {since: 1},
	"Log":        {since: 1},
	"Neg":        {since: 1},
	"Not":        {since: 1},
	"Reciprocal": {since: 1},
	"Relu":       {since: 1},
	"Selu":       {since: 1, read: []change{{6, roundedSelu}}},
	"Sigmoid":    {since: 1},
	"Sign":       {since: 9},
	"Sin":        {since: 7},
	"Softplus":   {since: 1},
	"Sqrt":       {since: 1},
	"Tanh":       {since: 1},

	"Add":            {since: 1, read: []change{{7, axisBroadcast}}},
	"And":            {since: 1, read: []change{{7, axisBroadcast}}},
	"BitShift":       {since: 11},
	"BitwiseAnd":     {since: 18},
	"BitwiseNot":     {since: 18},
	"BitwiseOr":      {since: 18},
	"BitwiseXor":     {since: 18},
	"Div":            {since: 1, read: []change{{7, axisBroadcast}}},
	"Equal":          {since: 1, read: []change{{7, axisBroadcast}}},
	"Greater":        {since: 1, read: []change{{7, axisBroadcast}}},
	"GreaterOrEqual": {since: 12},
	"Less":           {since: 1, read: []change{{7, axisBroadcast}}},
	"LessOrEqual":    {since: 12},
	"Max":            {since: 1},
	"Min":            {since: 1},
	"Mod":            {since: 10, write: []change{{28, noFloorMod}}},
	"Mul":            {since: 1, read: []change{{7, axisBroadcast}}},
	"Or":             {since: 1, read: []change{{7, axisBroadcast}}},
	"Pow":            {since: 1, read: []change{{7, axisBroadcast}}},
	"Sub":            {since: 1, read: []change{{7, axisBroadcast}}},
	"Where":          {since: 9},
	"Xor":            {since: 1, read: []change{{7, axisBroadcast}}},

	"Cast": {since: 1, read: []change{{6, castByName}, {always, castKnown}}, write: []change{{always, without("saturate")}}},
	"Clip": {since: 1, read: []change{{11, boundsFromAttributes}}},

	"Constant":        {since: 1, read: []change{{always, constant}}},
	"ConstantOfShape": {since: 9},
	"Range":           {since: 11, read: []change{{always, without("stash_type")}}, write: []change{{27, noHalf}}},
	"Shape":           {since: 1},

	"Concat":          {since: 1, read: []change{{4, axisOne}}},
	"Expand":          {since: 8},
	"Flatten":         {since: 1},
	"Gather":          {since: 1},
	"OneHot":          {since: 9},
	"Reshape":         {since: 1, read: []change{{5, intsToInput("shape")}}},
	"Scatter":         {since: 9, read: []change{{always, renamed("ScatterElements")}}},
	"ScatterElements": {since: 11, write: []change{{18, noExtremes}}},
	"Slice":           {since: 1, read: []change{{10, sliceFromAttributes}}},
	"Split":           {since: 1, read: []change{{13, intsToInput("split")}, {18, countParts}}, write: []change{{18, evenParts}}},
	"Squeeze":         {since: 1, read: []change{{13, intsToInput("axes")}}},
	"Transpose":       {since: 1},
	"Unsqueeze":       {since: 1, read: []change{{13, intsToInput("axes")}}},

	"Gemm":                  {since: 1, read: []change{{7, without("broadcast")}}},
	"InstanceNormalization": {since: 1},
	"LayerNormalization":    {since: 17},
	"MatMul":                {since: 1},
	"ReduceMax":             {since: 1, read: []change{{18, intsToInput("axes")}}, write: []change{{20, noBool}, {18, axesToAttribute}}},
	"ReduceMean":            {since: 1, read: []change{{18, intsToInput("axes")}}, write: []change{{18, axesToAttribute}}},
	"ReduceSum":             {since: 1, read: []change{{13, intsToInput("axes")}}},
	"Softmax":               {since: 1, read: []change{{13, softmaxOfMatrix}}},

	"If":   {since: 1},
	"Loop": {since: 1},
}

// lookup returns the row of an operator for a node of the given opset.
func lookup(op string, version int) (row, error) {
	r, ok := versions[op]
	switch {
	case !ok:
		return r, notRead("operator %s is not in the table of operators", op)
	case version < r.since:
		return r, fmt.Errorf("operator %s exists since opset %d, the model imports %d", op, r.since, version)
	}
	return r, nil
}
