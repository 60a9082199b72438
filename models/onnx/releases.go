package onnx

import (
	"fmt"
	"strconv"
	"strings"
)

// A Release of onnxruntime with the newest versions of the format that it loads, oldest first: measured with a model of one node, those of 1.12 to 1.16
// from its documentation. Releases between two rows load what the older row does.
type Release struct {
	Version   string
	IR, Opset int64
}

var releases = []Release{
	{"1.12", 8, 17}, {"1.14", 8, 18}, {"1.16", 9, 19}, {"1.17", 9, 20}, {"1.18", 10, 21}, {"1.21", 10, 22}, {"1.23", 11, 23}, {"1.24", 13, 25},
	{"1.25", 13, 26}, {"1.32", releasedIR, releasedOpset},
}

// OldestRelease is the first release of the table that loads a version of the format. What 1.12 loads, older ones may load too.
func OldestRelease(ir, opset int64) (Release, bool) {
	for _, r := range releases {
		if ir <= r.IR && opset <= r.Opset {
			return r, true
		}
	}
	return Release{}, false
}

// opsetOf is the version of ONNX's own operators that the model imports, 0 if none.
func (m *Model) opsetOf() (v int64) {
	for _, list := range m.imported() {
		for _, o := range list {
			if domain(o.Domain) == "" {
				v = max(v, o.Version)
			}
		}
	}
	return v
}

// imported are the imports of the model and of its functions.
func (m *Model) imported() [][]*OperatorSetID {
	all := [][]*OperatorSetID{m.OpsetImport}
	for _, f := range m.Functions {
		all = append(all, f.OpsetImport)
	}
	return all
}

// Older reports that release v came before w, both as in 1.24.
func Older(v, w string) bool {
	part := func(v string) (out [2]int) {
		for i, p := range strings.SplitN(v, ".", 3) {
			if i < 2 {
				out[i], _ = strconv.Atoi(p)
			}
		}
		return out
	}
	a, b := part(v), part(w)
	return a[0] < b[0] || a[0] == b[0] && a[1] < b[1]
}

// loads says which releases load the model, and why no older ones: those whose table of kernels misses one are counted out too.
func (m *Model) loads(missing []missingKernel) (version, why string) {
	opset := m.opsetOf()
	r, ok := OldestRelease(m.IRVersion, opset)
	if !ok {
		return "", fmt.Sprintf("no released onnxruntime loads IR %d and opset %d: the newest, %s, loads IR %d and opset %d", m.IRVersion, opset,
			releases[len(releases)-1].Version, releasedIR, releasedOpset)
	}
	version, why = r.Version, fmt.Sprintf("IR %d and opset %d", m.IRVersion, opset)
	for _, k := range missing {
		switch {
		case k.since == "":
			return "", fmt.Sprintf("onnxruntime has no CPU kernel of %s for %s", k.op, k.element)
		case Older(version, k.since):
			version, why = k.since, fmt.Sprintf("the CPU kernel of %s for %s", k.op, k.element)
		}
	}
	return version, why
}
