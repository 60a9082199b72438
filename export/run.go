package export

import (
	"errors"
	"fmt"
	"strings"

	"fmtool/models/flow"
	"fmtool/models/onnx"
)

// errNoWeights says that a file has no weights of its own.
var errNoWeights = errors.New("has no weights in its file to hold to a run")

// heldToRun compares a file with what the trained model exports under the file's own settings: each thing that differs is a fault.
func (d *described) heldToRun(c Checks) ([]Fault, error) {
	if d.kind == flow.TrainStepKind {
		return nil, errNoWeights
	}
	r, o, err := d.remade(c)
	if err != nil {
		return nil, err
	}
	file, err := r.file(c.Model, &o)
	if err != nil {
		return nil, err
	}
	want, err := onnx.Unmarshal(file)
	if err != nil {
		return nil, err
	}
	var faults []Fault
	for _, diff := range onnx.Compare(want, d.model) {
		if diff.What == "metadata" && (strings.HasPrefix(diff.Name, keyDigests) || diff.Name == keyParity) {
			continue
		}
		says := fmt.Sprintf("is %.60q, of the run %.60q", diff.B, diff.A)
		if diff.Absolute > 0 {
			says = fmt.Sprintf("is not the run's: largest difference %.3g", diff.Absolute)
		}
		faults = append(faults, Fault{Check: "run", Place: diff.What + " " + diff.Name, Says: says})
	}
	return faults, nil
}

// remade is the recipe of the file's kind, and options that say what its metadata do.
func (d *described) remade(c Checks) (recipe, Options, error) {
	meta := d.model.Metadata()
	o := Options{Guidance: d.guided, Solver: d.method, Unroll: d.steps, Adaptive: d.adapts, Divergence: meta[keyDivergence], Facts: c.Facts}
	for _, p := range onnx.Profiles() {
		if int64(p.IR) == d.model.IRVersion && int64(p.Opset) == d.opset() {
			o.Profile = p
		}
	}
	for _, r := range recipes {
		if r.kind == d.kind {
			return r, o, nil
		}
	}
	return recipe{}, o, fmt.Errorf("export: nothing writes a %s", d.kind)
}

// opset is the version of ONNX's own operators.
func (d *described) opset() int64 {
	for _, o := range d.model.OpsetImport {
		if o.Domain == "" {
			return o.Version
		}
	}
	return 0
}
