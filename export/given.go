package export

import (
	"fmt"

	"fmtool/models"
	"fmtool/models/onnx"
	"fmtool/runtime"
)

// Given is the model of a velocity file, one that Declare made or one of a run, for File to make other graphs of, and what else the file says of it. The
// native reader must know all its operators.
func Given(file []byte) (*models.Model, map[string]string, error) {
	spec, meta, err := runtime.Describe(file)
	if err != nil {
		return nil, nil, err
	}
	f, err := onnx.Unmarshal(file)
	if err != nil {
		return nil, nil, err
	}
	g, err := f.Graph()
	if err == nil {
		g, err = g.Flatten()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("export: no other graph can be made of the network: %w", err)
	}
	facts := map[string]string{}
	for _, key := range []string{keyDeclaration, keyNetwork} {
		if text, ok := meta[key]; ok {
			facts[key] = text
		}
	}
	m, err := models.FromGraph(spec, g)
	return m, facts, err
}
