package export

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/onnx"
)

// Options say how to export. The zero value lacks engines to check on; the rest is a good choice.
type Options struct {
	Checks
	Profile onnx.Profile      // zero: onnx.Wide
	Facts   map[string]string // of the training, metadata under flow.Prefix; they may not say otherwise than the model
}

// The metadata keys that Velocity adds to the spec's.
const (
	keyArchitecture = flow.Prefix + "architecture"    // kind and settings as JSON
	keyParameters   = flow.Prefix + "parameters"      // number of trained numbers
	keyRuntime      = flow.Prefix + "onnxruntime.min" // the oldest onnxruntime that loads the file
	keyParity       = flow.Prefix + "parity"          // engines whose results were compared with float64 before the file was written, and the bound
)

// Velocity returns the file of the model's velocity field and what its check found. It writes nothing to disk. When an engine deviates from the float64
// forward pass by more than the tolerance, the error tells by how much and where, and no bytes are returned.
func Velocity(ctx context.Context, m *models.Model, o Options) ([]byte, Report, error) {
	if m.Spec.Prediction != flow.Velocity {
		return nil, Report{}, fmt.Errorf("export: the model predicts %v; velocity.onnx gives the velocity, so train with prediction velocity", m.Spec.Prediction)
	}
	if len(o.Engines) == 0 {
		return nil, Report{}, fmt.Errorf("export: no engine to check the file on")
	}
	file, err := write(m, o)
	if err != nil {
		return nil, Report{}, err
	}
	report, err := Verify(ctx, file, o.Checks)
	if err != nil {
		return nil, report, err
	}
	if err := report.Err(); err != nil {
		return nil, report, fmt.Errorf("%w; nothing is exported", err)
	}
	return file, report, nil
}

// write makes the file.
func write(m *models.Model, o Options) ([]byte, error) {
	g, err := models.VelocityGraph(m)
	if err != nil {
		return nil, err
	}
	if g, err = g.Flatten(); err != nil {
		return nil, err
	}
	for n := range g.Walk() {
		if n.Op == "Loop" || n.Op == "If" {
			return nil, fmt.Errorf("export: node %s is control flow (%s), which velocity.onnx does without", n.Name, n.Op)
		}
	}
	if o.Profile == (onnx.Profile{}) {
		o.Profile = onnx.Wide
	}
	meta, err := metadata(m, g, o)
	if err != nil {
		return nil, err
	}
	file, err := onnx.FromGraph(g, o.Profile, meta)
	if err != nil {
		return nil, err
	}
	file.DocString = usage(m.Spec)
	if err := file.Check(); err != nil {
		return nil, fmt.Errorf("export: the file would not be valid: %w", err)
	}
	return file.Marshal(), nil
}

// metadata is what the file says about itself: the model's spec, the training facts, the architecture and the check.
func metadata(m *models.Model, g *graph.Graph, o Options) (map[string]string, error) {
	meta := m.Spec.Metadata()
	arch, err := json.Marshal(struct {
		Kind     string              `json:"kind"`
		Settings models.Architecture `json:"settings"`
	}{m.Arch.Kind(), m.Arch})
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	numbers := 0
	for _, p := range g.Params {
		numbers += p.Data.Len()
	}
	names := make([]string, len(o.Engines))
	for i, e := range o.Engines {
		names[i] = e.Name
	}
	maps.Copy(meta, map[string]string{
		keyArchitecture: string(arch),
		keyParameters:   strconv.Itoa(numbers),
		keyRuntime:      o.Profile.Runtime,
		keyParity:       fmt.Sprintf("%s: max|difference|/max(1, max|value|) <= %g against a float64 forward pass", strings.Join(names, ", "), o.bound(m.Spec)),
	})
	for key, fact := range o.Facts {
		if !strings.HasPrefix(key, flow.Prefix) {
			return nil, fmt.Errorf("export: training fact %q: its key must begin with %s", key, flow.Prefix)
		}
		if have, ok := meta[key]; ok && have != fact {
			return nil, fmt.Errorf("export: training fact %s = %q contradicts the model's %q", key, fact, have)
		}
		meta[key] = fact
	}
	return meta, nil
}

// usage is the file's doc string: how to sample, in words.
func usage(s flow.Spec) string {
	dims := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(s.Dims)), ", "), "[]")
	var b strings.Builder
	fmt.Fprintf(&b, "Velocity field u(x, t) of a flow-matching model, written by fmtool.\n\n")
	fmt.Fprintf(&b, "Inputs: x float32 [batch, %s], in model space; t float32 [1, 1], or [batch, 1] for a time per row, from 0 (noise) to 1 (data)", dims)
	switch c := s.Condition; c.Kind {
	case flow.Labels:
		fmt.Fprintf(&b, "; y int64 [batch], a class from 0 to %d, or %d for none", c.Classes-1, c.Classes)
	case flow.Vector:
		fmt.Fprintf(&b, "; y float32 [batch, %d], a condition vector; y_drop float32 [batch, 1], 1 to leave y out of account, 0 otherwise", c.Width)
	}
	fmt.Fprintf(&b, ".\nOutput: velocity float32 [batch, %s], in model space.\n\n", dims)
	start := "x ~ N(0, 1)"
	if s.Source == flow.DataSource {
		start = "a row of the source data as x = (row - mean) / scale"
	}
	fmt.Fprintf(&b, "To draw samples: start with %s; for k = 0 ... n-1 do x = x + velocity(x, k/n) / n; then, column by column, sample = x * scale + mean, "+
		"with scale and mean from the metadata keys %snormaliser.scale and %snormaliser.mean (one number serves all columns). "+
		"The other keys %s* say what else there is to know.", start, flow.Prefix, flow.Prefix, flow.Prefix)
	return b.String()
}
