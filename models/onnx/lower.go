package onnx

import (
	"fmt"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// Profile is a version of the format to write.
type Profile struct {
	Name      string
	IR, Opset int
	Runtime   string // the oldest onnxruntime that loads it
	Warning   string // what to know before choosing it
}

// The profiles, oldest first. Newer versions of the format gain nothing for the operators written here and lose consumers.
var (
	Wide   = Profile{Name: "wide", IR: 8, Opset: 17, Runtime: "1.12"}
	Seeded = Profile{Name: "seeded", IR: 8, Opset: 18, Runtime: "1.14"}
	Modern = Profile{Name: "modern", IR: 10, Opset: 21, Runtime: "1.18",
		Warning: "releases of onnxruntime for CUDA up to 1.24 have no kernels there for Loop, Identity, Shape and others of opset 21, and run those on the CPU with copies in between"}
)

// Why says which releases of onnxruntime load the profile's files, and for what reason.
func (p Profile) Why() string {
	return fmt.Sprintf("onnxruntime ≥ %s, the first release that reads IR %d and opset %d", p.Runtime, p.IR, p.Opset)
}

// The newest versions of the format that a released onnxruntime loads: 1.32. Up to 1.30 it was opset 26.
const (
	releasedIR    = 14
	releasedOpset = 28
)

// check refuses versions that no runtime takes.
func (p Profile) check() error {
	if p.Opset > releasedOpset || p.IR > releasedIR {
		return fmt.Errorf("profile %s asks for IR %d and opset %d: no released onnxruntime loads more than IR %d and opset %d, and nothing here needs it; use profile %s",
			p.Name, p.IR, p.Opset, releasedIR, releasedOpset, Wide.Name)
	}
	if p.Opset < Wide.Opset || p.IR < Wide.IR {
		return fmt.Errorf("profile %s asks for IR %d and opset %d: files are written from IR %d and opset %d on; use profile %s", p.Name, p.IR, p.Opset, Wide.IR, Wide.Opset, Wide.Name)
	}
	return nil
}

// refusedProfiles are names that users ask for, with the reason why there is no such profile.
var refusedProfiles = map[string]string{
	"bf16":     "onnxruntime has no CPU kernel that computes in bfloat16, for any operator of these graphs; files are float32",
	"bfloat16": "onnxruntime has no CPU kernel that computes in bfloat16, for any operator of these graphs; files are float32",
	"fp16":     "on a CPU onnxruntime converts float16 to float32 around every operator, which is no faster and loses accuracy; files are float32",
	"latest":   "the newest opset loads in no released onnxruntime, and nothing here needs it; use wide",
}

// ParseProfile returns the profile of a name. The error for another one proposes the nearest, or says why it does not exist.
func ParseProfile(name string) (Profile, error) {
	var names []string
	for _, p := range Profiles() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	if why := refusedProfiles[name]; why != "" {
		return Profile{}, fmt.Errorf("onnx: no profile %s: %s", name, why)
	}
	return Profile{}, fmt.Errorf("onnx: %w", flow.Unknown("profile", name, names))
}

// Profiles lists them.
func Profiles() []Profile { return []Profile{Wide, Seeded, Modern} }

// missing is the error for what p cannot say; it names the first profile that can.
func (p Profile) missing(what string, since int) error {
	for _, other := range Profiles() {
		if other.Opset >= since {
			return fmt.Errorf("%s needs opset %d, profile %s has %d: write the model with profile %s (onnxruntime ≥ %s)",
				what, since, p.Name, p.Opset, other.Name, other.Runtime)
		}
	}
	return fmt.Errorf("%s needs opset %d; no profile has it", what, since)
}

// needs is an error about the opset that a node's contents need; the writer turns it into advice.
type needs struct {
	what  string
	since int
}

func (n needs) Error() string { return fmt.Sprintf("%s needs opset %d", n.what, n.since) }

// The changes from the canonical definition to older ones.

// axesToAttribute writes a reduction whose axes must be known.
func axesToAttribute(c *conversion) error {
	noop := c.integer("noop_with_empty_axes", 0) != 0
	var axes []int64
	if len(c.in) > 1 && c.in[1] != nil {
		list, ok := fixedInts(c.in[1])
		if !ok {
			return needs{c.op + " over axes that are computed", 18}
		}
		axes = list
	}
	c.in = c.in[:1]
	switch {
	case len(axes) > 0:
		c.attrs["axes"] = axes
	case noop:
		c.op = "Identity"
		delete(c.attrs, "keepdims")
	}
	return nil
}

// fixedInts is the elements of an integer value that no run can change.
func fixedInts(v *graph.Value) ([]int64, bool) {
	if v.Kind != graph.Constant && v.Kind != graph.Captured || v.Ints == nil {
		return nil, false
	}
	list := make([]int64, len(v.Ints))
	for i, d := range v.Ints {
		n, ok := d.Fixed()
		if !ok {
			return nil, false
		}
		list[i] = int64(n)
	}
	return list, true
}

func noBool(c *conversion) error {
	if c.in[0].Type.DType == tensor.Bool {
		return needs{c.op + " of bool", 20}
	}
	return nil
}

func noHalf(c *conversion) error {
	if c.in[0].Type.DType == tensor.Float16 {
		return needs{c.op + " of float16", 27}
	}
	return nil
}

// noFloorMod: below opset 28 numbers with a fraction have the remainder of truncation alone.
func noFloorMod(c *conversion) error {
	if fmod, _ := c.attrs["fmod"].(int64); fmod == 0 && c.in[0].Type.DType.IsFloat() {
		return needs{c.op + " of floats without fmod", 28}
	}
	return nil
}

func noExtremes(c *conversion) error {
	if r, _ := c.attrs["reduction"].(string); r == "max" || r == "min" {
		return needs{"ScatterElements with reduction " + r, 18}
	}
	return nil
}

// evenParts writes Split without num_outputs: parts of equal length follow from the number of outputs, others are listed.
func evenParts(c *conversion) error {
	delete(c.attrs, "num_outputs")
	if len(c.in) > 1 && c.in[1] != nil || c.in[0].Type.Shape == nil {
		return nil
	}
	axis, _ := c.attrs["axis"].(int64)
	at, err := graph.Axis(int(axis), len(c.in[0].Type.Shape))
	if err != nil {
		return err
	}
	n, ok := c.in[0].Type.Shape[at].Fixed()
	if !ok || n%c.outputs == 0 {
		return nil
	}
	size := (n + c.outputs - 1) / c.outputs
	var parts []int
	for left := n; len(parts) < c.outputs; left -= size {
		parts = append(parts, max(0, min(size, left)))
	}
	c.input(1, c.constant("split", parts))
	return nil
}
