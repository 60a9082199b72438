package export

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"fmtool/models/flow"
	"fmtool/models/onnx"
)

// bundleFormat begins every manifest.
const bundleFormat = "fmtool bundle 1"

// Manifest describes a bundle; manifest.json. What it says of the model and its graphs is what the graphs' own metadata, inputs and outputs say.
type Manifest struct {
	Format   string             `json:"format"`
	Model    ModelFacts         `json:"model"`
	Training map[string]string  `json:"training"` // facts of the run, by their metadata keys
	Graphs   []GraphEntry       `json:"graphs"`
	Absent   map[string]string  `json:"absent"` // graphs that the model does not have, and why
	Files    map[string]FileSum `json:"files"`  // all but manifest.json
}

// FileSum is what a file must be.
type FileSum struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// SumOf is what a file of these bytes must be.
func SumOf(b []byte) FileSum { return FileSum{int64(len(b)), fmt.Sprintf("%x", sha256.Sum256(b))} }

// ModelFacts say what the numbers of all graphs mean.
type ModelFacts struct {
	Dims         []int           `json:"dims"`
	Columns      []string        `json:"columns,omitempty"`
	Time         string          `json:"time"`
	TimeRange    [2]float64      `json:"time_range"` // of training
	Schedule     string          `json:"schedule"`
	Prediction   string          `json:"prediction"` // of the network, inside the graphs
	Grid         string          `json:"grid"`       // of the steps
	Source       string          `json:"source"`     // where the flow starts
	Coupling     string          `json:"coupling"`
	Noise        string          `json:"noise"`
	Normaliser   NormaliserFacts `json:"normaliser"`
	Condition    ConditionFacts  `json:"condition"`
	Architecture json.RawMessage `json:"architecture"`
	Parameters   int             `json:"parameters"`
}

// NormaliserFacts are a flow.Normaliser; data = model space · scale + mean.
type NormaliserFacts struct {
	Kind     string    `json:"kind"`
	Mean     []float32 `json:"mean"`
	Scale    []float32 `json:"scale"`
	Constant []bool    `json:"constant,omitempty"`
}

// ConditionFacts are a flow.Condition; class Classes stands for none.
type ConditionFacts struct {
	Kind    string   `json:"kind"`
	Classes int      `json:"classes,omitempty"`
	Width   int      `json:"width,omitempty"`
	Names   []string `json:"names,omitempty"`
	Drop    float64  `json:"drop"`
}

// GraphEntry describes one graph.
type GraphEntry struct {
	Name    string      `json:"name"`
	File    string      `json:"file"`
	Weights string      `json:"weights"`         // "inside the file", or the file that has them
	State   string      `json:"state,omitempty"` // of a training step, to begin with
	IR      int64       `json:"ir_version"`
	Opset   int64       `json:"opset"`
	Runtime string      `json:"onnxruntime"` // the oldest that loads it
	Solver  string      `json:"solver,omitempty"`
	Parity  string      `json:"parity"`
	Doc     string      `json:"doc"`
	Inputs  []PortEntry `json:"inputs"`
	Outputs []PortEntry `json:"outputs"`
	Test    *TestData   `json:"test"`
}

// PortEntry describes an input or output of a graph.
type PortEntry struct {
	Name    string   `json:"name"`
	Type    string   `json:"dtype"`
	Dims    []string `json:"dims"`
	Units   string   `json:"units"`
	Meaning string   `json:"meaning"`
}

// TestData are inputs of a graph and its outputs in float64, input_K.pb and output_K.pb, K the place of the input or output: a TensorProto each. An output passes if
// max(|got − want| − slack, 0)/(scale · unit) is at most the tolerance at each number; scale 0 stands for equality. In data units, unit is the normaliser's scale
// of the column and slack 2⁻²³ max(|mean|, |want|), what rounding to float32 may cost; otherwise unit is 1 and slack 0.
type TestData struct {
	Folder    string    `json:"folder"`
	Tolerance float64   `json:"tolerance"`
	Scales    []float64 `json:"scales"` // of the outputs
}

// file is the name of an input or output.
func (t *TestData) file(prefix string, i int) string {
	return fmt.Sprintf("%s/%s_%d.pb", t.Folder, prefix, i)
}

// inside says that a graph's weights have no file of their own.
const inside = "inside the file"

// unitsOf are the units in a meaning, the first that it names.
func unitsOf(meaning string) string {
	for _, units := range []string{"nats", "model space", "data units"} {
		if strings.Contains(meaning, units) {
			return units
		}
	}
	return "none"
}

// graphOf describes the file of the graph called name; model is what it says of the numbers, the same in every graph of a model.
func graphOf(file []byte, name string) (g *GraphEntry, model *ModelFacts, err error) {
	m, err := onnx.Unmarshal(file)
	if err != nil {
		return nil, nil, err
	}
	meta := m.Metadata()
	if kind, err := flow.KindOf(meta); err != nil || string(kind) != name {
		return nil, nil, fmt.Errorf("export: the file of %s holds a %q (%w)", name, kind, cmp.Or(err, flow.Unknown("graph", string(kind), []string{name})))
	}
	g = &GraphEntry{Name: name, File: name + ".onnx", Weights: inside, IR: m.IRVersion, Runtime: meta[keyRuntime], Solver: meta[keySolver], Parity: meta[keyParity], Doc: m.DocString}
	for _, o := range m.OpsetImport {
		if o.Domain == "" {
			g.Opset = o.Version
		}
	}
	manual := ManualOf(m, g.File)
	g.Inputs, g.Outputs = portEntries(manual.Inputs), portEntries(manual.Outputs)
	model, err = modelFacts(meta)
	return g, model, err
}

func portEntries(ports []Port) (list []PortEntry) {
	for _, p := range ports {
		list = append(list, PortEntry{p.Name, p.Type, p.Dims, unitsOf(p.Meaning), p.Meaning})
	}
	return list
}

// modelFacts are those in the metadata of a graph.
func modelFacts(meta map[string]string) (*ModelFacts, error) {
	s, err := flow.ParseSpec(meta)
	if err != nil {
		return nil, err
	}
	parameters, err := strconv.Atoi(meta[keyParameters])
	if err != nil || !json.Valid([]byte(meta[keyArchitecture])) {
		return nil, fmt.Errorf("export: the metadata %s and %s are not whole", keyParameters, keyArchitecture)
	}
	n, c := s.Normaliser, s.Condition
	return &ModelFacts{
		Dims: s.Dims, Columns: s.Columns, Time: meta[flow.Prefix+"time"], TimeRange: [2]float64{s.TimeMin, s.TimeMax}, Schedule: s.Schedule.Name(),
		Prediction: cmp.Or(meta[keyNetwork], s.Prediction.String()), Grid: cmp.Or(s.Grid.String(), "uniform"), Source: cmp.Or(string(s.Source), "noise"),
		Coupling: cmp.Or(string(s.Coupling), "independent"), Noise: meta[flow.Prefix+"noise"],
		Normaliser:   NormaliserFacts{n.Kind, n.Mean, n.Scale, n.Constant},
		Condition:    ConditionFacts{string(c.Kind), c.Classes, c.Width, c.Names, c.Drop},
		Architecture: json.RawMessage(meta[keyArchitecture]), Parameters: parameters,
	}, nil
}
